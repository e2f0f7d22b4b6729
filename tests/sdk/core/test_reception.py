"""What the server says at the right time and at the wrong one, frame by frame."""

import msgspec
import pytest

from onebar.config import Config
from onebar.core.frames import (
    Accepted,
    Ack,
    CaughtUp,
    Deliver,
    Delivered,
    Dropped,
    FlightWanted,
    GoAway,
    Ping,
    Pong,
    Refused,
    Request,
    Response,
    ServerFrame,
    Undelivered,
    encode,
    encode_message,
)
from onebar.core.link_states import LinkState
from onebar.core.records import Status
from onebar.core.turn import LinkConnected, LinkLost, MessageArrived, NetworkChanged, Transmit
from onebar.models import MessageState
from tests.sdk.core.scripted import LIMITS, PEER, WALL_MS, Scripted, text

EARLY: list[ServerFrame] = [
    Accepted(0),
    Deliver(0, 1, *PEER, 1, WALL_MS, 0, b"sealed"),
    Delivered(0, 1, *PEER, ((1, 1),)),
    Undelivered(0, 1, *PEER, 1, "expired"),
    Dropped(0, 1, 1, "retention"),
    Response(1, "no_account"),
    CaughtUp(0),
    Pong(1),
]


@pytest.mark.parametrize("frame", EARLY, ids=lambda frame: type(frame).__name__)
def test_frames_before_the_welcome_cost_the_link_and_have_no_effect(frame: ServerFrame) -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkConnected(link_no))
    phone.say(link_no, frame)
    assert phone.hangs == [link_no]
    assert phone.engine.device.cursor == 0


@pytest.mark.parametrize("frame", [FlightWanted(), GoAway(1000, "restart")], ids=lambda frame: type(frame).__name__)
def test_a_server_cannot_speak_on_a_link_that_is_not_connected(frame: ServerFrame) -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.say(link_no, frame)
    assert phone.hangs == [link_no]


def test_a_flight_that_was_stripped_is_sent_as_a_message_and_a_welcomed_link_has_none_left() -> None:
    phone = Scripted()
    dial = phone.register()
    phone.give(LinkConnected(dial.link_no))
    phone.say(dial.link_no, FlightWanted())
    assert phone.outputs == [Transmit(dial.link_no, dial.flight)]
    phone.welcome_again(dial.link_no)
    phone.say(dial.link_no, FlightWanted())
    assert not phone.outputs


def test_a_second_welcome_costs_the_link() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.welcome_again(link_no)
    assert phone.hangs == [link_no]


def test_a_server_that_goes_away_before_its_welcome_is_given_its_slot() -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkConnected(link_no))
    phone.say(link_no, GoAway(9000, "restart"))
    assert phone.engine.links == {link_no: LinkState.DRAINING}
    assert not phone.wait(2.9).outputs, "nothing to send: not in the first third"
    phone.wait(6.1)
    assert len(phone.dials) == 1


@pytest.mark.parametrize("seed", range(5))
def test_r17_waiting_mail_makes_a_slot_in_the_first_third(seed: int) -> None:
    phone = Scripted(seed=seed)
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.say(link_no, GoAway(9000, "restart"))
    phone.wait(3)
    assert len(phone.dials) == 1


@pytest.mark.parametrize("seed", range(5))
def test_r17_who_sends_something_in_its_slot_takes_that_of_a_device_with_mail(seed: int) -> None:
    phone = Scripted(seed=seed)
    link_no = phone.open()
    phone.say(link_no, GoAway(9000, "restart"))
    timer_s = phone.turn.timer_s
    assert timer_s is not None
    begun_s = phone.now_s
    share = (timer_s - begun_s) / 9  # drawn from the last two thirds
    early_s = begun_s + 9 * (share - 1 / 3) / 2
    phone.send("hello")
    assert phone.turn.timer_s == pytest.approx(early_s)
    phone.wait(early_s - begun_s + 0.001)
    assert len(phone.dials) == 1


def test_r17_after_the_first_third_it_dials_at_once_and_a_failed_dial_is_followed_by_a_pause() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, GoAway(30_000, "restart"))
    phone.wait(10)
    assert not phone.dials
    phone.send("hello")
    (dial,) = phone.dials
    phone.give(LinkLost(dial.link_no, "refused"))
    phone.send("hello again")
    assert not phone.dials, "the slot is over, and a pause is no slot"


def came_too_early(seed: int, *, within_ms: int = 30_000) -> Scripted:
    """Return a phone that has dialed in its slot and was refused."""
    phone = Scripted(seed=seed)
    link_no = phone.open()
    phone.say(link_no, GoAway(within_ms, "restart"))
    phone.give(LinkLost(link_no, "closed"))
    assert phone.turn.timer_s is not None
    phone.wait(phone.turn.timer_s - phone.now_s)
    (dial,) = phone.dials
    phone.give(LinkLost(dial.link_no, "refused"))
    return phone


