"""Between Locust's hub of greenlets and one asyncio loop in a real thread.

The phones' loop takes the times, so that a busy hub does not get into them. What it tells waits in a deque, and the hub
is woken once for all that waits. Needs LOCUST_SKIP_MONKEY_PATCH=1: patched, asyncio could not even resolve a name.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import gevent
from gevent import hub
from gevent.event import AsyncResult

BATCH_S: Final = 0.1
"""What is told in this time reaches the hub at once: waking it for each would take ten times the CPU (measured: 86 µs
for one that comes alone, 7 µs in a batch), and Python's lock from the phones."""

START_S: Final = 10.0
"""Longest wait for the thread to begin."""

T = TypeVar("T")


class Bridge:
    """Runs coroutines for greenlets, and brings back what they tell. Make it where the run starts, after any fork."""

    def __init__(self, hear: Callable[[str, float], None]) -> None:
        """Start the loop's thread.

        Args:
            hear: Called in the hub with each (row, seconds) that was told.
        """
        self.told = 0
        """How many times were told so far."""
        self.telling_s = 0.0
        """CPU time that the hub has spent on them."""
        self._hear = hear
        self._waiting: deque[tuple[str, float]] = deque()
        self._hub = hub.get_hub().loop
        self._alive = self._hub.async_()  # keeps the hub waiting for callbacks from the other thread
        self._alive.start(bool)
        self._woken = False
        self._started = threading.Event()
        self.loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._live, name="phones", daemon=True)
        self._thread.start()
        if not self._started.wait(START_S):
            raise RuntimeError(f"the phones' loop did not start within START_S = {START_S:.0f} s")

    def _live(self) -> None:
        with asyncio.Runner() as runner:
            self.loop = runner.get_loop()
            self._stop = asyncio.Event()
            self._started.set()
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        await self._stop.wait()

    def tell(self, row: str, took_s: float) -> None:
        """Tell the hub a time; called on the loop's thread."""
        self._waiting.append((row, took_s))
        if not self._woken:
            self._woken = True
            self.loop.call_later(BATCH_S, self._hub.run_callback_threadsafe, self._drain)

    def _drain(self) -> None:
        self._woken = False
        began_s = time.thread_time()
        while self._waiting:
            self._hear(*self._waiting.popleft())
            self.told += 1
        self.telling_s += time.thread_time() - began_s

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and let the calling greenlet, and only it, wait for its result.

        If the greenlet is killed, as Locust does with its users, the coroutine is cancelled first.
        """
        result: AsyncResult = AsyncResult()
        task = asyncio.run_coroutine_threadsafe(work, self.loop)
        task.add_done_callback(lambda done: self._hub.run_callback_threadsafe(result.set, done))
        try:
            done: Future[T] = result.get()
        except gevent.GreenletExit:
            task.cancel()
            raise
        return done.result()

    def call(self, work: Callable[[], T]) -> T:
        """Call a function on the loop and return its result."""

        async def called() -> T:
            return work()

        return self.run(called())

    def close(self) -> None:
        """End the loop and its thread; what still runs on it is cancelled."""
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)
        self._drain()
        self._alive.stop()
        self._alive.close()
