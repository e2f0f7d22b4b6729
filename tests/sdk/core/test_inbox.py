"""What came in: once, in order, acked only when committed, and never blocked by what does not open."""

import msgspec
import pytest

from onebar.core import content
from onebar.core.frames import (
    FLAG_SILENT,
    FLAG_TOP_UP,
    Ack,
    CaughtUp,
    Deliver,
    Dropped,
    Ping,
    Request,
    Response,
    Submit,
    decode_as,
    encode_message,
)
from onebar.core.inbox import TICKS_MAX
from onebar.core.questions import FindDevice
from onebar.core.turn import Attention, LinkLost, MessageArrived, NetworkChanged
from onebar.events import ChatChanged, MessageReceived, MessageUnreadable
from onebar.models import MessageState
from onebar.store.inbox import ASKS_MAX
from tests.sdk.core.scripted import ME, PEER, PEER_PHONE, WALL_MS, Scripted, text


def opened() -> tuple[Scripted, int]:
    """A device that knows its peer."""
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no


def broken(sealed: bytes) -> bytes:
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


def test_a_text_its_event_and_the_cursor_are_one_commit_and_the_ack_follows_it() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(2), 2), CaughtUp(2))
    assert phone.texts() == ["text 1", "text 2"]
    assert phone.frames == [Ack(1, 2)]
    assert phone.engine.device.cursor == 2
    assert [event.text for event in phone.events() if isinstance(event, MessageReceived)] == ["text 1", "text 2"]


def test_all_has_come_only_once_the_mail_of_strangers_has() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1), CaughtUp(1))
    assert phone.engine.link.caught_up_ms is None
    phone.answer(link_no, phone.peer_info(PEER[1], certificate=PEER[1]))
    assert phone.texts() == ["text 1"]
    assert phone.engine.link.caught_up_ms is not None


def test_mail_of_a_stranger_waits_in_order_for_the_keys_and_is_not_acked_before() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(2), 2))
    (request,) = [frame for frame in phone.frames if isinstance(frame, Request)]
    assert (request.method, decode_as(FindDevice, request.params)) == ("device", FindDevice(*PEER))
    assert not [frame for frame in phone.frames if isinstance(frame, Ack)]
    phone.say(link_no, phone.deliver(text(3), 3))
    assert not phone.frames
    phone.answer_no(link_no, request.no, phone.peer_info())
    assert phone.texts() == ["text 1", "text 2", "text 3"]
    assert phone.frames == [Ack(1, 3)]


def test_mail_of_a_sender_that_even_the_directory_does_not_know_blocks_nothing() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1, device=99), phone.deliver(text(2), 2))
    phone.answer(link_no, phone.peer_info())
    assert phone.texts() == ["text 2"]
    (once_more,) = phone.requests("device")
    assert decode_as(FindDevice, once_more.params) == FindDevice(PEER[0], 99), "it is in quarantine: perhaps later"
    assert [frame for frame in phone.frames if frame != once_more] == [Ack(1, 2, (1,))]


def test_r8_an_envelope_has_its_effect_once_whatever_place_it_comes_in() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(1), 1), phone.deliver(text(1), 2))
    assert phone.texts() == ["text 1"]
    assert phone.frames == [Ack(1, 3)]


@pytest.mark.parametrize("field", ["account", "device", "out_no"])
def test_r10_an_envelope_under_another_name_or_number_does_not_open(field: str) -> None:
    phone, link_no = opened()
    honest = phone.deliver(text(1), 5)
    values = {name: getattr(honest, name) for name in Deliver.__struct_fields__}
    values[field] += 1
    phone.say(link_no, Deliver(**values))
    if field != "out_no":
        phone.answer(link_no, error="no_account")
    assert not phone.texts()
    assert Ack(1, 1, (1,)) in phone.frames


def test_r10_an_envelope_for_another_recipient_does_not_open() -> None:
    phone, link_no = opened()
    other = Scripted(seed=9)
    other.open()
    anothers = other.deliver(text(1), 1).ciphertext
    keys, plain = phone.engine.public_keys(), content.encode(text(2))
    renamed = phone.peer.seal(plain, 2, (ME[0], ME[1] + 1), keys, phone.signed)
    for seq, sealed in enumerate((anothers, renamed), 1):
        phone.say(link_no, Deliver(seq - 1, seq, *PEER, seq, WALL_MS, 0, sealed))
    assert not phone.texts()
    phone.say(link_no, Deliver(2, 3, *PEER, 3, WALL_MS, 0, phone.peer.seal(plain, 3, ME, keys, phone.signed)))
    assert phone.texts() == ["text 2"], "it was the way that did not fit"


