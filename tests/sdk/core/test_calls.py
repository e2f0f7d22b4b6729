"""What the app calls: its result, or the error that it gets; and receipts, told in batches and never taken back."""

import pytest

from onebar.core import content
from onebar.core.frames import FLAG_SILENT
from onebar.core.outbox import RECEIPTS_EVERY_S
from onebar.core.questions import AccountInfo
from onebar.core.records import Status
from onebar.core.turn import (
    AddDevice,
    AppInput,
    Input,
    MarkRead,
    Poked,
    Registered,
    RemoveDevice,
    ReplaceFailed,
    ReplaceRefused,
    Send,
    SetChat,
    SetReadReceipts,
    SetStanding,
    SetTrust,
)
from onebar.crypto import certificates
from onebar.crypto.certificates import AccountKey
from onebar.errors import InputError, NotRegisteredError
from onebar.events import ChatChanged, MessageRead
from onebar.models import MessageState, Standing
from tests.sdk.core.scripted import ME, MY_PHONE, PEER, PEER_PHONE, WALL_MS, PeerDevice, Scripted, text

KEYS = PeerDevice(12, ME[0]).keys.public()


def met() -> tuple[Scripted, int]:
    """A device whose first message to the peer was accepted."""
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no


def received(phone: Scripted, link_no: int, *numbers: int, device: int = PEER[1]) -> list[int]:
    """Let texts of the peer come in; returns the messages' numbers."""
    phone.say(link_no, *(phone.deliver(text(number), number, device=device) for number in numbers))
    shown = {message.text: message.message_no for message in phone.store.history(PEER_PHONE, 999)}
    return [shown[f"text {number}"] for number in numbers]


def receipts(phone: Scripted) -> list[content.Content | content.Unknown]:
    """What the last turn told as read; the server takes it at once."""
    told = [phone.opened(submit) for submit in phone.submits() if submit.flags & FLAG_SILENT]
    if told:
        phone.accept(max(phone.engine.links), phone.engine.device.out_no)
    return told


@pytest.mark.parametrize("call", [Send(PEER_PHONE, "hi"), AddDevice(KEYS), RemoveDevice(12)], ids=lambda one: str(one))
def test_a_device_without_an_account_is_told_to_register(call: AppInput) -> None:
    phone = Scripted()
    (error,) = phone.give(call).results
    assert isinstance(error, NotRegisteredError)
    assert "new" in str(error)
    assert not phone.events()


def test_a_send_returns_the_messages_number_and_the_old_one_for_a_key_that_was_used() -> None:
    phone, _ = met()
    first = phone.send("once", key="k")
    assert phone.send("once", key="k") == first
    assert phone.send("twice") == first + 1


def test_nobody_writes_to_the_own_number() -> None:
    phone, _ = met()
    (error,) = phone.give(Send(MY_PHONE, "hello me")).results
    assert isinstance(error, InputError)
    assert MY_PHONE not in str(error)


def test_results_stand_in_the_order_of_the_calls_whatever_failed() -> None:
    phone, _ = met()
    results = phone.give(Send(MY_PHONE, "no"), Send(PEER_PHONE, "yes"), RemoveDevice(99), Poked()).results
    assert [type(one) for one in results] == [InputError, int, InputError, type(None)]


@pytest.mark.parametrize("verified", [True, False])
def test_there_is_nothing_to_verify_before_the_first_words(verified: bool) -> None:
    phone = Scripted()
    link_no = phone.open()
    (error,) = phone.give(SetTrust(PEER_PHONE, b"k" * 32, verified)).results
    assert isinstance(error, InputError)
    phone.send("hello")
    phone.answer(link_no, phone.peer_info())
    assert isinstance(phone.give(SetTrust(PEER_PHONE, b"k" * 32, verified)).results[0], InputError)
    assert phone.give(SetTrust(PEER_PHONE, phone.peer.account_key.public, verified)).results == [None]


@pytest.mark.parametrize("answer", [ReplaceRefused("account_gone"), ReplaceFailed()])
def test_an_answer_about_a_replacement_that_nobody_waits_for_changes_nothing(answer: AppInput) -> None:
    phone, _ = met()
    before = phone.engine.device
    assert phone.give(answer).results == [None]
    assert phone.engine.device == before


def test_a_repeated_registration_changes_nothing() -> None:
    phone, link_no = met()
    before = phone.engine.device
    phone.give(Registered(*ME, MY_PHONE))
    assert phone.engine.device == before
    assert list(phone.engine.links) == [link_no]


def test_what_was_read_is_told_to_its_author_in_silence() -> None:
    phone, link_no = met()
    first, _ = received(phone, link_no, 1, 2)
    assert phone.give(MarkRead(PEER_PHONE, first)).results == [None]
    assert receipts(phone) == [content.Read(((PEER[1], 1),))]


