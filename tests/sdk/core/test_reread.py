"""After an update: what an earlier version kept without understanding it is read again when the device starts."""

import msgspec
import pytest

from onebar.core import content
from onebar.core.inbox import REREAD_PAGE
from onebar.core.records import Arrival
from onebar.events import MessageUnsupported
from onebar.models import MessageState
from tests.sdk.core.scripted import PEER, PEER_PHONE, WALL_MS, Scripted, text

OF_A_LATER_VERSION = msgspec.msgpack.encode([77, 1002, 2, WALL_MS, "a shrug"])


def started() -> Scripted:
    """A device that knows its peer."""
    phone = Scripted()
    phone.meet_peer(phone.open())
    return phone


def keep(phone: Scripted, *packed: bytes) -> list[int]:
    """Keep this as an earlier version would that did not know its tags; returns the messages' numbers."""
    numbers = []
    with phone.store.transaction():
        for chat_no, one in enumerate(packed, start=1):
            arrived = Arrival(PEER[0], *PEER, 1000 + chat_no, chat_no, WALL_MS, "", MessageState.UNSUPPORTED, one)
            numbers.append(phone.store.inbox.add(arrived, WALL_MS) or 0)
    return numbers


def test_a_text_that_was_kept_is_shown_in_its_place_once_the_version_knows_it() -> None:
    phone = started()
    (number,) = keep(phone, msgspec.msgpack.encode(text(1, "all the time here")))
    before = [message.message_no for message in phone.store.history(PEER_PHONE, 9)]
    again = phone.crash()
    assert (again.message(number).state, again.message(number).text) == (MessageState.RECEIVED, "all the time here")
    assert [message.message_no for message in again.store.history(PEER_PHONE, 9)] == before
    assert not again.store.inbox.unsupported(9)


def test_what_this_version_does_not_know_either_stays_for_the_next() -> None:
    phone = started()
    link_no = max(phone.engine.links)
    phone.say(link_no, phone.deliver(OF_A_LATER_VERSION, 1))
    (event,) = [one for one in phone.events() if isinstance(one, MessageUnsupported)]
    again = phone.crash().crash()
    assert again.message(event.message_no).state is MessageState.UNSUPPORTED
    assert again.store.inbox.unsupported(9) == [(event.message_no, OF_A_LATER_VERSION)]


@pytest.mark.parametrize("broken", [b"", b"\xc1", msgspec.msgpack.encode([1, 2, 3]), b"\x91" * 5000])
def test_what_is_no_content_at_all_stops_nothing(broken: bytes) -> None:
    phone = started()
    _, number = keep(phone, broken, msgspec.msgpack.encode(text(2)))
    assert phone.crash().message(number).state is MessageState.RECEIVED


@pytest.mark.parametrize("what", [content.Copy(text(1), 9), content.Again((1,)), content.Read(((11, 1),))])
def test_what_is_no_text_of_the_chats_other_side_is_not_believed(what: content.Content) -> None:
    phone = started()
    (number,) = keep(phone, msgspec.msgpack.encode(what))
    assert phone.crash().message(number).state is MessageState.UNSUPPORTED


def test_a_long_history_is_read_again_to_its_end() -> None:
    phone = started()
    kept = [msgspec.msgpack.encode(text(number)) for number in range(1, 2 * REREAD_PAGE + 2)]
    kept[REREAD_PAGE - 1] = OF_A_LATER_VERSION
    keep(phone, *kept)
    assert len(phone.crash().texts()) == 2 * REREAD_PAGE