def test_r11_what_does_not_open_is_asked_for_again_and_its_answer_takes_its_place() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(2), 2, change=broken), phone.deliver(text(3), 3))
    assert phone.texts() == ["text 1", "text 3"]
    (again,) = phone.submits()
    assert phone.opened(again) == content.Again((2,))
    assert again.flags & FLAG_SILENT
    page = phone.store.history(PEER_PHONE, 9)
    assert [message.missing_before for message in page if not message.outgoing] == [0, 1]
    phone.say(link_no, phone.deliver(content.Resealed(2, text(2)), 9))
    assert phone.texts() == ["text 1", "text 2", "text 3"]
    assert not phone.store.inbox.quarantined()


def test_r11_asking_ends_after_three_times_and_then_it_is_shown() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1, change=broken))
    asked = len(phone.submits())
    for _ in range(20):
        phone.wait(phone.config.ask_again_s + 1)
        asked += len(phone.submits())
        phone.give(LinkLost(link_no, "cut"))
        phone.wait(60)
        link_no = phone.dials[0].link_no
        flight = phone.dials[0].flight
        assert flight
        out_no = phone.engine.device.out_no
        phone.welcome(
            link_no,
            cursor=1,
            mark=out_no,
            mark_hash=phone.store.outbox.hash_of(out_no) or phone.engine.device.floor_hash,
        )
        asked += len(phone.submits())
    assert asked == ASKS_MAX
    (message,) = [message for message in phone.store.history(PEER_PHONE, 9) if not message.outgoing]
    assert message.state is MessageState.UNREADABLE
    assert len([event for event in phone.events() if isinstance(event, MessageUnreadable)]) == 1


def test_r11_answers_that_do_not_open_either_do_not_go_on_for_ever() -> None:
    phone, link_no = opened()
    asked = 0
    for out_no in range(1, 30):
        phone.say(link_no, phone.deliver(content.Resealed(out_no, text(1)), out_no, flags=FLAG_TOP_UP, change=broken))
        asked += len(phone.submits())
        phone.accept(link_no, phone.engine.device.out_no)
    assert asked <= ASKS_MAX


def test_silent_content_that_does_not_open_is_not_asked_for() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(content.Again((1,)), 1, flags=FLAG_SILENT, change=broken))
    assert phone.frames == [Ack(1, 1)]
    assert not phone.store.inbox.quarantined()


@pytest.mark.parametrize("plain", [b"", b"\xc1", b"\x92\x01\x02", b"\x92\xcc\xfa\x01", b"\x91" * 5000])
def test_content_that_is_none_or_newer_is_set_aside_and_blocks_nothing(plain: bytes) -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(plain, 1), phone.deliver(text(1), 2))
    assert phone.texts() == ["text 1"]
    assert not [frame for frame in phone.frames if isinstance(frame, Submit)], "asking again would not help"


def test_r14_a_hole_that_the_server_declares_is_passed() -> None:
    phone, link_no = opened()
    phone.seq = 7
    phone.say(link_no, Dropped(0, 7, 7, "retention"), phone.deliver(text(8), 8))
    assert phone.texts() == ["text 8"]
    assert phone.frames == [Ack(1, 8)]


def test_more_held_mail_than_any_credit_allows_costs_the_link() -> None:
    phone = Scripted()
    link_no = phone.open()
    entries = [Deliver(seq - 1, seq, *PEER, seq, WALL_MS, 0, b"x") for seq in range(1, 2100)]
    for start in range(0, 2099, 500):
        phone.give(MessageArrived(link_no, encode_message(entries[start : start + 500])))
    while phone.turn.more and not phone.hangs:
        phone.give()
    assert phone.hangs == [link_no]


def reconnect(phone: Scripted, *, epoch: int = 1, cursor: int = 0) -> int:
    """Lose the link and be welcomed on the next, with everything after the cursor to come again."""
    phone.give(LinkLost(phone.engine.device.connection_no, "cut"))
    phone.wait(60)
    link_no = phone.dials[0].link_no
    device = phone.engine.device
    phone.welcome(link_no, epoch=epoch, cursor=cursor, mark=device.floor, mark_hash=device.floor_hash)
    return link_no


