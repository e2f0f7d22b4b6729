"""Two links of one device: what each may still say, and when they stop being compared."""

import msgspec
import pytest

from onebar.core.frames import Submit
from onebar_mockserver.links import Link
from onebar_mockserver.rivals import NUMBERS_MAX, Rivals


def submit(out_no: int, body: bytes = b"x", floor: int = 0) -> Submit:
    return Submit(out_no, floor, 0, msgspec.Raw(msgspec.msgpack.encode(body)))


def link(connection_no: int, *, sent: int = 0) -> Link:
    made = Link(connection_no, 1, 1, connection_no)
    made.attach(1, sent)
    return made


@pytest.fixture
def rivals() -> Rivals:
    made = Rivals()
    for connection_no in (2, 1):  # upgrades arrive out of order
        made.add(link(connection_no))
    return made


def test_a_link_alone_is_not_compared() -> None:
    alone = Rivals()
    alone.add(link(1))
    assert not alone.rival
    assert not alone.remove(alone.links[0])


def test_the_same_envelope_may_come_again_and_another_may_not(rivals: Rivals) -> None:
    assert rivals.rival
    assert rivals.note(submit(1))
    assert rivals.note(submit(1, floor=1))
    assert not rivals.note(submit(1, b"other"))


def test_what_was_contested_is_compared_until_it_is_settled(rivals: Rivals) -> None:
    assert rivals.note(submit(1))
    assert rivals.remove(rivals.links[0])
    assert rivals.note(submit(2))
    assert rivals.rival
    assert not rivals.note(submit(1, b"other"))
    assert rivals.note(submit(3, floor=1))
    assert not rivals.rival


def test_the_memory_is_bounded(rivals: Rivals) -> None:
    for out_no in range(1, NUMBERS_MAX + 2):
        assert rivals.note(submit(out_no))
    assert rivals.note(submit(1, b"other")), "the first number is forgotten"
    assert not rivals.note(submit(NUMBERS_MAX, b"other"))


def test_older_links_are_known_by_their_numbers(rivals: Rivals) -> None:
    older, newer = rivals.links
    assert rivals.older(newer) == [older]
    assert rivals.older(older) == []


def test_a_link_is_overtaken_when_it_was_not_sent_what_is_acknowledged(rivals: Rivals) -> None:
    older, newer = rivals.links
    newer.sent = 5
    assert rivals.overtaken(older, 5) == []
    assert rivals.overtaken(older, 6) == [newer]
    newer.attached = False
    assert rivals.overtaken(older, 6) == []
