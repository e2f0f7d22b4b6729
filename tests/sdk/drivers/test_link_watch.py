"""Who waits for the connection hears of each change, the newest first."""

import asyncio
from dataclasses import dataclass, field

import pytest

from onebar.drivers.link_watch import LinkChanges, LinkWatch
from onebar.errors import StoreError
from onebar.models import LinkStatus, Reach

PATIENCE_S = 5.0
WAITING, CONNECTING, OPEN = (LinkStatus(state) for state in (Reach.WAITING, Reach.CONNECTING, Reach.OPEN))


@dataclass
class Scripted:
    """A home whose connection is what the test says."""

    link: LinkStatus = WAITING
    closing: bool = False
    failure: StoreError | None = None
    link_watch: LinkWatch = field(init=False)

    def __post_init__(self) -> None:
        self.link_watch = LinkWatch(lambda: self.link)

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def become(self, link: LinkStatus) -> None:
        self.link = link
        self.link_watch.look()


async def test_it_begins_with_what_is_and_goes_on_with_each_change() -> None:
    home = Scripted()
    changes = LinkChanges(home)
    assert await anext(changes) == WAITING
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    home.become(WAITING)  # a turn that changed nothing
    await asyncio.sleep(0)
    assert not waiting.done()
    home.become(CONNECTING)
    assert await asyncio.wait_for(waiting, PATIENCE_S) == CONNECTING


async def test_who_is_slow_gets_the_newest_only() -> None:
    home = Scripted()
    changes = LinkChanges(home)
    assert await anext(changes) == WAITING
    home.become(CONNECTING)
    home.become(OPEN)
    assert await anext(changes) == OPEN
    assert repr(changes).startswith("<LinkChanges after LinkStatus(")


async def test_a_cancelled_wait_loses_no_change() -> None:
    home = Scripted()
    changes = LinkChanges(home)
    await anext(changes)
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    home.become(OPEN)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await anext(changes) == OPEN


async def test_it_ends_with_the_client_and_raises_what_that_died_of() -> None:
    home = Scripted()
    changes = LinkChanges(home)
    await anext(changes)
    home.failure = StoreError("the disk is gone")
    with pytest.raises(StoreError, match="the disk is gone"):
        await anext(changes)
    home.failure, home.closing = None, True
    home.link_watch.announce()
    assert [link async for link in changes] == []