def test_r8_what_did_not_open_earns_no_tick_when_it_comes_again_behind_one_that_opened() -> None:
    phone, link_no = opened()
    damaged, intact = phone.deliver(text(1), 1, change=broken), phone.deliver(text(2), 2)
    phone.say(link_no, damaged, intact)
    link_no = reconnect(phone, epoch=2)
    phone.say(link_no, damaged, intact)
    assert [frame for frame in phone.frames if isinstance(frame, Ack)] == [Ack(2, 2, (1,))]


def test_r8_an_intact_copy_of_what_had_not_opened_takes_its_place() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1, change=broken), phone.deliver(text(2), 2))
    link_no = reconnect(phone, epoch=2)
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(2), 2))
    assert phone.texts() == ["text 1", "text 2"]
    assert phone.frames[-1] == Ack(2, 2)
    assert phone.store.inbox.quarantined(), "its number stays until an answer earns its tick"


def test_r11_what_was_given_up_stays_shown_once_and_earns_no_tick_when_it_comes_again() -> None:
    phone, link_no = opened()
    stranger = phone.deliver(text(1), 1, device=99)
    phone.say(link_no, stranger)
    phone.answer(link_no, error="no_account")
    phone.wait(0.1)
    for epoch in (2, 3, 4, 5):
        link_no = reconnect(phone, epoch=epoch)
        asked = phone.requests("device")
        phone.say(link_no, stranger)
        (request,) = asked + phone.requests("device")
        phone.say(link_no, Response(request.no, "no_account"))
        assert [frame for frame in phone.frames if isinstance(frame, Ack)] == [Ack(epoch, 1, (1,))]
        phone.wait(0.1)
    assert phone.store.history(PEER_PHONE, 9)[-1].state is MessageState.UNREADABLE
    assert len(phone.store.history(PEER_PHONE, 9)) == 2


def test_r11_a_clock_that_was_years_ahead_does_not_stop_the_asking() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1, change=broken))
    phone.database.connection.execute("UPDATE quarantine SET asked_at_ms = asked_at_ms + 315360000000")
    for _ in range(90):
        phone.wait(1)
        phone.accept(link_no, phone.engine.device.out_no)
    link_no = reconnect(phone, cursor=1)
    assert any(phone.opened(submit) == content.Again((1,)) for submit in phone.submits())


def test_r11_another_damaged_envelope_is_asked_for_as_often_as_the_first() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1, change=broken))
    phone.database.connection.execute("UPDATE quarantine SET asked = 3")
    phone.accept(link_no, phone.engine.device.out_no)
    phone.say(link_no, phone.deliver(text(2), 2, change=broken))
    assert [phone.opened(submit) for submit in phone.submits()] == [content.Again((2,))]


def test_r25_more_unopened_than_one_ack_can_name_are_named_by_several() -> None:
    phone, link_no = opened()
    rows = [(seq,) for seq in range(1, 2001)]
    phone.database.connection.executemany("INSERT INTO unopened VALUES (?)", rows)
    phone.seq = 2000
    phone.say(link_no, Dropped(0, 2000, 2000, "expired"))
    acks = [frame for frame in phone.frames if isinstance(frame, Ack)]
    assert [(ack.cursor, len(ack.unopened)) for ack in acks] == [(1024, 1024), (2000, 976)]
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(60)
    assert (phone.hello().cursor, len(phone.hello().unopened)) == (1024, 1024)


def test_content_of_a_later_version_takes_its_place_and_nothing_silent_does() -> None:
    phone, link_no = opened()
    newer = [msgspec.msgpack.encode([99, 100 + place, place, WALL_MS, {"poll": []}]) for place in (2, 3)]
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(newer[0], 2), phone.deliver(text(4), 3))
    phone.say(link_no, phone.deliver(newer[1], 4, flags=FLAG_SILENT))
    page = [message for message in phone.store.history(PEER_PHONE, 9) if not message.outgoing]
    assert [message.state for message in page] == ["received", "unsupported", "received"]
    assert [plain for _, plain in phone.store.inbox.unsupported(9)] == newer[:1]
    assert phone.frames == [Ack(1, 4)]


def test_a_copy_by_somebody_else_is_not_believed() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(content.Copy(text(1), PEER[0]), 1))
    phone.say(link_no, phone.deliver(content.Resealed(9, text(2), PEER[0]), 2))
    assert len(phone.store.history(PEER_PHONE, 9)) == 1, "our own text"


