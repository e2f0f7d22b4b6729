"""Asking who is who: once, a few at a time, and what the answers may change."""

import msgspec
import pytest

from onebar.core import content
from onebar.core.frames import Ack, Note, Request, Response, decode_as, decode_recipients
from onebar.core.link import REQUESTS_MAX
from onebar.core.questions import AccountInfo, FindAccount, FindDevice, FindPhone
from onebar.core.state import ASK_LATER_S_MIN
from onebar.core.turn import LinkLost
from onebar.crypto import certificates
from onebar.models import MessageState
from tests.sdk.core.scripted import PEER, PEER_PHONE, PeerDevice, Scripted, commits_fail, device_list, text

SECOND_DEVICE = 23
SOMEBODY_ELSE = AccountInfo(9, "+12025550109", certificates.to_bytes(device_list(PeerDevice(91, 9), account=9)))


def forged_keys(device: int = PEER[1]) -> AccountInfo:
    """A device list with another box key for a device, under the peer's own signatures."""
    signed = device_list(PeerDevice(device), counter=9)
    forged = msgspec.structs.replace(signed.certificates[0], box_key=b"\x09" + bytes(31))
    packed = certificates.to_bytes(msgspec.structs.replace(signed, certificates=(forged,)))
    return AccountInfo(PEER[0], PEER_PHONE, packed)


def requests(phone: Scripted) -> list[Request]:
    return [frame for frame in phone.frames if isinstance(frame, Request)]


def recipients(phone: Scripted) -> list[int]:
    """The devices that the last turn's one envelope was sealed for."""
    (submit,) = phone.submits()
    return [device for recipient in decode_recipients(submit.recipients) for device, _ in recipient.envelopes]


def test_questions_wait_for_an_open_link_and_are_asked_again_on_the_next_one() -> None:
    phone = Scripted()
    dial = phone.register()
    phone.send("hello")
    assert not phone.frames
    phone.welcome(dial.link_no)
    (first,) = requests(phone)
    assert decode_as(FindPhone, first.params) == FindPhone(PEER_PHONE)
    assert [request.no for request in (*phone.requests("publish"), first)] == [1, 2]
    phone.give(LinkLost(dial.link_no, "cut"))
    phone.wait(60)
    phone.welcome(phone.dials[0].link_no)
    (again,) = requests(phone)
    assert decode_as(FindPhone, again.params) == FindPhone(PEER_PHONE)
    assert again.no == 1, "numbers count anew on each link, and what was published is there"


def test_r25_an_answer_makes_room_for_one_question() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(*(phone.to(f"+1202556{number:04}", "hi") for number in range(REQUESTS_MAX + 5)))
    asked = [request.no for request in requests(phone)]
    assert asked == list(range(asked[0], asked[0] + REQUESTS_MAX))
    phone.say(link_no, Response(asked[6], "no_account"))
    assert [request.no for request in requests(phone)] == [asked[-1] + 1]
    assert phone.message(7).state is MessageState.UNDELIVERABLE


def test_answers_may_come_in_any_order() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(phone.to("+12025550103", "to nobody"), phone.to(PEER_PHONE, "to the peer"))
    nobody, peer = requests(phone)
    phone.answer_no(link_no, peer.no, phone.peer_info())
    assert recipients(phone) == [PEER[1]]
    phone.say(link_no, Response(nobody.no, "no_account"))
    assert [phone.message(number).state for number in (1, 2)] == [MessageState.UNDELIVERABLE, MessageState.QUEUED]


def test_one_answer_is_no_answer_to_the_next_question() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    (question,) = requests(phone)
    phone.answer_no(link_no, question.no, phone.peer_info())
    assert not phone.hangs
    phone.answer_no(link_no, question.no, phone.peer_info())
    assert phone.hangs == [link_no]


def test_an_answer_about_another_number_costs_the_link_and_ends_no_message() -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no, SOMEBODY_ELSE)
    assert phone.hangs == [link_no]
    assert phone.message(message_no).state is MessageState.QUEUED
    assert phone.store.contacts.account(SOMEBODY_ELSE.phone) is None


def test_an_answer_about_another_account_costs_the_link_and_removes_no_device() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1, Note(1, removed=(PEER,)))
    phone.send("next")
    (request,) = requests(phone)
    assert decode_as(FindAccount, request.params) == FindAccount(PEER[0])
    phone.answer(link_no, SOMEBODY_ELSE)
    assert phone.hangs == [link_no]
    assert phone.message(2).state is MessageState.QUEUED


def test_an_answer_about_another_senders_account_costs_the_link_and_no_mail() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1))
    phone.answer(link_no, SOMEBODY_ELSE)
    assert phone.hangs == [link_no]
    assert phone.engine.device.cursor == 0


