"""Drives an engine with asyncio: waits, runs the turns on a worker thread, and does what they say."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Final, Protocol

from onebar.core.turn import (
    AppInput,
    Dial,
    Hang,
    Input,
    Instant,
    LinkInput,
    LinkLost,
    MessageArrived,
    Output,
    Poked,
    Registered,
    Replace,
    ReplaceFailed,
    ReplaceRefused,
    TransferOutput,
    Transmit,
    Turn,
)
from onebar.drivers import http
from onebar.drivers.address import Address
from onebar.drivers.alarm import Alarm
from onebar.drivers.inputs import InputQueue
from onebar.errors import OnebarError, RegistrationError, RemoteProtocolError, StoreError, TransportError

if TYPE_CHECKING:
    from onebar.drivers.transfers import Files, TransferDriver
    from onebar.drivers.websocket import Say

IDLE_S: Final = 3.0
"""A device that had nothing to do for so long is idle: what it has spent leaves the disk now (docs/protocol.md R24)."""

FINAL_REFUSALS: Final = frozenset({"device_removed", "bad_proof"})
"""Only these end a device for good (R18); a proxy's or a portal's 4xx must not."""

_log = logging.getLogger(__name__)


class Link(Protocol):
    """A connection that the engine dialled."""

    @property
    def task(self) -> asyncio.Task[None]:
        """What lives as long as the link; cancel it to hang up at once: then nothing more is said."""

    def transmit(self, data: bytes) -> None:
        """Send one binary message after those before it, without waiting for the network."""


OpenLink = Callable[[Dial, Address, "Say"], Link]
"""Opens a link: (what the engine wants, the server, who hears what the link says)."""


def open_websocket(dial: Dial, address: Address, say: "Say") -> Link:
    """Open a link as every app does."""
    from onebar.drivers.websocket import WebSocketLink  # 40 ms that an offline run never needs

    return WebSocketLink(dial.link_no, address, dial.flight, say, dial.again_s)


class TurnTaker(Protocol):
    """What is driven: an `Engine`."""

    def turn(self, inputs: Sequence[Input], now: Instant) -> Turn:
        """Handle the inputs in one committed transaction."""


def system_clock() -> Instant:
    """Read the machine's clocks."""
    return Instant(time.monotonic(), time.time_ns() // 1_000_000)


class Driver:
    """Runs the turns of one engine until it is closed, or until its database is beyond help (`failed`)."""

    def __init__(
        self,
        engine: TurnTaker,
        worker: Executor | None,
        address: Address,
        on_news: Callable[[], None],
        clock: Callable[[], Instant] = system_clock,
        on_idle: Callable[[], object] = bool,
        on_turn: Callable[[], object] = bool,
        open_link: OpenLink = open_websocket,
        files: "Files | None" = None,
    ) -> None:
        """Start driving; needs a running loop.

        Args:
            engine: What takes the turns; touched on the worker's thread only.
            worker: Exactly one thread, so that a commit never blocks the loop and turns never overlap; None for a
                database in memory, which never waits for a disk: then turns run on the loop.
            address: The server.
            on_news: Called after a turn that wrote events or messages, and when the driver fails.
            clock: Where the time comes from.
            on_idle: Called where the turns run when no turn has run for IDLE_S; must not raise.
            on_turn: Called after every turn; must not raise.
            open_link: Opens the links; a load test puts each phone's own network into them.
            files: The sealed files of the device; without, none is moved.
        """
        self.failed: StoreError | None = None
        self.portal = False
        """Whether something on this network seems to have answered the last dial in the server's place."""
        self._engine = engine
        self._worker = worker
        self._address = address
        self._on_news = on_news
        self._clock = clock
        self._on_idle = on_idle
        self._on_turn = on_turn
        self._open_link = open_link
        self._files = files
        self._transfers: TransferDriver | None = None
        self._idle = Alarm(self._rest)
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._inputs = InputQueue(self._wake.set)
        self._links: dict[int, Link] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # links and requests that are not over
        self._timer = Alarm(lambda: self.tell(Poked()))
        self._more = False
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="onebar driver")
        self.tell(Poked())

    def submit(self, item: AppInput) -> asyncio.Future[object]:
        """Hand in an input; the future is its result, once committed.

        A cancelled future takes back an input that no turn has begun with; a turn that has begun is finished.
        """
        caller: asyncio.Future[object] = self._loop.create_future()
        if self._closing:
            caller.set_exception(self._end())
        else:
            self._inputs.add(item, caller)
        return caller

    def tell(self, item: AppInput) -> None:
        """Hand in an input whose result nobody waits for."""
        if not self._closing:
            self._inputs.add(item)

    async def close(self) -> None:
        """Finish the running turn, cut the links, tell whoever still waits. What is committed stays."""
        self._closing = True
        self._wake.set()
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while not self._closing:
                await self._wake.wait()
                self._wake.clear()
                if not self._closing:
                    await self._take_turn()
        except Exception as error:  # noqa: BLE001 - logged here, and told to everybody who waits or comes
            _log.critical("the driver stops", exc_info=error)
            name = type(error).__name__
            self.failed = error if isinstance(error, StoreError) else StoreError(f"turns fail ({name})")
            self._on_news()
        finally:
            self._closing = True
            await self._stop()

    async def _take_turn(self) -> None:
        inputs = self._inputs.take(self._heard, links=not self._more)
        if not inputs and not self._more:
            return
        if self._worker is None:
            turn = self._engine.turn(inputs, self._clock())
        else:
            turn = await self._loop.run_in_executor(self._worker, self._engine.turn, inputs, self._clock())
        self._inputs.settle(turn.results)
        for output in turn.outputs:
            self._carry_out(output)
        if turn.news:
            self._on_news()
        self._on_turn()
        self._more = turn.more
        if turn.more:
            self._wake.set()
        now_s = self._loop.time()
        self._idle.set(now_s + IDLE_S)
        pause_s = None if turn.timer_s is None else max(0.0, turn.timer_s - self._clock().monotonic_s)
        self._timer.set(None if pause_s is None else now_s + pause_s)

    def _rest(self) -> None:
        if self._closing:
            return
        if self._worker is None:
            self._on_idle()
        else:
            self._worker.submit(self._on_idle)

    def _heard(self, item: LinkInput) -> bool:
        counts = item.link_no in self._links
        if counts and isinstance(item, LinkLost):
            del self._links[item.link_no]
            self.portal = item.portal
        elif counts and isinstance(item, MessageArrived):
            self.portal = False
        return counts

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, Dial):
            link = self._open_link(output, self._address, self._inputs.hear)
            self._links[output.link_no] = link
            self._keep(link.task)
        elif isinstance(output, Replace):
            self._keep(asyncio.create_task(self._replace(output)))
        elif not isinstance(output, Transmit | Hang):
            self._transfer(output)
        elif output.link_no not in self._links:
            pass  # it was lost meanwhile, and the engine is about to hear of it
        elif isinstance(output, Transmit):
            self._links[output.link_no].transmit(output.data)
        else:
            self._links.pop(output.link_no).task.cancel()

    def _transfer(self, output: TransferOutput) -> None:
        if self._transfers is None and self._files is not None:
            from onebar.drivers.transfers import TransferDriver  # most runs never move a file

            self._transfers = TransferDriver(self._address, self._files, self.tell)
        if self._transfers is not None:
            self._transfers.carry_out(output)

    async def _replace(self, output: Replace) -> None:
        answer: AppInput
        try:
            answer = Registered(output.account, await http.replace_device(self._address, output))
        except RegistrationError as error:
            answer = ReplaceRefused(error.reason) if error.reason in FINAL_REFUSALS else ReplaceFailed()
        except (TransportError, RemoteProtocolError):
            answer = ReplaceFailed()
        except Exception as error:  # noqa: BLE001 - a defect must not leave the device without its account for ever
            _log.error("a replacement failed", exc_info=error)
            answer = ReplaceFailed()
        self.tell(answer)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self) -> None:
        self._timer.cancel()
        self._idle.cancel()
        for task in self._tasks:
            task.cancel()
        self._inputs.close(self._end())
        if self._transfers is not None:
            await self._transfers.close()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def _end(self) -> OnebarError:
        return self.failed or OnebarError("this client was closed before it was done")
