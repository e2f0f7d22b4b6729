"""How a link begins, and how old copies of either side's database are recognised (docs/protocol.md §3)."""

import random
import string

import pytest

from onebar.core.frames import Ack, FlightWanted, Hello, Refused, Submit, Void, decode_client
from onebar.core.records import Status
from onebar.core.resume import FLIGHT_HEADER, FLIGHT_HEADER_BYTES_MAX, encode_header
from onebar.core.turn import (
    Dial,
    LinkConnected,
    LinkLost,
    NetworkChanged,
    Registered,
    Replace,
    ReplaceFailed,
    ReplaceRefused,
    Transmit,
)
from onebar.crypto import certificates
from onebar.crypto.keys import PeerKeys, flight_to_sign, replacement_to_sign, verify
from onebar.events import DeviceRemoved, DeviceReplaced
from onebar.models import MessageState
from tests.sdk.core.scripted import Scripted, hash_of, text


def sent_and_settled(phone: Scripted) -> tuple[int, Submit]:
    """One text with its verdict; returns the link and the envelope."""
    link_no = phone.open()
    submit = phone.meet_peer(link_no)
    phone.accept(link_no, submit.out_no)
    return link_no, submit


def redial(phone: Scripted, link_no: int) -> int:
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(60)
    return phone.dials[0].link_no


def test_the_flight_is_signed_over_the_host_and_says_where_we_stopped() -> None:
    phone = Scripted()
    dial = phone.register()
    signature, message = dial.flight[:64], dial.flight[64:]
    assert verify(phone.engine.public_keys().identity_key, signature, flight_to_sign("server.test", message))
    assert not verify(phone.engine.public_keys().identity_key, signature, flight_to_sign("other.test", message))
    hello = phone.hello()
    assert (hello.account, hello.device, hello.connection_no) == (1, 11, 1)
    assert (hello.epoch, hello.cursor, hello.floor, hello.unopened) == (0, 0, 0, ())


def test_connection_numbers_rise_over_crashes() -> None:
    phone = Scripted()
    phone.register()
    for number in range(2, 6):
        phone = phone.crash()
        phone.wait(0)
        assert phone.hello().connection_no == number


def test_the_flight_carries_the_longest_prefix_of_the_outbox_that_fits() -> None:
    phone = Scripted()
    link_no, submit = sent_and_settled(phone)
    phone.give(LinkLost(link_no, "cut"))
    for number in range(40):
        phone.send(f"{number} " + "x" * 500)
    phone.wait(60)
    flight = phone.dials[0].flight
    frames = [frame for frame in decode_client(flight[64:]) if isinstance(frame, Submit)]
    assert [frame.out_no for frame in frames] == list(range(2, 2 + len(frames)))
    header = len(FLIGHT_HEADER) + 4 + len(encode_header(flight))
    assert FLIGHT_HEADER_BYTES_MAX - 1000 < header <= FLIGHT_HEADER_BYTES_MAX
    phone.welcome(phone.dials[0].link_no, mark=1, mark_hash=hash_of(submit))
    assert [frame.out_no for frame in phone.submits()] == list(range(2 + len(frames), 42))


def test_an_envelope_too_long_for_the_header_is_no_reason_to_send_a_later_one_first() -> None:
    phone = Scripted()
    link_no, _ = sent_and_settled(phone)
    phone.give(LinkLost(link_no, "cut"))
    dice = random.Random(1)  # such words do not shrink much
    long = ["".join(dice.choices(string.ascii_letters + string.digits, k=4096)) for _ in range(2)]
    for words in ("short", *long, "short again"):
        phone.send(words)
    phone.wait(60)
    frames = [frame for frame in decode_client(phone.dials[0].flight[64:]) if isinstance(frame, Submit)]
    assert [frame.out_no for frame in frames] == [2, 3]


def test_a_stripped_flight_goes_again_as_the_first_message() -> None:
    phone = Scripted()
    dial = phone.register()
    phone.give(LinkConnected(dial.link_no))
    phone.say(dial.link_no, FlightWanted())
    assert phone.outputs == [Transmit(dial.link_no, dial.flight)]