def test_receipts_are_told_together_after_a_pause() -> None:
    phone, link_no = met()
    numbers = received(phone, link_no, 1, 2, 3, 4)
    phone.give(MarkRead(PEER_PHONE, numbers[0]))
    assert len(receipts(phone)) == 1
    told = []
    for number in numbers[1:]:
        turn = phone.give(MarkRead(PEER_PHONE, number))
        told += receipts(phone)
    assert not told
    assert turn.timer_s is not None
    assert turn.timer_s <= phone.now_s + RECEIPTS_EVERY_S
    phone.wait(RECEIPTS_EVERY_S)
    assert receipts(phone) == [content.Read(((PEER[1], 4),))]
    phone.wait(RECEIPTS_EVERY_S)
    assert not receipts(phone), "once is enough"


def test_one_receipt_tells_of_all_devices_of_the_author() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    phone.answer(link_no, phone.peer_info(22, 23))
    phone.accept(link_no, 1)
    phone.say(link_no, phone.deliver(text(1), 1), phone.deliver(text(5), 1, device=23))
    last = max(message.message_no for message in phone.store.history(PEER_PHONE, 9))
    phone.give(MarkRead(PEER_PHONE, last))
    assert receipts(phone) == [content.Read(((22, 1), (23, 5)))]


def test_a_mark_never_goes_back_and_a_message_of_another_chat_moves_nothing() -> None:
    phone, link_no = met()
    first, second = received(phone, link_no, 1, 2)
    phone.give(MarkRead("+12025550177", second))
    assert not receipts(phone)
    phone.give(MarkRead(PEER_PHONE, second))
    assert len(receipts(phone)) == 1
    phone.now_s += RECEIPTS_EVERY_S
    phone.give(MarkRead(PEER_PHONE, first))
    assert not receipts(phone)
    phone.give(MarkRead(PEER_PHONE, 999))
    assert not receipts(phone)


def test_who_tells_nobody_reads_in_silence_and_what_was_read_then_is_not_told_later() -> None:
    phone, link_no = met()
    first, second = received(phone, link_no, 1, 2)
    assert phone.give(SetReadReceipts(wanted=False)).results == [None]
    assert not phone.engine.device.read_receipts
    phone.give(MarkRead(PEER_PHONE, first))
    assert not receipts(phone)
    phone.give(SetReadReceipts(wanted=True))
    phone.wait(RECEIPTS_EVERY_S)
    assert not receipts(phone)
    phone.give(MarkRead(PEER_PHONE, second))
    assert receipts(phone) == [content.Read(((PEER[1], 2),))]


def test_a_receipt_that_waits_is_dropped_when_the_user_wants_none_told() -> None:
    phone, link_no = met()
    first, second = received(phone, link_no, 1, 2)
    phone.give(MarkRead(PEER_PHONE, first))
    assert len(receipts(phone)) == 1
    phone.give(MarkRead(PEER_PHONE, second), SetReadReceipts(wanted=False))
    phone.wait(RECEIPTS_EVERY_S)
    phone.give(SetReadReceipts(wanted=True))
    phone.wait(RECEIPTS_EVERY_S)
    assert not receipts(phone)


def requested(number: int = 1) -> tuple[Scripted, int, int]:
    """A device to which a stranger has written: itself, its link, and the message."""
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(number), number))
    (question,) = phone.requests("device")
    phone.answer_no(link_no, question.no, phone.peer_info(PEER[1], certificate=PEER[1]))
    (message,) = phone.store.history(PEER_PHONE, 9)
    return phone, link_no, message.message_no


@pytest.mark.parametrize("accepts", [SetStanding(PEER_PHONE, Standing.ACCEPTED), Send(PEER_PHONE, "who are you?")])
@pytest.mark.parametrize("crashes", [False, True])
def test_what_was_read_of_a_request_is_told_as_soon_as_it_is_accepted(accepts: Input, crashes: bool) -> None:
    phone, link_no, message_no = requested()
    phone.give(MarkRead(PEER_PHONE, message_no))
    phone.wait(RECEIPTS_EVERY_S)
    assert not receipts(phone), "who has not accepted tells nothing"
    if crashes:
        phone = phone.crash()
        phone.give(Poked())
        link_no = phone.dials[0].link_no
        phone.welcome(link_no, cursor=1)
    phone.give(accepts)
    told = [phone.opened(submit) for submit in phone.submits()]
    assert told[-1:] == [content.Read(((PEER[1], 1),))], "behind the answer, where there is one"


