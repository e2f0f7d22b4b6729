"""`drain` with a home whose connection and messages are what the test says; test_connectivity.py has a real one."""

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from onebar import NotRegisteredError, OnebarError
from onebar.core.records import Status
from onebar.core.turn import NetworkChanged
from onebar.draining import drain
from onebar.drivers.link_watch import LinkWatch
from onebar.models import Drained, LinkStatus, Reach

PATIENCE_S = 5.0
HINT = NetworkChanged("wifi:home")
OPEN, REMOVED = LinkStatus(Reach.OPEN, caught_up_ms=1000), LinkStatus(Reach.REMOVED, caught_up_ms=1000)
CAUGHT_UP = replace(OPEN, caught_up_ms=2000)


@dataclass
class Scripted:
    """What `drain` needs of a `Home`."""

    link: LinkStatus = OPEN
    after_hint: LinkStatus = OPEN
    waiting: int = 0
    newest: int = 7
    received: int = 0
    status: Status = Status.REGISTERED
    told: list[object] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self.link_watch = LinkWatch(lambda: self.link)
        self.device = SimpleNamespace(status=self.status)

    def check(self) -> None:
        if self.ended:
            raise OnebarError("this client is not open")

    async def submit(self, item: object) -> None:
        self.told.append(item)
        self.link = self.after_hint

    async def read(self, query: Any) -> Any:
        return query(self)

    def newest_message_no(self) -> int:
        return self.newest

    def received_after(self, message_no: int) -> int:
        assert message_no == self.newest
        return self.received

    def outbox_messages(self) -> list[None]:
        return [None] * self.waiting

    def become(self, link: LinkStatus, waiting: int = 0) -> None:
        self.link, self.waiting = link, waiting
        self.link_watch.announce()


def begin(home: Scripted, timeout_s: float = PATIENCE_S) -> asyncio.Task[Drained]:
    return asyncio.create_task(drain(home, HINT, timeout_s))  # type: ignore[arg-type]


async def still(draining: asyncio.Task[Drained]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not draining.done()


async def test_it_waits_for_what_comes_and_for_what_goes() -> None:
    home = Scripted(waiting=2)
    draining = begin(home)
    assert await still(draining), "what looked fine before may be dead"
    assert home.told == [HINT]
    home.become(CAUGHT_UP, waiting=1)
    assert await still(draining), "one message waits yet"
    home.received = 3
    home.become(CAUGHT_UP)
    assert await draining == Drained(received=3, waiting=0, done=True)


async def test_a_link_that_went_to_sleep_by_itself_was_drained() -> None:
    home = Scripted()
    draining = begin(home)
    assert await still(draining)
    home.become(replace(CAUGHT_UP, state=Reach.SLEEPING))
    assert await draining == Drained(0, 0, done=True)


async def test_what_is_not_done_in_time_is_said() -> None:
    home = Scripted(waiting=2, received=1)
    assert await begin(home, timeout_s=0.01) == Drained(received=1, waiting=2, done=False)


async def test_a_device_that_is_removed_meanwhile_waits_no_longer() -> None:
    home = Scripted(after_hint=REMOVED)
    assert await begin(home) == Drained(0, 0, done=False)


async def test_without_an_account_there_is_nothing_to_drain() -> None:
    with pytest.raises(NotRegisteredError):
        await begin(Scripted(status=Status.NEW))


async def test_a_client_that_is_closed_meanwhile_is_told_at_once() -> None:
    home = Scripted(after_hint=OPEN)
    draining = begin(home, 10 * PATIENCE_S)
    assert await still(draining)
    home.ended = True
    home.link_watch.announce()
    with pytest.raises(OnebarError, match="not open"):
        await asyncio.wait_for(draining, PATIENCE_S)
