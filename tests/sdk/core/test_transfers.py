"""Files on their way: pieces of a second, texts first, resumed where they were cut, sealed when they are there."""

import itertools

import msgspec
import pytest

from onebar.core.content import Attachment, Text
from onebar.core.frames import Note, Response
from onebar.core.records import Trust
from onebar.core.transfers import STRAGGLER_S
from onebar.core.turn import (
    CheckFile,
    Download,
    Hold,
    Inform,
    LinkLost,
    NetworkChanged,
    Poked,
    Send,
    SetStanding,
    SetTransfer,
    Upload,
)
from onebar.errors import InputError
from onebar.events import MessageFailed
from onebar.models import MessageState, Standing, TransferState, TransferWish
from tests.sdk.core.courier import TOTAL, Courier, a_file
from tests.sdk.core.scripted import PEER_PHONE, WALL_MS, Scripted


def test_a_file_is_uploaded_piece_by_piece_and_then_sealed() -> None:
    phone = Courier()
    message_no = phone.send_file(caption="look")
    first = phone.one(Upload)
    assert (first.step, first.offset, first.expected) == ("create", 0, 1)
    assert (first.blob, first.digest, first.total_bytes) == ("01" * 16, "01" * 32, TOTAL)
    assert first.authorization.startswith("Onebar 1.11.")
    phone.went(first, first.size)
    second = phone.one(Upload)
    assert (second.step, second.offset) == ("append", first.size)
    assert phone.shown(message_no).bytes_done == first.size
    phone.upload_all()
    said = phone.said()
    assert isinstance(said, Attachment)
    assert (said.text, said.file) == ("look", a_file())
    phone.verdict()
    assert phone.message(message_no).state is MessageState.SENT
    assert phone.shown(message_no).state is TransferState.DONE


def test_pieces_grow_to_three_seconds_of_what_the_network_takes() -> None:
    phone = Courier()
    phone.send_file(a_file(50_000_000))
    sizes = []
    for _ in range(12):
        piece = phone.one(Upload)
        sizes.append(piece.size)
        phone.now_s += piece.size / 40_000 - 1  # 40 kB/s; `went` adds a second
        phone.went(piece, piece.offset + piece.size)
    assert all(after <= 2 * before for before, after in itertools.pairwise(sizes))
    assert 110_000 < sizes[-1] < 130_000
    assert 40_000 < phone.one(Upload).bytes_per_s < 50_000, "a little more than it takes, and no queue builds up"


def test_a_text_goes_first_and_the_upload_waits_for_its_verdict() -> None:
    phone = Courier()
    message_no = phone.send_file()
    piece = phone.one(Upload)
    phone.send("quick")
    assert isinstance(phone.said(), Text), "it passes the file that waits"
    assert phone.one(Hold) == Hold(piece.request_no, True)
    phone.verdict()
    assert phone.one(Hold) == Hold(piece.request_no, False)
    phone.send("quick, too")
    phone.went(piece, piece.size)
    assert phone.quiet
    phone.verdict()
    assert phone.one(Upload).offset == piece.size
    assert phone.message(message_no).state is MessageState.QUEUED


def test_texts_without_a_pause_do_not_starve_an_upload() -> None:
    phone = Courier()
    phone.send("one")
    phone.send_file()
    assert phone.quiet
    for _ in range(4):
        phone.send("more")
        phone.mark += 1
        phone.accept(phone.link_no, phone.mark)  # of the one before
        phone.wait(2)
        assert phone.quiet
    phone.send("more")
    phone.accept(phone.link_no, phone.mark)
    phone.wait(2.1)
    assert phone.one(Upload).step == "create"


def test_the_place_of_the_file_in_the_chat_is_that_of_its_sending() -> None:
    phone = Courier()
    phone.send_file()
    piece = phone.one(Upload)
    phone.send("behind it")
    assert phone.said().chat_no == 3
    phone.verdict()
    phone.went(piece, piece.size)
    phone.upload_all()
    assert phone.said().chat_no == 2


def test_after_a_kill_it_asks_how_far_it_came_and_goes_on_from_there() -> None:
    phone = Courier()
    phone.send_file()
    phone.went(phone.one(Upload), 8192)
    phone.restart()
    ask = phone.one(Upload)
    assert (ask.step, ask.size) == ("ask", 0)
    phone.went(ask, 20_000)
    assert (phone.one(Upload).step, phone.one(Upload).offset) == ("append", 20_000)


def test_a_network_change_begins_again_at_once_and_so_does_another_link() -> None:
    phone = Courier()
    phone.send_file()
    piece = phone.one(Upload)
    phone.went(piece, problem="no_network")
    assert phone.quiet
    phone.give(NetworkChanged())
    assert phone.aborted() == [0]
    assert phone.one(Upload).step == "ask"
    phone.went(piece, 77)  # an answer to what was given up
    assert phone.quiet
    phone.give(LinkLost(phone.link_no, "gone"), NetworkChanged())
    phone.be_welcomed()
    assert 0 in phone.aborted()
    assert phone.one(Upload).step == "ask"


