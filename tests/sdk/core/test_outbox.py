"""Sealing, submitting, verdicts, top-ups (docs/protocol.md R1–R7)."""

import random
import string
from collections.abc import Sequence
from typing import Any

import pytest

from onebar.core import content, sealing
from onebar.core.frames import (
    FLAG_SILENT,
    FLAG_TOP_UP,
    SUBMIT_BYTES_MAX,
    Delivered,
    Note,
    Request,
    Submit,
    Undelivered,
    decode_recipients,
    encode_message,
)
from onebar.core.records import Peer
from onebar.core.state import DeviceState
from onebar.core.turn import LinkLost, SetTransfer
from onebar.models import TEXT_BYTES_MAX, MessageState, TransferWish
from tests.sdk.core.courier import Courier, a_file
from tests.sdk.core.scripted import ME, PEER, PEER_PHONE, PeerDevice, Scripted, hash_of, text

NEW_DEVICE = 23
OWN_DEVICE = 12


def meant_for(submit: Submit) -> list[int]:
    return [device for recipient in decode_recipients(submit.recipients) for device, _ in recipient.envelopes]


def test_a_number_that_nobody_has_ends_the_messages_to_it_visibly() -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no, error="no_account")
    assert (phone.message(message_no).state, phone.message(message_no).reason) == ("undeliverable", "no_account")
    assert [type(event).__name__ for event in phone.events()] == ["MessageQueued", "MessageFailed"]


def test_r1_retries_are_the_very_same_bytes_even_after_a_crash() -> None:
    phone = Scripted()
    link_no = phone.open()
    submit = phone.meet_peer(link_no)
    phone = phone.crash()
    phone.wait(60)
    phone.welcome(phone.dials[0].link_no)
    assert not phone.submits(), "it was in the flight"
    phone.give(LinkLost(phone.engine.device.connection_no, "cut"))
    phone.send("more")
    phone.wait(60)
    assert phone.engine.device.out_no == 2
    stored = phone.store.outbox.outstanding(0, 9)[0]
    assert stored.sealed == bytes(submit.recipients)


def test_r3_the_window_bounds_what_has_no_verdict_and_the_floor_is_told_after_its_commit() -> None:
    phone = Scripted(window=4)
    link_no = phone.open()
    phone.meet_peer(link_no)
    for number in range(9):
        phone.send(f"{number}")
    assert phone.engine.device.out_no == 4
    phone.accept(link_no, 3)
    assert [(submit.out_no, submit.floor) for submit in phone.submits()] == [(5, 3), (6, 3), (7, 3)]


def test_r3_notes_are_applied_before_the_mark() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.send("rejected")
    phone.send("accepted")
    phone.accept(link_no, 3, Note(2, "too_large"))
    states = [message.state for message in phone.store.history(PEER_PHONE, 9)]
    assert states == [MessageState.SENT, MessageState.REJECTED, MessageState.SENT]
    phone.accept(link_no, 3, Note(2, "too_large"))
    assert [type(event).__name__ for event in phone.events()].count("MessageFailed") == 1


def test_a_verdict_on_a_number_that_was_never_used_costs_the_link() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.accept(link_no, 1)
    assert phone.hangs == [link_no]


def test_r4_a_missing_device_gets_its_top_up_and_newer_messages_wait_for_it() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.send("two")
    phone.accept(link_no, 1, Note(1, missing=((PEER[0], NEW_DEVICE),)))
    (question,) = phone.requests("device")
    phone.send("three")
    assert [meant_for(submit) for submit in phone.submits()] == [[PEER[1]]], "its keys are not known yet"
    phone.send("four")
    assert not [frame for frame in phone.frames if isinstance(frame, Request)], "the question is on its way"
    phone.answer_no(link_no, question.no, phone.peer_info(PEER[1], NEW_DEVICE))
    top_ups = phone.submits()
    assert [(meant_for(submit), submit.flags) for submit in top_ups] == [([NEW_DEVICE], FLAG_TOP_UP)]
    phone.send("five")
    assert [meant_for(submit) for submit in phone.submits()] == [[PEER[1]]], "two to four may still be topped up"
    phone.accept(link_no, 4, *(Note(number, missing=((PEER[0], NEW_DEVICE),)) for number in (2, 3, 4)))
    assert [meant_for(submit) for submit in phone.submits()] == [[NEW_DEVICE]] * 3
    phone.accept(link_no, 9, Note(6, missing=((PEER[0], NEW_DEVICE),)))
    assert [meant_for(submit) for submit in phone.submits()] == [[NEW_DEVICE]]
    phone.send("six")
    assert [meant_for(submit) for submit in phone.submits()] == [[PEER[1], NEW_DEVICE]]


def test_r4_the_server_cannot_add_a_listener_of_another_account() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1, Note(1, missing=((666, 1),)))
    assert not phone.frames
    assert not phone.store.outbox.top_ups(9)


def test_a_removed_device_ends_the_message_when_no_other_can_get_it() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1, Note(1, removed=(PEER,)))
    assert phone.message(1).state is MessageState.UNDELIVERABLE
    phone.send("next")
    assert [frame.method for frame in phone.frames if isinstance(frame, Request)] == ["account"]


