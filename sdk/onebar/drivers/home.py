"""A database as one process has it: as its *holder*, who runs the turns, or as a *guest*.

One process at a time holds a database (DESIGN §2). A guest reads on its own connection, adds drafts in its
own transactions, pokes the holder, and takes over as soon as the lock is free.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from onebar.core.records import Device
from onebar.core.turn import AppInput, Poked, Send
from onebar.drivers.address import Address
from onebar.drivers.asyncio import Driver, system_clock
from onebar.drivers.home_ports import DeviceEngine, LocalStore
from onebar.drivers.link_watch import LinkWatch
from onebar.drivers.lock import HolderLock
from onebar.drivers.watch import MessageWatch
from onebar.errors import CommitError, OnebarError, StoreError
from onebar.models import LinkStatus, Message, Reach

if TYPE_CHECKING:
    from onebar.drivers.transfers import Files

GUEST_POLL_S: Final = 0.25
"""How often a guest looks for a free lock and for news: people take a quarter of a second for "at once"."""

HOLDER_POLL_S: Final = 1.0
"""How often a holder that cannot be poked looks for what guests added."""

_log = logging.getLogger(__name__)


S = TypeVar("S", bound=LocalStore)
T = TypeVar("T")


async def finish(task: asyncio.Task[T], on_cancel: Callable[[], object] = bool) -> T:
    """Return what a task returns; a caller who is cancelled calls `on_cancel`, and goes when the task has ended."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        on_cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is left to hear of it
        raise