def test_without_a_link_nothing_begins() -> None:
    phone = Courier()
    phone.give(LinkLost(phone.link_no, "gone"))
    phone.send_file()
    assert phone.quiet
    phone.wait(60)
    phone.be_welcomed()
    assert phone.one(Upload).step == "create"


def test_an_answer_that_never_comes_is_given_up() -> None:
    phone = Courier()
    phone.send_file()
    late = phone.one(Upload).request_no
    phone.wait(25)
    phone.wait(121)
    assert late in phone.aborted() or phone.aborted() == [0]


def test_who_is_not_known_is_asked_for_before_a_byte_is_sent() -> None:
    phone = Courier()
    phone.give(Send("+12025550199", "", None, a_file(number=2)))
    assert phone.quiet
    assert phone.requests("phone")


def test_nothing_is_uploaded_for_a_key_that_the_user_has_to_look_at() -> None:
    phone = Courier()
    contact = phone.store.contacts.contact(2)
    assert contact
    with phone.store.transaction():
        phone.store.contacts.put(type(contact)(2, contact.phone, contact.account_key, contact.devices, Trust.CHANGED))
    phone.send_file()
    assert phone.quiet


def test_pause_resume_and_cancel() -> None:
    phone = Courier()
    message_no = phone.send_file()
    piece = phone.one(Upload)
    phone.give(SetTransfer(message_no, TransferWish.PAUSE))
    assert phone.aborted() == [piece.request_no]
    assert phone.shown(message_no).state is TransferState.PAUSED
    phone.wait(5)
    assert phone.quiet
    phone.give(SetTransfer(message_no, TransferWish.START))
    assert phone.one(Upload).step == "ask"
    phone.give(SetTransfer(message_no, TransferWish.CANCEL))
    assert phone.one(Inform).what == "ended"
    assert phone.message(message_no).reason == "cancelled"
    assert phone.news(MessageFailed)
    phone.went(phone.one(Inform))
    assert phone.quiet
    (result,) = phone.give(SetTransfer(message_no, TransferWish.CANCEL)).results
    assert isinstance(result, InputError)
    (result,) = phone.give(SetTransfer(999, TransferWish.PAUSE)).results
    assert isinstance(result, InputError)


def test_the_end_of_an_upload_is_not_overtaken_by_its_begin() -> None:
    """The request that begins it may be on its way yet, and would begin it anew at a server that has ended it."""
    phone = Courier()
    message_no = phone.send_file()
    assert phone.one(Upload).step == "create"
    phone.give(SetTransfer(message_no, TransferWish.CANCEL))
    assert phone.quiet
    phone.wait(STRAGGLER_S)
    assert phone.one(Inform).what == "ended"


def test_a_device_that_was_missing_gets_the_file_too() -> None:
    phone = Courier()
    phone.send_file()
    phone.upload_all()
    phone.mark += 1
    phone.accept(phone.link_no, phone.mark, Note(phone.mark, "", ((2, 23),)))
    phone.answer(phone.link_no, phone.peer_info(22, 23, certificate=23))
    more = phone.one(Inform)
    assert (more.what, more.more) == ("recipients", 1)
    phone.went(more)
    (submit,) = phone.submits()
    assert isinstance(phone.opened(submit, 23), Attachment)


def test_a_file_that_the_server_has_dropped_is_uploaded_again_for_a_late_device() -> None:
    phone = Courier()
    phone.send_file()
    phone.upload_all()
    phone.mark += 1
    phone.accept(phone.link_no, phone.mark, Note(phone.mark, "", ((2, 23),)))
    phone.answer(phone.link_no, phone.peer_info(22, 23, certificate=23))
    phone.went(phone.one(Inform), problem="not_found")
    anew = phone.one(Upload)
    assert (anew.step, anew.expected, anew.digest) == ("create", 1, "01" * 32)
    assert anew.blob != "01" * 16
    phone.upload_all()
    (submit,) = phone.submits()
    said = phone.opened(submit, 23)
    assert isinstance(said, Attachment)
    assert said.file.blob.hex() == anew.blob


def test_a_forwarded_file_is_not_uploaded_if_the_server_has_it() -> None:
    phone = Courier()
    phone.send_file(forwarded=True)
    more = phone.one(Inform)
    assert (more.what, more.more, more.blob) == ("recipients", 1, "01" * 16)
    phone.went(more)
    assert isinstance(phone.said(), Attachment)