def test_r17_who_comes_too_early_draws_another_slot_of_those_that_are_left() -> None:
    shares = []
    for seed in range(40):
        begun_s = (phone := Scripted(seed=seed)).now_s
        phone = came_too_early(seed)
        assert phone.turn.timer_s is not None
        shares.append((phone.turn.timer_s - phone.now_s) / (begun_s + 30 - phone.now_s))
    assert all(0 <= share <= 1.01 for share in shares)
    assert sum(share > 0.5 for share in shares) > 10, "evenly, and not as soon as it can"


def test_r17_who_came_too_early_and_sends_something_comes_at_once() -> None:
    phone = came_too_early(3)
    assert not phone.dials
    phone.send("hello")
    assert len(phone.dials) == 1


def test_r17_once_all_slots_are_over_or_a_link_was_welcomed_failures_are_followed_by_pauses_again() -> None:
    phone = came_too_early(3)
    phone.wait(31)
    (dial,) = phone.dials
    phone.give(LinkLost(dial.link_no, "refused"))
    assert phone.turn.timer_s is not None
    assert phone.turn.timer_s - phone.now_s <= 8 * Config().backoff_s_min
    phone = came_too_early(3)
    phone.give(NetworkChanged("another"))
    (dial,) = phone.dials
    phone.give(LinkLost(dial.link_no, "refused"))
    assert phone.turn.timer_s is not None
    assert phone.turn.timer_s - phone.now_s <= 8 * Config().backoff_s_min


def test_r17_a_draft_that_waits_for_its_keys_is_waiting_mail_too() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    phone.say(link_no, GoAway(9000, "restart"))
    phone.wait(3)
    assert len(phone.dials) == 1


def test_what_a_draining_link_still_says_counts_and_nothing_new_is_sent_on_it() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.say(link_no, GoAway(9000, "restart"))
    phone.accept(link_no, 1)
    assert phone.message(1).state is MessageState.SENT
    phone.say(link_no, phone.deliver(text(1), 1))
    assert phone.texts() == ["text 1"]
    assert phone.frames == [Ack(1, 1)]
    phone.send("waits for the next link")
    assert not phone.frames


def test_an_old_pong_is_no_answer_to_a_newer_ping() -> None:
    phone = Scripted()
    link_no = phone.open()
    for number in (1, 2):
        phone.wait(number * phone.config.keepalive_s)
        assert phone.frames == [Ping(number)]
        phone.say(link_no, Pong(1))
    phone.wait(phone.config.answer_timeout_s)
    assert phone.dials


def test_pongs_out_of_order_leave_nothing_owed() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.wait(phone.config.keepalive_s)
    phone.say(link_no, Pong(1), Pong(0))
    assert phone.turn.timer_s == pytest.approx(phone.now_s + 2 * phone.config.keepalive_s)


def test_caught_up_changes_nothing() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, CaughtUp(0))
    assert not phone.outputs
    assert phone.engine.links == {link_no: LinkState.OPEN}


@pytest.mark.parametrize("reason", ["device_removed", "account_gone"])
def test_r18_a_terminal_refusal_ends_everything_that_waits(reason: str) -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    messages = [phone.send("one"), phone.send("two")]
    phone.give(LinkConnected(link_no))
    phone.say(link_no, Refused(reason))
    assert {phone.message(number).reason for number in messages} == {reason}
    assert phone.turn.timer_s is None


def test_a_response_whose_result_is_none_costs_the_link_and_ends_no_message() -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    (request,) = [frame for frame in phone.frames if isinstance(frame, Request)]
    phone.say(link_no, Response(request.no, "", msgspec.Raw(encode(LIMITS))))
    assert phone.hangs == [link_no]
    assert phone.message(message_no).state is MessageState.QUEUED


def test_verdicts_before_the_welcome_are_a_protocol_error() -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkConnected(link_no), MessageArrived(link_no, encode_message([Accepted(0)])))
    assert phone.hangs == [link_no]


def test_go_away_waits_for_its_slot_and_still_listens() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, GoAway(9000, "restart"))
    assert phone.engine.links == {link_no: LinkState.DRAINING}
    assert phone.turn.timer_s is not None
    assert 3.0 <= phone.turn.timer_s - phone.now_s <= 9.0, "nothing to send: not in the first third"
    phone.say(link_no, GoAway(9000, "restart"))
    phone.wait(9)
    assert len(phone.dials) == 1


def test_a_go_away_cannot_send_the_phone_away_for_longer_than_half_a_minute() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, GoAway(2**62, "for ever"))
    assert phone.turn.timer_s is not None
    assert phone.turn.timer_s - phone.now_s <= 30


def test_a_removed_device_is_told_so_and_can_register_anew_with_new_keys() -> None:
    phone = Scripted()
    link_no = phone.open()
    keys = phone.engine.public_keys()
    message_no = phone.send("waits")
    phone.say(link_no, Refused("device_removed"))
    assert phone.engine.device.status is Status.REMOVED
    assert phone.message(message_no).state is MessageState.UNDELIVERABLE
    assert phone.engine.public_keys() != keys
    assert phone.wait(1000).outputs == []
    assert phone.register().link_no == 1


def test_a_response_that_nobody_asked_for_costs_the_link() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, Response(77, "no_account"))
    assert phone.hangs == [link_no]