class Home(Generic[S]):
    """One opened database. What blocks runs on its two threads, one for turns and one for reading."""

    def __init__(
        self,
        path: Path,
        address: Address,
        open_store: Callable[[Path], S],
        make_engine: Callable[[S], DeviceEngine],
        files: "Files | None" = None,
    ) -> None:
        self._path = path
        self._address = address
        self._open_store = open_store
        self._make_engine = make_engine
        self._files = files
        self._lock = HolderLock(path)
        self._reads = ThreadPoolExecutor(1, "onebar-reads")
        self._turns = ThreadPoolExecutor(1, "onebar-turns")
        self._reading: S | None = None  # touched on the reading thread only
        self._writing: S | None = None  # touched on the turns' thread only
        self._driver: Driver | None = None
        self._engine: DeviceEngine | None = None
        self._device: Device | None = None
        self._failure: StoreError | None = None
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._closed = False
        self._watch: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self.messages = MessageWatch(self._look_at, self.start_chore)
        """Who waits for a message."""
        self.link_watch = LinkWatch(lambda: self.link)
        """Who waits for the connection."""

    @property
    def holding(self) -> bool:
        """Whether this process runs the turns."""
        return self._driver is not None

    @property
    def closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing.is_set()

    @property
    def device(self) -> Device | None:
        """This device, as last committed or seen; None while another process still fills a new database."""
        return self._device if self._engine is None else self._engine.device

    @property
    def engine(self) -> DeviceEngine | None:
        """The engine; None in a guest."""
        return self._engine

    @property
    def link(self) -> LinkStatus:
        """What an app can say about the connection."""
        if self._engine is None or self._driver is None:
            return LinkStatus(Reach.ELSEWHERE)
        return replace(self._engine.link, portal=self._driver.portal)

    def holder_engine(self) -> DeviceEngine:
        """Return the engine, for what only the process that has it can do.

        Raises:
            OnebarError: Another process has the database open.
        """
        self.check()
        if self._engine is None:
            raise OnebarError("another process has this database open: do this there, or close it first")
        return self._engine

    async def open(self) -> None:
        """Open the database and take a role.

        Raises:
            StoreError: The database cannot be used.
        """
        try:
            await self._on(self._reads, self._open_reading)
            if self._lock.acquire():
                await self._hold()
            else:
                self._device = await self.read(lambda store: store.load_device())
                self._watch = asyncio.create_task(self._watch_holder(), name="onebar guest")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish the running turn and close everything, also for a caller who is cancelled; what is committed stays."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._close(), name="onebar close")
        await finish(self._ending)

    async def _close(self) -> None:
        self._closing.set()
        self.announce()
        self.messages.close(OnebarError("the client was closed; what waits stays in the outbox"))
        if self._watch is not None:
            await self._watch
        await self.chores_done()
        self._closed = True
        self.announce()  # who looked since the first time has found it open still
        if self._driver is not None:
            await self._driver.close()
        await self._on(self._turns, self._close_writing)
        self._lock.release()
        await self._on(self._reads, self._close_reading)
        self._turns.shutdown()
        self._reads.shutdown()

    def check(self) -> None:
        """Check that it can be used.

        Raises:
            OnebarError: It is closed.
            StoreError: The database failed.
        """
        if self._closed:
            raise OnebarError("this client is not open: use `async with`, or open another one")
        failure = self._failure or (self._driver and self._driver.failed)
        if failure:
            raise StoreError(str(failure)) from failure

    def news(self) -> asyncio.Event:
        """Return the event of the next news. Take it first, then read, then wait: so nothing is missed."""
        return self._news

    def announce(self) -> None:
        """Let everybody who waits for news look."""
        self._news.set()
        self._news = asyncio.Event()
        self.messages.on_news()
        self.link_watch.announce()

    def start_chore(self, chore: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run something short in the background that `close` waits for."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._end_chore)
        return task

    def _end_chore(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # whoever started it hears of it too, if it still listens
            _log.error("a chore failed: %s", type(error).__name__)

    async def chores_done(self) -> None:
        """Wait for the chores that were started so far."""
        if self._chores:
            await asyncio.wait(set(self._chores))

    async def read(self, query: Callable[[S], T]) -> T:
        """Run a query on the reading thread.

        Raises:
            StoreError: The database failed.
        """
        self.check()
        return await self._on(self._reads, lambda: self._query(query))

    async def submit(self, item: AppInput) -> object:
        """Give an input to the engine and return its result, once committed.

        Raises:
            OnebarError: The engine will not have it; or another process has the database open.
        """
        self.holder_engine()
        assert self._driver is not None
        return await self._driver.submit(item)

    def tell(self, item: AppInput) -> None:
        """Give an input to the engine of a holder, without waiting; a guest has none."""
        self.check()
        if self._driver is not None:
            self._driver.tell(item)

    def tell_from_any_thread(self, item: AppInput) -> None:
        """Like `tell`, as soon as the loop gets to it; what comes too late for a closed client is ignored."""
        self.check()
        self._loop.call_soon_threadsafe(self._tell_late, item)

    def _tell_late(self, item: AppInput) -> None:
        if self._driver is not None:
            self._driver.tell(item)

    async def send(self, send: Send) -> int:
        """Commit a message to the outbox; return its number."""
        self.check()
        if self._driver is None:
            message_no = await self.read(lambda store: self._add_draft(store, send))
            self.announce()
            return message_no
        result = await self._driver.submit(send)
        assert isinstance(result, int)
        return result

    def _add_draft(self, store: S, send: Send) -> int:
        with store.transaction():
            device = store.load_device()
            message_id = int.from_bytes(os.urandom(8), "big") >> 1  # R6; 63 bits are what SQLite holds
            sent_at_ms = system_clock().wall_ms + (0 if device is None else device.clock_offset_ms)
            file = None if send.file is None else (send.file, send.forwarded)
            message_no = store.outbox.add(send.phone, send.text, send.key, message_id, sent_at_ms, None, file)
        self._lock.poke()  # here, so that a caller who is cancelled leaves no draft that nobody knows of
        return message_no

    async def _hold(self) -> None:
        self._engine = await self._on(self._turns, self._open_writing)
        assert self._writing is not None
        self._driver = Driver(
            self._engine,
            self._turns,
            self._address,
            self.announce,
            on_idle=self._writing.checkpoint,
            on_turn=self.link_watch.look,
            files=self._files,
        )
        if not self._lock.listen(self._on_poke):
            self._watch = asyncio.create_task(self._watch_guests(), name="onebar holder")
        self.announce()

    def _on_poke(self) -> None:
        if self._driver is not None:
            self._driver.tell(Poked())
        self.announce()

    async def _watch_holder(self) -> None:
        seen = None
        try:
            while not await self._pause(GUEST_POLL_S):
                if self._lock.acquire():
                    await self._hold()
                    return
                version = await self.read(lambda store: store.data_version())
                if version != seen:
                    seen = version
                    self._device = await self.read(lambda store: store.load_device())
                    self.announce()
        except Exception as error:  # noqa: BLE001 - logged here, and told to everybody who waits or comes
            _log.critical("the database cannot be watched any more", exc_info=error)
            self._failure = error if isinstance(error, StoreError) else StoreError(f"no turns: {error!r}")
            if self._driver is None:
                self._lock.release()  # another process may have more luck
            self.announce()

    async def _watch_guests(self) -> None:
        while not await self._pause(HOLDER_POLL_S):
            self._on_poke()

    async def _pause(self, pause_s: float) -> bool:
        """Wait; return whether it is time to close."""
        try:
            await asyncio.wait_for(self._closing.wait(), pause_s)
        except TimeoutError:
            return False
        return True

    async def _on(self, thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, work)

    async def _look_at(self, numbers: Sequence[int]) -> list[Message | None]:
        return await self.read(lambda store: [store.message(number) for number in numbers])

    def _query(self, query: Callable[[S], T]) -> T:
        assert self._reading is not None
        try:
            return query(self._reading)
        except CommitError:
            self._reading.reopen()  # whether it took effect is known only now; the connection may be stuck in it
            raise
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: the database cannot be read ({error})") from error

    def _open_reading(self) -> None:
        self._reading = self._open_store(self._path)

    def _open_writing(self) -> DeviceEngine:
        self._writing = self._open_store(self._path)
        return self._make_engine(self._writing)

    def _close_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()

    def _close_writing(self) -> None:
        if self._writing is not None:
            self._writing.close()