def test_r5_undelivered_ends_a_message_only_if_nobody_opened_it() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.send("second")
    phone.accept(link_no, 2)
    phone.tick(link_no, 1, 1)
    phone.say(link_no, *(Undelivered(seq - 1, seq, *PEER, seq - 1, "retention") for seq in (2, 3)))
    assert [phone.message(number).state for number in (1, 2)] == [MessageState.DELIVERED, MessageState.UNDELIVERABLE]
    assert phone.message(2).reason == "retention"


def test_r5_a_tick_before_the_verdict_is_believed_and_never_taken_back() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.tick(link_no, 1, 1)
    assert phone.message(1).state is MessageState.DELIVERED
    phone.accept(link_no, 1)
    assert phone.message(1).state is MessageState.DELIVERED
    assert not phone.store.outbox.outstanding(0, 9)


def test_ticks_of_strangers_and_for_others_are_not_believed() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    phone.tick(link_no, 1, 1, device=99)
    phone.tick(link_no, 2, 2**62)
    assert phone.message(1).state is MessageState.SENT


def test_r5_drafts_expire_by_the_servers_clock_and_sealed_ones_do_not() -> None:
    phone = Scripted(window=1)
    link_no = phone.open()
    phone.meet_peer(link_no)
    waiting = phone.send("waits behind the window")
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(31 * 86_400)
    assert phone.message(waiting).state is MessageState.QUEUED, "only on a welcomed link"
    phone.welcome(phone.dials[0].link_no)
    assert phone.message(waiting).state is MessageState.EXPIRED
    assert phone.message(1).state is MessageState.QUEUED


@pytest.mark.parametrize("years", [-50, -1, 1, 50])
def test_r5_a_phone_with_a_wrong_clock_loses_no_fresh_message(years: int) -> None:
    phone = Scripted(window=1)
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.give(LinkLost(link_no, "cut"))
    phone = phone.crash()
    phone.wall_s = years * 365.25 * 86_400
    before = phone.send("sent before the server told the time")
    phone.welcome(phone.dials[0].link_no)
    phone.wall_s = 0
    phone.wait(1)
    after = phone.send("the clock is set right meanwhile")
    phone.wall_s = -years * 365.25 * 86_400
    phone.wait(4000)
    assert {phone.message(number).state for number in (before, after)} == {MessageState.QUEUED}
    assert phone.message(before).sent_at_ms >= 0


def test_d2_a_message_that_nobody_ever_opened_ends_visibly() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(91 * 86_400)
    phone.welcome(phone.dials[0].link_no, mark=1, mark_hash=phone.engine.device.floor_hash)
    assert (phone.message(1).state, phone.message(1).reason) == (MessageState.UNDELIVERABLE, "no_receipt")


def test_r11_a_resealed_message_that_is_undeliverable_is_so() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    phone.say(link_no, phone.deliver(content.Again((1,)), 1, flags=FLAG_SILENT))
    assert [submit.out_no for submit in phone.submits()] == [2]
    phone.accept(link_no, 2)
    phone.seq += 1
    phone.say(link_no, Undelivered(phone.seq - 1, phone.seq, *PEER, 2, "expired"))
    assert phone.message(1).state is MessageState.UNDELIVERABLE


def test_r19_a_draft_that_cannot_be_sealed_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    real = sealing.seal

    def failing(state: DeviceState, out_no: int, peers: Sequence[tuple[Peer, content.Content]]) -> list[Any]:
        if any(getattr(what, "text", "") == "poison" for _, what in peers):
            raise ZeroDivisionError("a defect")
        return list(real(state, out_no, peers))

    monkeypatch.setattr(sealing, "seal", failing)
    poison = phone.send("poison")
    phone.send("next")
    assert (phone.message(poison).state, phone.message(poison).reason) == (MessageState.UNDELIVERABLE, "internal")
    assert [submit.out_no for submit in phone.submits()] == [2]


def test_a_chat_that_waits_for_its_keys_holds_up_no_other_chat() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    for number in range(100):
        phone.give(phone.to("+12025550199", f"nobody answers for me {number}"))
    phone.send("to a friend")
    assert len(phone.submits()) == 1


def test_r11_an_answer_goes_only_to_the_account_it_was_meant_for_and_a_few_times() -> None:
    phone = Scripted()
    link_no = phone.open()
    submit = phone.meet_peer(link_no)
    said = phone.opened(submit)
    phone.accept(link_no, 1)
    for number in range(1, 6):
        phone.say(link_no, phone.deliver(content.Again((1, 77)), number, flags=FLAG_SILENT))
        answers = phone.submits()
        assert len(answers) == (number <= 3)
        for answer in answers:
            what = phone.opened(answer)
            assert isinstance(what, content.Resealed)
            assert what.text == said
            assert (what.out_no, answer.flags, meant_for(answer)) == (1, FLAG_TOP_UP, [PEER[1]])


