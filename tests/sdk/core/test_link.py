"""A link tells a hole from a row, keeps what it must, and says what it has to in moderate pieces (R14, R25)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.core import link as link_module
from onebar.core.frames import (
    MESSAGE_BYTES_MAX,
    Ack,
    ClientFrame,
    Deliver,
    Delivered,
    Dropped,
    Ping,
    Submit,
    Undelivered,
    decode_client,
    encode,
)
from onebar.core.link import TRANSMIT_BYTES_MAX, Link, MailFrame
from onebar.core.link_states import LinkState, LinkTrigger
from onebar.core.questions import FindAccount, FindPhone
from onebar.errors import RemoteProtocolError


def entry(prev_seq: int, seq: int) -> Deliver:
    return Deliver(prev_seq, seq, 1, 1, seq, 0, 0, b"x")


def submit(out_no: int, size: int) -> Submit:
    return Submit(out_no, 0, 0, msgspec.Raw(encode([[1, [[1, b"x" * size]]]])))


@pytest.mark.parametrize(
    "entries",
    [
        [entry(7, 8), entry(8, 9)],
        [entry(7, 100), entry(100, 2**63 - 1)],
        [Dropped(7, 20, 13, "too_old"), Delivered(20, 21, 1, 1, ((1, 2),)), Undelivered(21, 22, 1, 1, 3, "full")],
    ],
)
def test_entries_in_a_row_are_taken(link: Link, entries: list[MailFrame]) -> None:
    link.received_seq = 7
    for frame in entries:
        link.take(frame)
    assert link.received_seq == entries[-1].seq


@pytest.mark.parametrize("bad", [entry(8, 9), entry(6, 8), entry(7, 7), entry(7, 3), entry(0, 8), entry(0, 0)])
def test_a_hole_a_repeat_or_a_step_back_costs_the_link_and_is_not_taken(link: Link, bad: Deliver) -> None:
    link.received_seq = 7
    with pytest.raises(RemoteProtocolError, match="hole"):
        link.take(bad)
    assert link.received_seq == 7


def test_a_server_that_sends_without_acks_fills_no_memory(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "HELD_MAX", 3)
    for no in range(3):
        link.hold(entry(no, no + 1))
    with pytest.raises(RemoteProtocolError, match="HELD_MAX = 3"):
        link.hold(entry(3, 4))
    assert len(link.held) == 3


def test_a_copy_does_not_change_when_the_turn_after_it_fails(link: Link) -> None:
    link.requests[1] = FindAccount(7)
    link.held.append(entry(0, 1))
    link.frames.append(Ping(1))
    copy = link.copy()
    link.requests[2] = FindPhone("+4915112345672")
    link.held.popleft()
    link.frames.clear()
    link.trigger(LinkTrigger.CONNECTED)
    link.received_seq = 9
    assert copy.requests == {1: FindAccount(7)}
    assert list(copy.held) == [entry(0, 1)]
    assert copy.frames == [Ping(1)]
    assert (copy.state, copy.received_seq) == (LinkState.DIALING, 0)


def test_a_question_is_asked_once(link: Link) -> None:
    link.requests[1] = FindAccount(7)
    assert link.asks(FindAccount(7))
    assert not link.asks(FindAccount(8))
    assert not link.asks(FindPhone("+4915112345672"))


@pytest.mark.parametrize("state", LinkState)
def test_a_link_is_live_until_it_drains(link: Link, state: LinkState) -> None:
    link.state = state
    assert link.live == (state not in {LinkState.DRAINING, LinkState.CLOSED})


def test_something_at_the_wrong_time_leaves_the_state_as_it_was(link: Link) -> None:
    with pytest.raises(RemoteProtocolError):
        link.trigger(LinkTrigger.WELCOMED)
    assert link.state is LinkState.DIALING


@given(st.lists(st.integers(0, 16_000) | st.none(), max_size=40))
def test_messages_are_moderate_and_hold_every_frame_once_in_order(sizes: list[int | None]) -> None:
    link = Link(1, b"", 0, 0, 0, 0, 0.0)
    said: list[ClientFrame] = [Ack(1, no) if size is None else submit(no, size) for no, size in enumerate(sizes)]
    link.frames = list(said)
    messages = list(link.messages())
    heard = [frame for message in messages for frame in decode_client(message)]
    assert [encode(frame) for frame in heard] == [encode(frame) for frame in said]
    assert all(len(message) < MESSAGE_BYTES_MAX for message in messages)
    assert all(len(message) < TRANSMIT_BYTES_MAX + 1024 or len(decode_client(message)) == 1 for message in messages)
    assert link.frames == []
    assert list(link.messages()) == []


def test_one_frame_over_the_limit_goes_alone(link: Link) -> None:
    link.frames = [submit(1, 10), submit(2, TRANSMIT_BYTES_MAX + 1), submit(3, 10)]
    assert [len(decode_client(message)) for message in link.messages()] == [1, 1, 1]


def test_the_flight_is_not_shown(link: Link) -> None:
    assert "flight" not in repr(link)
