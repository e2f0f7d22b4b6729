"""A link's place and credit, and how entries become frames."""

from onebar.core import frames
from onebar.core.frames import CaughtUp, Deliver, Delivered, Dropped, Pong, Undelivered, Welcome
from onebar_mockserver.limits import CREDIT_BYTES_MAX, ServerLimits
from onebar_mockserver.links import LONGEST_ENTRY_BYTES, Link, Outgoing
from onebar_mockserver.ports import Entry, Kind


def attached() -> Link:
    link = Link(1, 1, 1, 1)
    link.attach(1, 10)
    return link


def envelope(seq: int, size: int) -> Entry:
    return Entry(seq, Kind.ENVELOPE, 7, 8, 9, 1000, 0, bytes(size))


def test_each_entry_names_the_one_before_it() -> None:
    link = attached()
    assert link.deliver(envelope(12, 1)) == Deliver(10, 12, 7, 8, 9, 0, 0, b"\0")
    ranges = frames.encode(((1, 2),))
    assert link.deliver(Entry(15, Kind.TICK, 7, 8, 0, 0, 0, ranges)) == Delivered(12, 15, 7, 8, ((1, 2),))
    assert link.deliver(Entry(16, Kind.UNDELIVERED, 7, 8, 9, 0, 0, b"expired")) == Undelivered(
        15, 16, 7, 8, 9, "expired"
    )
    assert link.deliver(Entry(20, Kind.DROPPED, 0, 0, 3, 0, 0, b"expired")) == Dropped(16, 20, 3, "expired")


def test_credit_is_spent_and_given_back() -> None:
    link = attached()
    seq = 10
    while link.credit > 0:
        seq += 1
        link.deliver(envelope(seq, frames.SUBMIT_BYTES_MAX))
    assert CREDIT_BYTES_MAX - LONGEST_ENTRY_BYTES <= link.unacked_bytes <= CREDIT_BYTES_MAX
    assert not link.wants_mail
    link.acknowledge(2, seq)
    assert not link.wants_mail, "another epoch"
    link.acknowledge(1, 11)
    assert link.wants_mail
    link.acknowledge(1, seq)
    assert link.unacked_bytes == 0


def test_what_a_turn_says_has_its_order() -> None:
    welcome = Welcome(0, 1, 1, 0, 0, b"", (), ServerLimits().announced())
    outgoing = Outgoing(answers=[Pong(1)], mail=[CaughtUp(0)])
    assert outgoing.frames() == [Pong(1), CaughtUp(0)]
    outgoing.welcome = welcome
    outgoing.accepted = frames.Accepted(1)
    assert outgoing.frames() == [welcome, frames.Accepted(1), Pong(1), CaughtUp(0)]
