"""How requests went: every way a server, a network or a disk can fail ends in another try, or in a named end."""

import pytest

from onebar.core.pace import WAIT_S_MAX
from onebar.core.turn import CheckFile, Download, Inform, NetworkChanged, TransferAnswer, Upload
from onebar.events import AttachmentFailed, AttachmentReceived, MessageFailed, RateLimited
from onebar.models import MessageState, TransferState
from tests.sdk.core.courier import TOTAL, Courier, a_file
from tests.sdk.core.scripted import WALL_MS


@pytest.mark.parametrize("problem", ["no_network", "unavailable", "quota_exceeded"])
def test_what_may_pass_is_tried_again_after_a_pause(problem: str) -> None:
    phone = Courier()
    phone.send_file()
    for tries in range(8):
        timer_s = phone.went(phone.one(Upload), problem=problem).timer_s
        assert phone.quiet
        assert timer_s is not None
        assert timer_s - phone.now_s <= min(phone.config.backoff_s_max, 0.5 * 2**tries)
        while phone.quiet:
            phone.accept(phone.link_no, phone.mark)  # the link is alive
            phone.wait(1)
    assert phone.one(Upload).step == "ask"


def test_uploads_that_the_server_puts_off_are_begun_when_it_takes_them_and_the_app_is_told() -> None:
    phone = Courier()
    phone.send_file()
    create = phone.one(Upload)
    phone.send_file(a_file(number=2))
    phone.now_s += 1
    timer_s = phone.give(TransferAnswer(create.request_no, -1, "rate_limited", "uploads", 5.0)).timer_s
    assert phone.quiet, "the other one would be put off, too"
    (told,) = phone.news(RateLimited)
    assert isinstance(told, RateLimited)
    assert (told.limit, told.until_ms - WALL_MS) == ("uploads", round(phone.now_s * 1000) + 5000)
    assert timer_s is not None
    assert timer_s <= phone.now_s + 5
    phone.give(NetworkChanged())
    phone.be_welcomed()
    assert phone.quiet, "another network changes nothing about it"
    phone.wait(5)
    again = phone.one(Upload)
    assert (again.step, again.offset, again.blob) == ("create", 0, create.blob)


def test_a_wait_that_a_server_asks_for_has_an_end() -> None:
    phone = Courier()
    phone.receive(a_file())
    phone.now_s += 1
    phone.give(TransferAnswer(phone.one(Download).request_no, 0, "rate_limited", "connections", 1e9))
    assert phone.quiet
    (told,) = phone.news(RateLimited)
    assert isinstance(told, RateLimited)
    assert told.until_ms - WALL_MS == round((phone.now_s + WAIT_S_MAX) * 1000)


@pytest.mark.parametrize("problem", ["too_large", "file_lost"])
def test_what_cannot_pass_ends_the_message(problem: str) -> None:
    phone = Courier()
    message_no = phone.send_file()
    phone.went(phone.one(Upload), problem=problem)
    assert phone.message(message_no).state is MessageState.UNDELIVERABLE
    assert phone.message(message_no).reason == problem
    assert phone.shown(message_no).state is TransferState.FAILED
    assert phone.news(MessageFailed)


def test_a_server_that_lost_the_upload_gets_it_anew() -> None:
    phone = Courier()
    message_no = phone.send_file()
    phone.went(phone.one(Upload), 8192)
    phone.went(phone.one(Upload), problem="wrong_offset")
    phone.went(phone.one(Upload), problem="not_found")
    anew = phone.one(Upload)
    assert (anew.step, anew.offset, anew.blob) == ("create", 0, "01" * 16)
    assert phone.shown(message_no).bytes_done == 0


def test_an_id_that_is_taken_is_replaced() -> None:
    phone = Courier()
    phone.send_file()
    phone.went(phone.one(Upload), problem="id_taken")
    assert phone.one(Upload).blob != "01" * 16
    phone.upload_all()
    assert phone.submits()


def test_an_offset_that_cannot_be_is_no_progress() -> None:
    phone = Courier()
    message_no = phone.send_file()
    phone.went(phone.one(Upload), TOTAL + 1)
    assert phone.quiet
    assert phone.shown(message_no).state is TransferState.WAITING


def test_a_damaged_file_is_fetched_once_more_and_then_given_up() -> None:
    phone = Courier()
    message_no = phone.receive(a_file())
    for _ in range(2):
        phone.went(phone.one(Download), TOTAL)
        phone.went(phone.one(CheckFile), problem="damaged")
    assert phone.quiet, "the server is told nothing: it may yet give the right one"
    assert phone.shown(message_no).reason == "damaged"
    (event,) = phone.news(AttachmentFailed)
    assert isinstance(event, AttachmentFailed)
    assert event.reason == "damaged"


def test_a_photo_that_may_do_harm_is_never_received() -> None:
    phone = Courier()
    message_no = phone.receive(a_file(kind="photo"))
    phone.went(phone.one(Download), TOTAL)
    phone.went(phone.one(CheckFile), problem="refused")
    assert phone.one(Inform).what == "downloaded"
    assert phone.shown(message_no).state is TransferState.FAILED
    assert not phone.news(AttachmentReceived)


def test_a_file_that_is_gone_from_the_server_has_failed() -> None:
    phone = Courier()
    message_no = phone.receive(a_file())
    phone.went(phone.one(Download), problem="not_found")
    assert phone.shown(message_no).reason == "gone"


@pytest.mark.parametrize("problem", ["", "not_found"])
def test_a_confirmation_is_repeated_until_the_server_has_it(problem: str) -> None:
    phone = Courier()
    phone.receive(a_file())
    phone.went(phone.one(Download), TOTAL)
    phone.went(phone.one(CheckFile))
    phone.went(phone.one(Inform), problem="no_network")
    phone.restart()
    phone.went(phone.one(Inform), problem=problem)
    phone.restart()
    assert phone.quiet