def test_r12_an_intact_copy_behind_an_ack_that_called_it_unopened_is_asked_for_again_so_that_it_earns_a_tick() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    intact = phone.deliver(text(1), 1)
    broken = msgspec.structs.replace(intact, ciphertext=intact.ciphertext[:-1] + b"?")
    phone.say(link_no, broken)
    assert Ack(1, 1, (1,)) in phone.frames
    phone.give(NetworkChanged())
    second = phone.dials[0].link_no
    phone.welcome(second)
    phone.say(second, intact)
    assert phone.texts() == ["text 1"]
    assert [phone.opened(submit) for submit in phone.submits()] == [content.Again((1,))]


def test_r12_a_tick_that_is_asked_for_waits_for_room_in_the_window_and_is_given_up_in_silence() -> None:
    phone = Scripted(window=1)
    link_no = phone.open()
    phone.meet_peer(link_no)
    intact = phone.deliver(text(1), 1)
    phone.say(link_no, msgspec.structs.replace(intact, ciphertext=intact.ciphertext[:-1] + b"?"))
    phone.give(NetworkChanged())
    second = phone.dials[0].link_no
    phone.welcome(second)
    phone.say(second, intact)
    assert phone.texts() == ["text 1"]
    assert not phone.submits(), "the first request for it is on its way"
    asked = []
    for _ in range(400):
        phone.accept(second, phone.engine.device.out_no)
        phone.wait(1)
        asked += [phone.opened(submit) for submit in phone.submits()]
        if not phone.store.inbox.quarantined():
            break
    assert asked
    assert set(asked) == {content.Again((1,))}
    assert not phone.store.inbox.quarantined()
    assert phone.texts() == ["text 1"]
    states = [message.state for message in phone.store.history(PEER_PHONE, 9) if not message.outgoing]
    assert states == ["received"]


def test_nobody_waits_for_the_ack_of_a_tick_so_it_rides_with_the_next_frame() -> None:
    phone, link_no = opened()
    phone.tick(link_no, 1, 1)
    assert phone.frames == []
    phone.send("more")
    assert [type(frame) for frame in phone.frames] == [Submit, Ack]
    assert phone.frames[1] == Ack(1, 1)
    phone.accept(link_no, 2)
    phone.tick(link_no, 2, 2)
    assert phone.frames == []
    phone.wait(phone.config.keepalive_s)
    assert phone.frames == [Ping(1), Ack(1, 2)], "an idle link says it with its probe"


def test_mail_between_ticks_is_acked_at_once_and_so_are_many_ticks() -> None:
    phone, link_no = opened()
    phone.tick(link_no, 1, 1)
    phone.say(link_no, phone.deliver(text(1), 1))
    assert phone.frames == [Ack(1, 2)]
    for _ in range(TICKS_MAX - 1):
        phone.tick(link_no, 1, 1)
        assert phone.frames == []
    phone.tick(link_no, 1, 1)
    assert phone.frames == [Ack(1, 2 + TICKS_MAX)]


def test_in_the_background_ticks_are_acked_at_once_since_the_link_is_about_to_go() -> None:
    phone, link_no = opened()
    phone.give(Attention(foreground=False))
    phone.tick(link_no, 1, 1)
    assert Ack(1, 1) in phone.frames


def gaps(phone: Scripted) -> list[int]:
    return [message.missing_before for message in phone.store.history(PEER_PHONE, 9) if not message.outgoing]


def test_nobody_waits_at_a_place_at_which_nothing_comes() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(4), 2))
    assert gaps(phone) == [0, 2]
    phone.say(link_no, phone.deliver(content.Skipped((2,)), 3, flags=FLAG_SILENT))
    assert gaps(phone) == [0, 1]
    assert [event.chat for event in phone.events() if isinstance(event, ChatChanged)] == [PEER_PHONE]
    phone.say(link_no, phone.deliver(content.Skipped((3, 5)), 4, flags=FLAG_SILENT), phone.deliver(text(6), 5))
    assert gaps(phone) == [0, 0, 0]
    assert phone.texts() == ["text 1", "text 4", "text 6"]


def test_a_stranger_has_no_word_about_the_places_of_our_own_account() -> None:
    phone, link_no = opened()
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(3), 2))
    phone.say(link_no, phone.deliver(content.Skipped((2,), to=PEER[0]), 3, flags=FLAG_SILENT))
    assert gaps(phone) == [0, 1]