def test_devices_that_are_left_out_of_an_accounts_list_are_gone() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1))
    known = phone.peer_info()
    phone.answer(link_no, AccountInfo(known.account, "+12025550199", known.devices))
    phone.send("to its new number")
    phone.answer(link_no, phone.peer_info(SECOND_DEVICE))
    assert recipients(phone) == [SECOND_DEVICE]
    found = phone.store.contacts.device(*PEER)
    assert found is not None, "its last mail may still come"
    assert found.removed


def test_a_list_after_all_known_devices_are_gone_names_the_new_ones() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("to both")
    phone.answer(link_no, phone.peer_info(PEER[1], SECOND_DEVICE))
    assert recipients(phone) == [PEER[1], SECOND_DEVICE]
    phone.accept(link_no, 1, Note(1, removed=(PEER, (PEER[0], SECOND_DEVICE))))
    phone.send("to whoever is left")
    phone.answer(link_no, phone.peer_info(24))
    assert recipients(phone) == [24]


def test_an_answer_about_one_device_brings_the_list_with_the_others() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.say(link_no, phone.deliver(text(1), 1, device=SECOND_DEVICE))
    (request,) = requests(phone)
    assert decode_as(FindDevice, request.params) == FindDevice(PEER[0], SECOND_DEVICE)
    phone.answer(link_no, phone.peer_info(PEER[1], SECOND_DEVICE, certificate=SECOND_DEVICE))
    assert phone.texts() == ["text 1"]
    assert [peer.device for peer in phone.store.contacts.devices(PEER[0])] == [PEER[1], SECOND_DEVICE]


def test_forged_keys_do_not_take_the_place_of_known_ones() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    known = phone.store.contacts.device(*PEER)
    phone.say(link_no, phone.deliver(text(1), 1, device=SECOND_DEVICE))
    phone.answer(link_no, forged_keys())
    assert phone.store.contacts.device(*PEER) == known
    assert not phone.texts()
    assert phone.frames == [Ack(1, 1, (1,))], "a sender without valid keys is a stranger"


@pytest.mark.parametrize("error", ["rate_limited", "bad_request", "unknown_method"])
def test_errors_other_than_no_account_cost_the_link_and_end_no_message(error: str) -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no, error=error)
    assert phone.hangs == [link_no]
    assert phone.message(message_no).state is MessageState.QUEUED
    phone.wait(60)
    assert len(phone.dials) == 1


def test_a_first_message_asks_who_has_the_number_once_and_then_leaves() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    assert [frame.method for frame in phone.frames if isinstance(frame, Request)] == ["phone"]
    (question,) = requests(phone)
    phone.send("again")
    assert not phone.frames, "the question is on its way"
    phone.answer_no(link_no, question.no, phone.peer_info())
    opened = [phone.opened(submit) for submit in phone.submits()]
    assert [(what.chat_no, what.text) for what in opened if isinstance(what, content.Text)] == [
        (1, "hello"),
        (2, "again"),
    ]


def test_keys_that_the_device_did_not_sign_are_not_used() -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no, forged_keys())
    assert not phone.submits()
    assert phone.store.contacts.account(PEER_PHONE) is None
    assert phone.message(message_no).state is MessageState.QUEUED
    phone.wait(ASK_LATER_S_MIN)
    phone.answer(link_no)
    assert recipients(phone) == [PEER[1]], "the server is asked again, and its honest answer is taken"


def test_r25_thousands_of_new_contacts_are_asked_for_a_few_at_a_time() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(*(phone.to(f"+1202556{number:04}", "hi") for number in range(2000)))
    asked = 0
    for _ in range(200):
        requests = [frame for frame in phone.frames if isinstance(frame, Request)]
        asked += len(requests)
        assert len(requests) <= 32
        if not requests and not phone.turn.more:
            break
        phone.say(link_no, *(Response(request.no, "no_account") for request in requests))
    assert asked == 2000
    assert not phone.store.outbox_messages()


def test_the_first_mail_of_a_removed_device_can_still_be_opened() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1))
    phone.answer(link_no, phone.peer_info(SECOND_DEVICE, certificate=PEER[1], removed=True))
    assert phone.texts() == ["text 1"]
    assert [peer.device for peer in phone.store.contacts.devices(PEER[0])] == [SECOND_DEVICE]


def test_a_directory_without_an_answer_costs_the_link_and_no_mail() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1))
    phone.answer(link_no, error="rate_limited")
    assert phone.hangs == [link_no]
    assert phone.engine.device.cursor == 0


def test_keys_that_were_rolled_back_are_asked_for_again_and_their_mail_is_not_set_aside() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.say(link_no, phone.deliver(text(1), 1))
    with commits_fail(phone.store, after=False):
        phone.answer(link_no)
    phone.wait(60)
    link_no = phone.dials[0].link_no
    phone.welcome(link_no)
    phone.say(link_no, phone.deliver(text(1), 1))
    phone.answer(link_no)
    assert phone.texts() == ["text 1"]
