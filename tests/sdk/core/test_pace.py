"""Keeping within the server's rates, and waiting where it says so (docs/protocol.md §8)."""

import msgspec
import pytest

from onebar.core.frames import Hello, Response, Slow, Submit, decode_client, encode
from onebar.core.pace import TELL_AGAIN_S, WAIT_S_MAX
from onebar.core.questions import FindBundle, FindDevice, Limited
from onebar.core.turn import LinkLost, Send
from onebar.events import RateLimited
from onebar.models import MessageState
from tests.sdk.core.scripted import LIMITS, PEER, WALL_MS, Scripted, text

OTHER_PHONE = "+12025550103"


def numbers(phone: Scripted) -> list[int]:
    return [submit.out_no for submit in phone.submits()]


def limits_met(phone: Scripted) -> list[RateLimited]:
    return [event for event in phone.events() if isinstance(event, RateLimited)]


def talking(**limits: int) -> tuple[Scripted, int]:
    """Return a phone that has said one thing, and its link."""
    phone = Scripted()
    phone.limits = msgspec.structs.replace(LIMITS, **limits)
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no


def test_a_number_that_is_put_off_is_sent_again_after_the_wait_with_the_same_bytes() -> None:
    phone, link_no = talking()
    message_no = phone.send("a")
    (first,) = phone.submits()
    turn = phone.say(link_no, Slow(2, "messages", 3000))
    assert turn.timer_s is not None
    assert turn.timer_s <= phone.now_s + 3
    assert phone.message(message_no).state is MessageState.QUEUED
    phone.send("b")
    assert numbers(phone) == [], "what is behind it waits in the row"
    phone.wait(2.9)
    assert numbers(phone) == []
    phone.wait(0.1)
    assert phone.submits() == [first]
    phone.accept(link_no, 2)
    assert phone.message(message_no).state is MessageState.SENT
    assert numbers(phone) == [3]


def test_after_a_wait_the_row_starts_slowly() -> None:
    phone, link_no = talking()
    for _ in range(9):
        phone.send("x")
    phone.say(link_no, Slow(2, "messages", 1000))
    phone.wait(1)
    assert numbers(phone) == [2]
    phone.accept(link_no, 2)
    assert numbers(phone) == [3, 4]
    phone.accept(link_no, 4)
    assert numbers(phone) == [5, 6, 7, 8]
    phone.say(link_no, Slow(5, "messages", 1000))
    phone.wait(1)
    assert numbers(phone) == [5]


def test_another_link_waits_as_well() -> None:
    phone, link_no = talking()
    phone.send("a")
    phone.say(link_no, Slow(2, "messages", 90_000))
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(60)
    assert len(decode_client(phone.dials[0].flight[64:])) == 1, "its flight has the Hello only"
    phone.welcome(phone.dials[0].link_no, mark=1, mark_hash=phone.engine.device.floor_hash)
    assert numbers(phone) == []
    phone.wait(30)
    assert numbers(phone) == [2]


def test_a_wait_of_what_has_its_verdict_is_over() -> None:
    phone, link_no = talking()
    phone.send("a")
    phone.accept(link_no, 2)
    phone.say(link_no, Slow(2, "messages", 1_000_000))
    phone.send("b")
    assert numbers(phone) == [3]
    assert limits_met(phone) == []


def test_a_hostile_wait_ends() -> None:
    phone, link_no = talking()
    phone.send("a")
    phone.say(link_no, Slow(2, "x" * 64, 2**63 - 1))
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(WAIT_S_MAX)
    assert [type(frame) for frame in decode_client(phone.dials[0].flight[64:])] == [Hello, Submit]
    assert limits_met(phone)[0].until_ms <= WALL_MS + (phone.now_s + WAIT_S_MAX) * 1000


def test_the_app_hears_of_a_limit_once_a_minute() -> None:
    phone, link_no = talking()
    phone.send("a")
    phone.say(link_no, Slow(2, "messages", 1000))
    (told,) = limits_met(phone)
    assert (told.limit, told.until_ms) == ("messages", WALL_MS + round(phone.now_s * 1000) + 1000)
    phone.wait(1)
    phone.say(link_no, Slow(2, "messages", 1000))
    assert len(limits_met(phone)) == 1
    phone.say(link_no, Slow(2, "first_contacts", 1000))
    assert len(limits_met(phone)) == 2
    phone.now_s += TELL_AGAIN_S
    phone.say(link_no, Slow(2, "messages", 1000))
    assert len(limits_met(phone)) == 3


def test_a_chat_keeps_to_the_announced_pace_and_holds_up_no_other() -> None:
    phone, _ = talking(messages_max=3, messages_refill_ms=5000)
    for _ in range(5):
        phone.send("x")
    assert phone.engine.device.out_no == 3, "the first one counts"
    (told,) = limits_met(phone)
    assert told.limit == "messages"
    phone.give(Send(OTHER_PHONE, "to somebody else"))
    assert phone.requests("phone"), "others are not held up"
    phone.wait(5)
    assert phone.engine.device.out_no == 4
    phone.wait(5)
    assert phone.engine.device.out_no == 5
    assert not any(submit.out_no > 5 for submit in phone.submits())


def test_many_resting_chats_leave_room_for_others() -> None:
    phone, link_no = talking()
    phone.silent.add(FindBundle)
    for number in range(100):
        phone.give(Send(f"+1202556{number:04}", "x"))
        for request in phone.requests("phone"):
            phone.say(link_no, limited(request.no, "lookups", 600_000))
    assert phone.send("to a friend")
    assert len(phone.submits()) == 1
    assert len(limits_met(phone)) == 1


def limited(no: int, limit: str, wait_ms: int) -> Response:
    return Response(no, "rate_limited", msgspec.Raw(encode(Limited(limit, wait_ms))))


def test_a_question_is_asked_again_after_the_servers_wait_on_whatever_link() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    (request,) = phone.requests("phone")
    phone.say(link_no, limited(request.no, "lookups", 100_000))
    assert phone.requests("phone") == []
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(60)
    link_no = phone.dials[0].link_no
    phone.welcome(link_no)
    assert phone.requests("phone") == []
    turn = phone.wait(39)
    assert phone.requests("phone") == []
    assert turn.timer_s is not None
    assert turn.timer_s <= phone.now_s + 1
    phone.wait(1)
    assert phone.requests("phone")
    phone.answer(link_no)
    assert [type(frame) for frame in phone.frames] == [Submit]
    assert [event.limit for event in limits_met(phone)] == ["lookups"]


def test_mail_whose_sender_cannot_be_looked_up_now_is_opened_after_the_wait() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1, "hi"), 1))
    (request,) = phone.requests("device")
    phone.say(link_no, limited(request.no, "lookups", 10_000))
    phone.wait(10)
    (request,) = phone.requests("device")
    phone.answer_no(link_no, request.no, phone.peer_info(PEER[1], certificate=PEER[1]))
    assert phone.texts() == ["hi"]


@pytest.mark.parametrize("result", [b"\xc0", b"\x91\x05"])
def test_a_limit_without_a_wait_breaks_the_protocol(result: bytes) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    (request,) = phone.requests("phone")
    phone.say(link_no, Response(request.no, "rate_limited", msgspec.Raw(result)))
    assert phone.hangs == [link_no]
    assert FindDevice(*PEER) not in phone.engine._state.postponed