def test_a_request_that_was_answered_on_another_device_is_told_as_read_here() -> None:
    phone, link_no, message_no = requested()
    tablet = phone.peers[12] = PeerDevice(12, ME[0])
    key = AccountKey(phone.engine.device.account_seed)
    both = ((ME[1], phone.engine.public_keys()), (12, tablet.keys.public()))
    signed = tuple(key.certify(ME[0], device, keys, WALL_MS) for device, keys in both)
    listed = key.sign_list(ME[0], signed, WALL_MS + 10_000_000, certificates.list_from_bytes(phone.devices))
    phone.say(link_no, phone.deliver(content.Copy(text(6, "to somebody else"), 9), 1, device=12))
    phone.answer(link_no, AccountInfo(ME[0], MY_PHONE, certificates.to_bytes(listed)))
    phone.give(MarkRead(PEER_PHONE, message_no))
    phone.say(link_no, phone.deliver(content.Copy(text(7, "who are you?"), PEER[0]), 2, device=12))
    assert phone.store.standings.get(PEER_PHONE) is Standing.ACCEPTED
    assert receipts(phone) == [content.Read(((PEER[1], 1),))]


def test_nothing_is_told_to_who_is_blocked_nor_what_was_read_when_nothing_was_to_be_told() -> None:
    phone, _, message_no = requested()
    phone.give(SetStanding(PEER_PHONE, Standing.BLOCKED))
    phone.give(MarkRead(PEER_PHONE, message_no))
    phone.give(SetStanding(PEER_PHONE, Standing.ACCEPTED))
    assert not receipts(phone)
    phone, _, message_no = requested()
    phone.give(MarkRead(PEER_PHONE, message_no))
    phone.give(SetReadReceipts(wanted=False))
    phone.give(SetReadReceipts(wanted=True))
    phone.give(SetStanding(PEER_PHONE, Standing.ACCEPTED))
    assert not receipts(phone)


def test_the_switch_is_kept() -> None:
    phone, _ = met()
    phone.give(SetReadReceipts(wanted=False))
    assert not phone.crash().engine.device.read_receipts


def test_what_the_peer_has_read_is_told_to_the_app_once_and_never_goes_back() -> None:
    phone, link_no = met()
    second, third = phone.send("two"), phone.send("three")
    phone.accept(link_no, 3)
    phone.tick(link_no, 1, 1)
    phone.say(link_no, phone.deliver(content.Read(((ME[1], 2),)), 1, flags=FLAG_SILENT))
    assert [phone.message(number).state for number in (1, second, third)] == [
        *(MessageState.READ, MessageState.SENT, MessageState.SENT),
    ], "a receipt says up to, and what never came was not read"
    phone.say(link_no, phone.deliver(content.Read(((ME[1], 1),)), 2, flags=FLAG_SILENT))
    phone.tick(link_no, 1, 3)
    assert phone.message(second).state is MessageState.READ
    assert phone.message(third).state is MessageState.DELIVERED
    assert [event.message_no for event in phone.events() if isinstance(event, MessageRead)] == [1, second]


def test_a_receipt_for_another_device_of_ours_says_nothing_about_this_one() -> None:
    phone, link_no = met()
    phone.say(link_no, phone.deliver(content.Read(((99, 1),)), 1, flags=FLAG_SILENT))
    assert phone.message(1).state is MessageState.SENT


def test_a_receipt_that_does_not_open_is_not_asked_for_again() -> None:
    phone, link_no = met()
    phone.say(link_no, phone.deliver(content.Read(((ME[1], 1),)), 1, flags=FLAG_SILENT, change=lambda one: one[:-1]))
    assert not phone.submits()
    assert not phone.store.inbox.quarantined()
    assert phone.engine.device.status is Status.REGISTERED


def test_a_chat_is_set_and_read_and_the_app_hears_of_what_has_changed() -> None:
    phone, link_no = met()
    received(phone, link_no, 1, 2)
    changes: list[AppInput] = [
        SetChat(PEER_PHONE, pinned=True),
        SetChat(PEER_PHONE, pinned=True),
        SetChat(PEER_PHONE, draft="on my way"),
        MarkRead(PEER_PHONE, None),
        MarkRead(PEER_PHONE, None),
        SetChat(PEER_PHONE, archived=True),
    ]
    assert phone.give(*changes).results == [None] * len(changes)
    assert [event.chat for event in phone.events() if isinstance(event, ChatChanged)] == [PEER_PHONE] * 4
    assert phone.store.chats() == []
    received(phone, link_no, 3)
    assert isinstance(phone.events()[-1], ChatChanged)
    [chat] = phone.store.chats()
    assert (chat.unread, chat.pinned, chat.draft) == (1, True, "on my way")


@pytest.mark.parametrize("phone_number", [MY_PHONE, "+4900000000"])
def test_neither_ones_own_number_nor_a_stranger_can_be_pinned(phone_number: str) -> None:
    phone, _ = met()
    (error,) = phone.give(SetChat(phone_number, pinned=True)).results
    assert isinstance(error, InputError)
