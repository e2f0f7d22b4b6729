"""The turn loop: inputs gather while a turn commits; the next one takes them, fairly over the links (R19)."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from onebar_mockserver.limits import REOPEN_S, TURN_INPUTS_MAX
from onebar_mockserver.ports import EngineLostError, Mailbox
from onebar_mockserver.router import Input, Removed, Router, Turn, Woken

SERVER: Final = 0
"""The queue of inputs that come from no link."""

logger = logging.getLogger(__name__)


class TurnLoop:
    """Runs turns until it is stopped.

    `release` gets what a committed turn says, `taken` hears which link's inputs were taken, `lost` closes every link,
    `ended` hears what a turn took and said, and how many seconds that took.
    """

    def __init__(
        self,
        router: Router,
        mailbox: Mailbox,
        now_ms: Callable[[], int],
        release: Callable[[Turn], None],
        lost: Callable[[], None],
        taken: Callable[[int], None],
        ended: Callable[[Sequence[Input], Turn, float], None] = lambda _inputs, _turn, _took_s: None,
    ) -> None:
        self._router = router
        self._mailbox = mailbox
        self._now_ms = now_ms
        self._release = release
        self._lost = lost
        self._taken = taken
        self._ended = ended
        self.recoveries = 0
        """How often the engine was lost and reopened."""
        self._pending: dict[int, deque[Input]] = {}
        self._waiting: deque[int] = deque()
        self._wake = asyncio.Event()
        self._suspected = False
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run turns in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="onebar-turns")

    async def stop(self) -> None:
        """Finish every input that is waiting, and stop."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def put(self, link: int, item: Input) -> None:
        """Add an input to the link's queue; none once the loop is to stop, or who never rests would keep it going."""
        if self._stopping:
            return
        queue = self._pending.get(link)
        if queue is None:
            queue = self._pending[link] = deque()
            self._waiting.append(link)
        queue.append(item)
        self._wake.set()

    def pending(self, link: int) -> int:
        """Return how many inputs of this link wait for their turn."""
        return len(self._pending.get(link, ()))

    @property
    def waiting(self) -> int:
        """How many inputs of all links wait for their turn."""
        return sum(len(queue) for queue in self._pending.values())

    def woken(self, devices: frozenset[int]) -> None:
        """Say that these mailboxes have grown outside of the turns."""
        if devices:
            self.put(SERVER, Woken(tuple(devices)))

    def removed(self, devices: tuple[int, ...]) -> None:
        """Say that these devices are out of use."""
        if devices:
            self.put(SERVER, Removed(devices))

    def suspect(self) -> None:
        """Say that the engine was lost outside of the turns: reopen it before the next one."""
        self._suspected = True
        self._wake.set()

    async def _run(self) -> None:
        while True:
            if not (self._waiting or self._router.unfinished or self._suspected):
                if self._stopping:
                    break
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                if self._suspected:
                    raise EngineLostError("lost outside of a turn")
                started_s = time.perf_counter()
                inputs = self._take()
                turn = await self._router.turn(inputs, self._now_ms())
                self._release(turn)
                self._ended(inputs, turn, time.perf_counter() - started_s)
            except EngineLostError as error:
                await self._recover(error)
            except Exception as error:
                logger.exception("turn failed")
                await self._recover(error)
            # A turn that waits for nothing must still let the sockets be read and written.
            await asyncio.sleep(0)

    def _take(self) -> list[Input]:
        """Take up to a turn's worth of inputs, one from each link in rotation."""
        inputs: list[Input] = []
        touched: dict[int, None] = {}
        while self._waiting and len(inputs) < TURN_INPUTS_MAX:
            link = self._waiting.popleft()
            queue = self._pending[link]
            inputs.append(queue.popleft())
            touched[link] = None
            if queue:
                self._waiting.append(link)
            else:
                del self._pending[link]
        for link in touched:
            self._taken(link)
        return inputs

    async def _recover(self, error: Exception) -> None:
        """Close all links and reopen: whether the turn was committed is unknown, and the disk decides (R19)."""
        logger.error(
            "closing all links and reopening the engine", extra={"error": type(error).__name__, "detail": str(error)}
        )
        self.recoveries += 1
        self._suspected = False
        self._router.reset()
        self._pending.clear()
        self._waiting.clear()
        self._lost()
        while not self._stopping:
            try:
                await self._mailbox.reopen()
            except EngineLostError as again:
                logger.error("engine cannot be reopened yet", extra={"detail": str(again)})
                await asyncio.sleep(REOPEN_S)
            else:
                return