@pytest.mark.parametrize(("metered", "plain_bytes", "comes"), [
    (False, 60_000_000, True), (False, 70_000_000, False), (True, 500_000, True), (True, 2_000_000, False),
])  # fmt: skip
def test_what_comes_by_itself(metered: bool, plain_bytes: int, comes: bool) -> None:
    phone = Courier()
    phone.give(NetworkChanged(metered=metered))
    message_no = phone.receive(a_file(plain_bytes))
    assert bool(phone.asked(Download)) is comes
    assert phone.shown(message_no).state is (TransferState.WAITING if comes else TransferState.OFFERED)
    phone.give(SetTransfer(message_no, TransferWish.START))
    phone.give(NetworkChanged(metered=True))
    assert phone.shown(message_no).state is TransferState.WAITING or comes


def test_what_waits_for_wifi_comes_when_there_is_one() -> None:
    phone = Courier()
    phone.give(NetworkChanged(metered=True))
    message_no = phone.receive(a_file(2_000_000))
    assert phone.quiet
    phone.give(NetworkChanged(metered=False))
    piece = phone.one(Download)
    phone.went(piece, 10_000)
    phone.give(NetworkChanged(metered=True))
    assert phone.quiet
    shown = phone.shown(message_no)
    assert (shown.state, shown.bytes_done) == (TransferState.OFFERED, 10_000)


def test_what_a_blocked_number_sent_comes_only_when_the_user_says_so() -> None:
    phone = Courier()
    phone.give(SetStanding(PEER_PHONE, Standing.BLOCKED))
    [told] = phone.requests("block")
    phone.say(phone.link_no, Response(told.no, "", msgspec.Raw(b"\xc0")))
    phone.say(phone.link_no, phone.deliver(Attachment(1001, 1, WALL_MS, "look", a_file()), 1))
    [*_, message] = phone.store.history(PEER_PHONE, 1, None)
    assert phone.asked(Download) == []
    phone.give(NetworkChanged(metered=False))
    assert phone.asked(Download) == []
    assert phone.shown(message.message_no).state is TransferState.PAUSED
    phone.give(SetTransfer(message.message_no, TransferWish.START))
    assert phone.one(Download).offset == 0


def stranger() -> Courier:
    """A device on which the peer's chat is a request."""
    phone = Courier()
    phone.database.connection.execute("UPDATE chat SET standing = 'requested'")
    return phone


@pytest.mark.parametrize("answer", [SetStanding(PEER_PHONE, Standing.ACCEPTED), Send(PEER_PHONE, "hello")])
def test_what_a_stranger_sent_comes_when_the_chat_is_accepted_and_then_by_policy(answer: SetStanding | Send) -> None:
    phone = stranger()
    small, long = phone.receive(a_file()), phone.receive(a_file(70_000_000, 2), 2)
    assert phone.quiet
    phone.give(NetworkChanged(metered=False))
    phone.be_welcomed()
    assert phone.quiet, "another network is no reason"
    assert phone.shown(small).state is TransferState.OFFERED
    phone.give(answer)
    if isinstance(answer, Send):
        phone.verdict()
    assert phone.one(Download).digest == a_file().digest
    assert phone.shown(long).state is TransferState.OFFERED, "it is too long to come by itself"


def test_what_a_stranger_sent_comes_at_once_if_the_user_says_so() -> None:
    phone = stranger()
    message_no = phone.receive(a_file())
    phone.give(SetTransfer(message_no, TransferWish.START))
    assert phone.one(Download).offset == 0


def test_a_request_that_is_blocked_brings_nothing() -> None:
    phone = stranger()
    phone.receive(a_file())
    phone.give(SetStanding(PEER_PHONE, Standing.BLOCKED))
    phone.give(NetworkChanged(metered=False))
    phone.be_welcomed()
    assert phone.asked(Download) == []


def test_a_file_is_fetched_checked_and_confirmed_over_a_kill() -> None:
    phone = Courier()
    message_no = phone.receive(a_file())
    piece = phone.one(Download)
    phone.went(piece, 5000, "no_network")
    phone.restart()
    assert phone.one(Download).offset == 5000
    phone.went(phone.one(Download), TOTAL)
    check = phone.one(CheckFile)
    assert check.file == a_file()
    phone.went(check)
    assert phone.shown(message_no).state is TransferState.DONE
    assert (phone.one(Inform).what, phone.one(Inform).blob) == ("downloaded", "01" * 16)


def test_another_process_may_have_added_one() -> None:
    phone = Courier()
    with phone.store.transaction():
        phone.store.outbox.add(PEER_PHONE, "", None, 7, 0, None, (a_file(), False))
    phone.give(Poked())
    assert phone.one(Upload).step == "create"


def test_who_sends_no_files_is_asked_nothing() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.give(NetworkChanged())
    assert not [output for output in phone.outputs if isinstance(output, Upload | Download | Inform)]
