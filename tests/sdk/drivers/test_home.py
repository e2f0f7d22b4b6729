"""What a process does with a database that goes wrong; test_client_guests.py has the rest."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.turn import SetReadReceipts
from onebar.drivers.address import parse_address
from onebar.drivers.home import Home
from onebar.drivers.home_ports import DeviceEngine
from onebar.drivers.lock import HolderLock
from onebar.errors import CommitError, OnebarError, StoreError
from onebar.store import SqliteStore, open_store

PATIENCE_S = 5.0
NOWHERE = parse_address("http://127.0.0.1:9")  # the discard port: nobody there


def engine(store: SqliteStore) -> DeviceEngine:
    return Engine(store, bytes, Config(host=NOWHERE.host))


def no_engine(store: SqliteStore) -> DeviceEngine:
    raise StoreError("no engine today")


def broken_engine(store: SqliteStore) -> DeviceEngine:
    raise KeyError("a defect")


@asynccontextmanager
async def opened(
    path: Path, make_engine: Callable[[SqliteStore], DeviceEngine] = engine
) -> AsyncIterator[Home[SqliteStore]]:
    home = Home(path, NOWHERE, open_store, make_engine)
    await home.open()
    try:
        yield home
    finally:
        await home.close()


@pytest.mark.parametrize("make_engine", [no_engine, broken_engine])
async def test_failed_takeover_is_told_and_leaves_the_lock(
    tmp_path: Path, make_engine: Callable[[SqliteStore], DeviceEngine]
) -> None:
    path = tmp_path / "alice.db"
    holder = HolderLock(path)
    assert holder.acquire()
    async with opened(path, make_engine) as home:
        home.check()
        holder.release()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                news = home.news()
                try:
                    home.check()
                except StoreError:
                    break
                await news.wait()
        with pytest.raises(StoreError):
            await home.read(lambda store: store.chats())
        assert holder.acquire()
        holder.release()


async def test_failed_opening_leaves_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "alice.db"
    with pytest.raises(StoreError, match="no engine today"):
        async with opened(path, no_engine):
            pass
    async with opened(path) as home:
        assert home.holding


async def test_what_only_the_holder_can_do_is_refused_to_a_guest(tmp_path: Path) -> None:
    path = tmp_path / "alice.db"
    async with opened(path) as holder, opened(path) as guest:
        await holder.submit(SetReadReceipts(wanted=False))
        assert holder.holder_engine().device.read_receipts is False
        assert guest.engine is None
        with pytest.raises(OnebarError, match="another process has this database open"):
            guest.holder_engine()
        with pytest.raises(OnebarError, match="another process has this database open"):
            await guest.submit(SetReadReceipts(wanted=True))
    with pytest.raises(OnebarError, match="not open"):
        holder.holder_engine()


async def test_connection_survives_a_failed_commit(tmp_path: Path) -> None:
    def fail(store: SqliteStore) -> None:
        store._database.connection.execute("BEGIN IMMEDIATE")  # as a COMMIT that failed may leave it
        raise CommitError("a commit failed")

    async with opened(tmp_path / "alice.db") as home:
        with pytest.raises(CommitError):
            await home.read(fail)
        await home.read(lambda store: store.confirm_events("app", 0))


async def test_errors_of_sqlite_are_store_errors(tmp_path: Path) -> None:
    def fail(store: SqliteStore) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    async with opened(tmp_path / "alice.db") as home:
        with pytest.raises(StoreError, match=r"alice\.db: the database cannot be read \(.*malformed"):
            await home.read(fail)


async def test_who_waits_hears_of_the_end_while_a_chore_is_running(tmp_path: Path) -> None:
    chore, looked = asyncio.Event(), asyncio.Semaphore(0)

    async def run() -> None:
        await chore.wait()

    async def wait_for_ever(home: Home[SqliteStore]) -> None:
        while True:
            news = home.news()
            home.check()
            looked.release()
            await news.wait()

    async with opened(tmp_path / "alice.db") as home, asyncio.timeout(PATIENCE_S):
        home.start_chore(run())
        waiting = asyncio.create_task(wait_for_ever(home))
        await looked.acquire()
        while not looked.locked():  # what opening told
            await looked.acquire()
        closing = asyncio.create_task(home.close())
        await looked.acquire()  # and it has found the home open still
        chore.set()
        with pytest.raises(OnebarError, match="not open"):
            await waiting
        await closing


async def test_a_cancelled_close_closes(tmp_path: Path) -> None:
    path, chore = tmp_path / "alice.db", asyncio.Event()

    async def run() -> None:
        await chore.wait()

    async with opened(path) as home, asyncio.timeout(PATIENCE_S):
        home.start_chore(run())
        closing = asyncio.create_task(home.close())
        for _ in range(5):
            await asyncio.sleep(0)
        assert home.closing
        closing.cancel()
        await asyncio.sleep(0)
        chore.set()
        with pytest.raises(asyncio.CancelledError):
            await closing
        lock = HolderLock(path)
        assert lock.acquire(), "nobody has the database any more"
        lock.release()