def test_nothing_is_sealed_before_a_welcome_matched_in_this_process() -> None:
    phone = Scripted()
    link_no, submit = sent_and_settled(phone)
    phone.give(LinkLost(link_no, "cut"))
    phone = phone.crash()
    phone.send("after the restart")
    assert phone.engine.device.out_no == 1
    phone.welcome(phone.dials[0].link_no, mark=1, mark_hash=hash_of(submit))
    assert [frame.out_no for frame in phone.submits()] == [2]


@pytest.mark.parametrize("what", ["connection", "mark", "cursor", "hash", "floor", "refused"])
def test_r20_a_server_that_is_ahead_means_that_this_is_an_old_copy(what: str) -> None:
    phone = Scripted()
    link_no, submit = sent_and_settled(phone)
    waiting = phone.send("never said under the old name")
    link_no = redial(phone, link_no)
    old = phone.engine.public_keys()
    if what == "refused":
        phone.give(LinkConnected(link_no))
        phone.say(link_no, Refused("connection_number", link_no + 1))
    else:
        phone.welcome(
            link_no,
            connection_no=link_no + (what == "connection"),
            mark=9 if what == "mark" else 1,
            cursor=5 if what == "cursor" else 0,
            mark_hash=b"another envelope" if what == "hash" else hash_of(submit),
            floor=2 if what == "floor" else 0,
        )
    assert phone.engine.device.status is Status.REPLACING
    assert phone.hangs == [link_no]
    (replace,) = [output for output in phone.outputs if isinstance(output, Replace)]
    new = PeerKeys(replace.identity_key, replace.box_key, replace.key_signature)
    assert new.valid
    assert new != old
    assert verify(old.identity_key, replace.proof, replacement_to_sign(1, 11, new))
    assert not phone.wait(3600).outputs, "one request at a time, and never a dial under the old name"
    phone.give(Registered(1, 12))
    assert phone.engine.public_keys() == new
    hello = phone.hello()
    assert (hello.device, hello.connection_no, hello.floor) == (12, 1, 0)
    phone.welcome(1)
    assert [frame.out_no for frame in phone.submits()] == [1]
    assert phone.message(waiting).state is MessageState.QUEUED
    listed = certificates.list_from_bytes(phone.devices)
    assert [(one.device, one.keys) for one in listed.certificates] == [(12, new)], "in the place of the old copy"
    assert [type(event) for event in phone.events()].count(DeviceReplaced) == 1


def test_r20_the_replacement_survives_crashes_and_lost_answers() -> None:
    phone = Scripted()
    link_no, _ = sent_and_settled(phone)
    link_no = redial(phone, link_no)
    phone.welcome(link_no, mark=9)
    first = [output for output in phone.outputs if isinstance(output, Replace)]
    phone.give(ReplaceFailed())
    phone.wait(60)
    assert [output for output in phone.outputs if isinstance(output, Replace)] == first
    phone = phone.crash()
    phone.wait(0)
    assert [output for output in phone.outputs if isinstance(output, Replace)] == first


def test_r18_a_replacement_that_is_refused_ends_the_device() -> None:
    phone = Scripted()
    link_no, _ = sent_and_settled(phone)
    waiting = phone.send("too late")
    link_no = redial(phone, link_no)
    phone.welcome(link_no, mark=9)
    phone.give(ReplaceRefused("device_removed"))
    assert phone.engine.device.status is Status.REMOVED
    assert phone.message(waiting).state is MessageState.UNDELIVERABLE
    assert [event.reason for event in phone.events() if isinstance(event, DeviceRemoved)] == ["device_removed"]


