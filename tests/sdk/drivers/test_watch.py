"""Waiting for messages: one look for all who wait, and nobody waits for ever."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import pytest

from onebar.drivers.watch import MessageWatch
from onebar.errors import OnebarError, StoreError
from onebar.models import Message, MessageState

QUEUED, SENT = MessageState.QUEUED, MessageState.SENT
PATIENCE_S = 5.0


class Database:
    """Messages, and how often somebody looked."""

    def __init__(self, count: int = 1) -> None:
        self.states = dict.fromkeys(range(1, count + 1), QUEUED)
        self.looks = 0
        self.lost = False
        self.meanwhile: Callable[[], None] = lambda: None
        self._chores: set[asyncio.Task[None]] = set()
        self.watch = MessageWatch(self.look, self.start)

    async def look(self, numbers: Sequence[int]) -> list[Message | None]:
        self.looks += 1
        await asyncio.sleep(0)
        if self.lost:
            raise StoreError("the disk is gone")
        found = [
            Message(number, "", True, self.states[number], "", 0) if number in self.states else None
            for number in numbers
        ]
        self.meanwhile()
        await asyncio.sleep(0)
        return found

    def start(self, chore: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def idle(self) -> None:
        while self._chores:
            await asyncio.wait(set(self._chores), timeout=PATIENCE_S)


async def test_a_state_that_is_not_known_comes_at_once() -> None:
    database = Database()
    assert (await database.watch.changed(1, None)).state is QUEUED


async def test_many_wait_and_few_looks_are_needed() -> None:
    database = Database(500)
    waiting = [asyncio.create_task(database.watch.changed(number, QUEUED)) for number in range(1, 501)]
    await asyncio.sleep(0)
    await database.idle()
    database.states = dict.fromkeys(database.states, SENT)
    database.watch.on_news()
    assert {message.state for message in await asyncio.gather(*waiting)} == {SENT}
    assert database.looks <= 4


async def test_news_during_a_look_is_not_missed() -> None:
    database = Database()

    def send() -> None:
        database.meanwhile = lambda: None
        database.states[1] = SENT  # after the rows were read
        database.watch.on_news()

    database.meanwhile = send
    async with asyncio.timeout(PATIENCE_S):
        assert (await database.watch.changed(1, QUEUED)).state is SENT


async def test_no_such_message() -> None:
    with pytest.raises(LookupError, match="no message 9"):
        await Database().watch.changed(9, None)


async def test_a_failure_is_raised_and_later_waits_try_again() -> None:
    database = Database()
    database.lost = True
    with pytest.raises(StoreError, match="the disk is gone"):
        await database.watch.changed(1, None)
    database.lost = False
    assert (await database.watch.changed(1, None)).state is QUEUED


async def test_close_ends_every_wait() -> None:
    database = Database()
    waiting = asyncio.create_task(database.watch.changed(1, QUEUED))
    await asyncio.sleep(0)
    database.watch.close(OnebarError("closed"))
    for wait in (waiting, database.watch.changed(1, None)):
        with pytest.raises(OnebarError, match="closed"):
            await wait
    await database.idle()


async def test_cancelled_wait_is_forgotten() -> None:
    database = Database()
    waiting = asyncio.create_task(database.watch.changed(1, QUEUED))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await database.idle()
    before = database.looks
    database.watch.on_news()
    await database.idle()
    assert database.looks == before
