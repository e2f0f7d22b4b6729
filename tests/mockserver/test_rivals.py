"""Two links of one device: what each may still say, and when they stop being compared."""

import msgspec
import pytest

from onebar.core.frames import Ping, Pong, Submit
from onebar_mockserver import MockServer
from onebar_mockserver import rivals as rivals_module
from onebar_mockserver.links import FENCED, Link
from onebar_mockserver.rivals import LINKS_MAX, NUMBERS_MAX, Rivals
from tests.mockserver.rawclient import register, welcomed


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


def test_a_device_has_few_links_and_the_oldest_go() -> None:
    many = Rivals()
    for connection_no in range(1, LINKS_MAX + 1):
        many.add(link(connection_no))
    many.add(Link(99, 1, 1, 99))  # not welcomed yet: it may be a replay
    assert many.surplus == []
    many.links[-1].attach(1, 0)
    assert [one.connection_no for one in many.surplus] == [1]


async def test_a_link_too_many_ends_the_oldest(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals_module, "LINKS_MAX", 2)
    phone = await register(server, "+4915112345671")
    oldest, *others = [await welcomed(phone) for _ in range(3)]
    assert await oldest.closed() == FENCED
    for line in others:  # from the oldest on: each fences those before it
        await line.send(Ping(7))
        assert (await line.take(Pong)).nonce == 7
    await others[-1].close()
