"""Events for one consumer: in order, at least once, from page to page and from life to life."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onebar import Client, Event, OnebarError, StoreError
from onebar.config import Config
from onebar.core.engine import Engine
from onebar.drivers import stream as stream_module
from onebar.drivers.address import parse_address
from onebar.drivers.home import Home
from onebar.drivers.stream import EVENTS_PER_PAGE, EventStream
from onebar.events import DeviceReplaced, Resync
from onebar.store import SqliteStore, open_store
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, NOWHERE, PATIENCE_S, pair, registered, texts


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Home[SqliteStore]]:
    """A database without an account, to which only the test adds events."""
    address = parse_address(NOWHERE)
    home = Home(folder / "alice.db", address, open_store, lambda store: Engine(store, bytes, Config(host=address.host)))
    await home.open()
    try:
        yield home
    finally:
        await home.close()


async def happen(home: Home[SqliteStore], count: int = 1) -> None:
    def add(store: SqliteStore) -> None:
        with store.transaction():
            for _ in range(count):
                store.events.add(DeviceReplaced.__name__)

    await home.read(add)
    home.announce()


async def numbers(stream: EventStream, count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(stream)).event_no for _ in range(count)]


async def confirmed(home: Home[SqliteStore], consumer: str) -> int:
    """Return the last event that a consumer is done with."""

    def look(store: SqliteStore) -> int:
        sql = "SELECT confirmed FROM consumer WHERE name = ?"
        return int(store._database.connection.execute(sql, (consumer,)).fetchone()[0])

    await home.chores_done()
    return await home.read(look)


async def test_events_come_in_order_over_several_pages(tmp_path: Path) -> None:
    async with opened(tmp_path) as home:
        await happen(home, 2 * EVENTS_PER_PAGE + 1)
        stream = EventStream(home, "app")
        assert await numbers(stream, 2 * EVENTS_PER_PAGE + 1) == list(range(1, 2 * EVENTS_PER_PAGE + 2))


async def test_a_stream_waits_until_something_happens(tmp_path: Path) -> None:
    async with opened(tmp_path) as home:
        waiting = asyncio.create_task(numbers(EventStream(home, "app"), 1))
        await home.read(lambda store: None)  # the stream has looked, or is about to
        home.announce()  # news, but not for it
        assert not waiting.done()
        await happen(home)
        assert await waiting == [1]


async def test_asking_for_the_next_event_confirms_the_one_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as home:
        await happen(home, 3)
        stream = EventStream(home, "app")
        assert await numbers(stream, 1) == [1]
        assert await confirmed(home, "app") == 0
        assert await numbers(stream, 2) == [2, 3]
        assert await confirmed(home, "app") == 2


async def test_another_stream_of_the_consumer_begins_with_what_is_not_confirmed(tmp_path: Path) -> None:
    async with opened(tmp_path) as home:
        await happen(home, 3)
        assert await numbers(EventStream(home, "app"), 2) == [1, 2]
        assert await numbers(EventStream(home, "app"), 2) == [2, 3]
    async with opened(tmp_path) as home:
        assert await numbers(EventStream(home, "app"), 1) == [3], "close waits for what is being confirmed"


async def test_a_burst_costs_few_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    real = EventStream._confirm_asked

    def counted(self: EventStream, store: SqliteStore) -> int:
        commits.append(real(self, store))
        return commits[-1]

    monkeypatch.setattr(EventStream, "_confirm_asked", counted)
    async with opened(tmp_path) as home:
        await happen(home, EVENTS_PER_PAGE)
        assert len(await numbers(EventStream(home, "app"), EVENTS_PER_PAGE)) == EVENTS_PER_PAGE
        assert await confirmed(home, "app") == EVENTS_PER_PAGE - 1
    assert len(commits) < 10


async def test_a_confirmation_that_failed_is_raised_and_the_event_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as home:
        await happen(home, 3)
        stream = EventStream(home, "app")
        assert await numbers(stream, 1) == [1]
        with monkeypatch.context() as broken:

            def fail(self: EventStream, store: SqliteStore) -> int:
                raise StoreError("the disk is full")

            broken.setattr(EventStream, "_confirm_asked", fail)
            assert await numbers(stream, 1) == [2]
            await home.chores_done()
        with pytest.raises(StoreError, match="the disk is full"):
            await anext(stream)
        assert await numbers(EventStream(home, "app"), 3) == [1, 2, 3]


async def test_a_consumer_that_has_begun_keeps_its_events_from_being_dropped(tmp_path: Path) -> None:
    async with opened(tmp_path) as home:
        slow = EventStream(home, "slow")
        waiting = asyncio.create_task(numbers(slow, 3))
        await happen(home, 3)
        assert await numbers(EventStream(home, "app"), 3) == [1, 2, 3]
        assert await waiting == [1, 2, 3]
        assert await numbers(EventStream(home, "slow"), 1) == [3]


@pytest.mark.parametrize("begun", [False, True])
async def test_r13_what_was_dropped_meanwhile_is_told_and_passed(tmp_path: Path, begun: bool) -> None:
    """Whether the rows were dropped between two lives of the app or while it reads."""

    def drop(store: SqliteStore) -> None:
        store._database.connection.execute("DELETE FROM event WHERE event_no <= 3")

    async with opened(tmp_path) as home:
        stream = EventStream(home, "app")
        await happen(home)
        assert await numbers(stream, 1) == [1]
        await happen(home, 3)
        await home.read(drop)
        async with asyncio.timeout(PATIENCE_S):
            stream = stream if begun else EventStream(home, "app")
            assert await anext(stream) == Resync(3)
            assert await anext(stream) == DeviceReplaced(4)


async def test_it_ends_when_its_home_closes(tmp_path: Path) -> None:
    async with opened(tmp_path) as home:
        stream, full = EventStream(home, "app"), EventStream(home, "full")

        async def listen() -> Sequence[Event]:
            return [event async for event in stream]

        await happen(home, 2)
        assert await numbers(full, 1) == [1]
        listening = asyncio.create_task(listen())
        assert len(await numbers(EventStream(home, "other"), 2)) == 2
    async with asyncio.timeout(PATIENCE_S):
        assert [event.event_no for event in await listening] in ([], [1], [1, 2])
    for ended in (stream, full):
        with pytest.raises(StopAsyncIteration):
            await anext(ended)


async def test_a_cancelled_wait_loses_nothing_whenever_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "EVENTS_PER_PAGE", 2)
    async with opened(tmp_path) as home:
        await happen(home, 12)
        stream, found = EventStream(home, "app"), list[int]()
        for steps in range(12):
            task = asyncio.ensure_future(anext(stream))
            for _ in range(steps % 4):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                found.append(task.result().event_no)
        found += await numbers(stream, 12 - len(found))
        assert found == list(range(1, 13))


def test_repr_names_the_consumer_alone(tmp_path: Path) -> None:
    assert repr(EventStream(None, "app")) == "<EventStream 'app'>"  # type: ignore[arg-type]


# Through a client


async def test_unconfirmed_event_comes_again(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "bob.db", BOB, server):
        pass
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        for number in range(3):
            await alice.chat(BOB).send(f"{number}")
        async with Client.open(tmp_path / "bob.db", server=server.url) as bob:
            assert await texts(bob.events(), 2) == ["0", "1"]  # asking for the second confirmed the first
        async with Client.open(tmp_path / "bob.db", server=server.url) as bob:
            assert await texts(bob.events(), 2) == ["1", "2"]
            assert await texts(bob.events(), 1) == ["2"]


async def test_each_consumer_gets_every_event(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        app, slow = bob.events("app"), bob.events("slow")
        waiting = asyncio.create_task(texts(slow, 5))  # has confirmed nothing when the app is done with all
        for number in range(5):
            await alice.chat(BOB).send(f"{number}")
            assert await texts(app, 1) == [f"{number}"]
        assert await waiting == [f"{number}" for number in range(5)]


async def test_cancelled_wait_loses_no_event(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        stream = bob.events()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)
        await alice.chat(BOB).send("hi")
        assert await texts(stream, 1) == ["hi"]


async def test_events_end_when_the_client_is_closed(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        stream = alice.events()

        async def listen() -> list[Event]:
            return [event async for event in stream]

        listening = asyncio.create_task(listen())
        message = await alice.chat(BOB).send("hi")
        waiting = asyncio.create_task(message.delivered())
        await asyncio.sleep(0)
    assert len(await listening) >= 0
    with pytest.raises(OnebarError, match=r"closed|not open"):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