def test_r15_a_refused_repetition_of_an_upgrade_is_not_an_old_copy() -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkConnected(link_no))
    phone.say(link_no, Refused("connection_number", link_no))
    assert phone.engine.device.status is Status.REGISTERED
    phone.wait(60)
    assert phone.dials == [Dial(link_no + 1, b"")], "not in the request again: something repeats it"
    phone.give(LinkConnected(link_no + 1))
    phone.say(link_no + 1, FlightWanted())
    (transmit,) = [output for output in phone.outputs if isinstance(output, Transmit)]
    hello = decode_client(transmit.data[64:])[0]
    assert isinstance(hello, Hello)
    assert hello.connection_no == link_no + 1
    phone.give(NetworkChanged())
    assert phone.dials[0].flight, "another network may be better"


@pytest.mark.parametrize("reason", ["unauthenticated", "malformed", "unavailable", "something new"])
def test_other_refusals_are_tried_again_and_end_nothing(reason: str) -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkConnected(link_no))
    phone.say(link_no, Refused(reason))
    assert phone.engine.device.status is Status.REGISTERED
    phone.wait(60)
    assert len(phone.dials) == 1


def test_r21_a_server_that_forgot_verdicts_hears_them_again_with_voids_for_what_is_gone() -> None:
    phone = Scripted()
    link_no = phone.open()
    envelopes = [phone.meet_peer(link_no)]
    for number in range(3):
        phone.send(f"{number}")
        envelopes += phone.submits()
    phone.accept(link_no, 4)
    phone.tick(link_no, 2, 2)  # the second is done with, so its bytes are gone
    link_no = redial(phone, link_no)
    assert phone.hello().floor == 4
    phone.welcome(link_no, mark=1, mark_hash=hash_of(envelopes[0]), epoch=2)
    again = [frame for frame in phone.frames if isinstance(frame, Submit | Void)]
    assert [frame.out_no for frame in again] == [2, 3, 4]
    assert isinstance(again[0], Void)
    assert [hash_of(frame) for frame in again if isinstance(frame, Submit)] == [hash_of(e) for e in envelopes[2:]]
    assert {message.state for message in phone.store.history("+12025550102", 9)} <= {
        MessageState.SENT,
        MessageState.DELIVERED,
    }, "states never move back"


def test_a_new_epoch_is_taken_over_and_what_comes_again_has_no_second_effect() -> None:
    phone = Scripted()
    link_no, submit = sent_and_settled(phone)
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(2), 2))
    link_no = redial(phone, link_no)
    phone.welcome(link_no, epoch=2, cursor=0, mark=1, mark_hash=hash_of(submit))
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(2), 2), phone.deliver(text(3), 3))
    assert phone.texts() == ["text 1", "text 2", "text 3"]
    assert phone.frames == [Ack(2, 3)]


def test_the_hello_repeats_what_could_not_be_opened_until_the_server_knows() -> None:
    phone = Scripted()
    link_no, submit = sent_and_settled(phone)
    phone.say(link_no, phone.deliver(text(1), 1, change=lambda sealed: sealed[:-1] + b"?"))
    link_no = redial(phone, link_no)
    assert (phone.hello().cursor, phone.hello().unopened) == (1, (1,))
    phone.welcome(link_no, cursor=1, mark=1, mark_hash=hash_of(submit))
    link_no = redial(phone, link_no)
    assert phone.hello().unopened == ()


def test_a_repeated_answer_to_the_registration_changes_nothing() -> None:
    phone = Scripted()
    link_no, _ = sent_and_settled(phone)
    phone.give(Registered(1, 11, "+12025550101"))
    assert phone.engine.device.floor == 1
    assert link_no in phone.engine.links


def test_a_late_refusal_to_replace_does_not_end_a_device_that_has_moved_on() -> None:
    phone = Scripted()
    phone.open()
    phone.give(ReplaceRefused("device_removed"), ReplaceFailed())
    assert phone.engine.device.status is Status.REGISTERED


@pytest.mark.parametrize("epoch", [2**33, 2**63 - 1])
def test_an_epoch_from_which_no_server_could_go_on_is_not_believed(epoch: int) -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.welcome(link_no, epoch=epoch)
    assert phone.hangs == [link_no]
    assert phone.engine.device.epoch == 0
    phone.wait(60)
    phone.welcome(phone.dials[0].link_no, epoch=3)
    assert phone.engine.device.epoch == 3