@pytest.mark.parametrize("size", [1, 4096])
def test_a_sealed_text_fits_a_submit_and_its_hash_is_stored(size: int) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("x" * size)
    phone.answer(link_no)
    (submit,) = phone.submits()
    assert len(bytes(submit.recipients)) < 16_384
    assert phone.store.outbox.hash_of(1) == hash_of(submit)


def with_another_own_device(phone: Scripted) -> PeerDevice:
    """Let our account have one more device, which gets copies."""
    own = PeerDevice(OWN_DEVICE, ME[0])
    phone.peers[OWN_DEVICE] = own
    phone.store.contacts.put_device(Peer(ME[0], OWN_DEVICE, own.keys.public(), removed=False))
    return own


def test_a_copy_for_an_own_device_that_is_undelivered_says_nothing_about_the_recipient() -> None:
    phone = Scripted()
    link_no = phone.open()
    with_another_own_device(phone)
    assert meant_for(phone.meet_peer(link_no)) == [PEER[1], OWN_DEVICE]
    phone.accept(link_no, 1)
    phone.say(link_no, Undelivered(0, 1, ME[0], OWN_DEVICE, 1, "retention"))
    assert phone.message(1).state is MessageState.SENT
    phone.say(link_no, Undelivered(1, 2, *PEER, 1, "retention"))
    assert (phone.message(1).state, phone.message(1).reason) == (MessageState.UNDELIVERABLE, "retention")


def test_a_tick_of_an_own_device_is_no_tick_of_the_recipient() -> None:
    phone = Scripted()
    link_no = phone.open()
    with_another_own_device(phone)
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    phone.say(link_no, Delivered(0, 1, ME[0], OWN_DEVICE, ((1, 1),)))
    assert phone.message(1).state is MessageState.SENT


def test_r7_no_submit_is_longer_than_the_server_takes_and_who_is_left_out_gets_a_top_up() -> None:
    phone = Scripted()
    link_no = phone.open()
    devices = range(30, 40)
    dice = random.Random(1)  # such words do not shrink much
    said = "".join(dice.choices(string.ascii_letters + string.digits, k=TEXT_BYTES_MAX))
    phone.send(said)
    phone.answer(link_no, phone.peer_info(*devices))
    (submit,) = phone.submits()
    served = meant_for(submit)
    assert served == list(devices)[: len(served)]
    assert 1 < len(served) < len(devices)
    assert len(encode_message([submit])) <= SUBMIT_BYTES_MAX
    missing = tuple((PEER[0], device) for device in devices if device not in served)
    phone.accept(link_no, 1, Note(1, missing=missing))
    top_ups = phone.submits()
    assert [device for top_up in top_ups for device in meant_for(top_up)] == [device for _, device in missing]
    for top_up in top_ups:
        assert len(encode_message([top_up])) <= SUBMIT_BYTES_MAX
        what = phone.opened(top_up)
        assert isinstance(what, content.Text)
        assert what.text == said


def test_a_turn_in_which_nothing_new_can_be_sealed_does_not_look_for_it() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    said: list[str] = []
    phone.store._database.connection.set_trace_callback(said.append)
    phone.accept(link_no, 1)
    phone.tick(link_no, 1, 1)
    phone.say(link_no, phone.deliver(text(1), 1))
    assert not [sql for sql in said if "FROM top_up" in sql or "state = 'queued' AND m.out_no" in sql]
    phone.send("more")
    assert [sql for sql in said if "FROM top_up" in sql]
    assert len(phone.submits()) == 1
    phone.store._database.connection.set_trace_callback(None)


def skipped(phone: Scripted) -> list[content.Content | content.Unknown]:
    """What the last turn says of places at which nothing comes."""
    silent = FLAG_SILENT | FLAG_TOP_UP
    opened = [phone.opened(submit) for submit in phone.submits() if submit.flags == silent]
    return [one for one in opened if isinstance(one, content.Skipped)]


def test_who_gives_a_file_up_says_so_behind_what_was_said_after_it() -> None:
    phone = Courier()
    first, second = phone.send_file(), phone.send_file(a_file(number=2))
    phone.give(SetTransfer(first, TransferWish.CANCEL))
    assert not phone.submits(), "nobody can see a gap yet"
    phone.send("never mind")
    assert [type(phone.opened(submit)) for submit in phone.submits()] == [content.Text]
    phone.verdict()
    assert skipped(phone) == [content.Skipped((2,))]
    phone.verdict()
    phone.give(SetTransfer(second, TransferWish.CANCEL))
    assert skipped(phone) == [content.Skipped((3,))]
    phone.verdict()
    phone.send("at all")
    assert [type(phone.opened(submit)) for submit in phone.submits()] == [content.Text], "it is said once"


def test_what_was_given_up_is_said_after_a_crash() -> None:
    phone = Courier()
    message_no = phone.send_file()
    phone.send("a text behind it")
    phone.verdict()
    with phone.store.transaction():  # as a turn that commits the end and dies before its next step
        assert phone.store.outbox.fail_draft(message_no, "cancelled")
    phone.restart()
    assert skipped(phone) == [content.Skipped((2,))]
