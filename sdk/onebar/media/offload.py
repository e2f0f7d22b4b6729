"""Runs one piece of media work after another, off the event loop: memory stays that of one, and each can be stopped."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

from onebar.media.errors import MediaCancelledError

P = ParamSpec("P")
T = TypeVar("T")


class Stop:
    """Tells work that runs in another thread to end."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Let the work end at its next step."""
        self._asked.set()

    def check(self) -> None:
        """End here if it was asked for.

        Raises:
            MediaCancelledError: It was.
        """
        if self._asked.is_set():
            raise MediaCancelledError("the work was stopped before it was done")


class Offload:
    """One thread for media work, in the order of the calls; a context manager."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="onebar-media")
        self._running: set[Stop] = set()

    def __enter__(self) -> "Offload":
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop everything and wait until it has stopped."""
        self.close()

    async def run(self, work: Callable[Concatenate[Stop, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(stop, …)` when its turn comes, and return what it returns.

        If the caller is cancelled, the work ends at its next step; what is queued behind it waits for that.

        Raises:
            MediaCancelledError: `close` was called.
        """
        stop = Stop()
        self._running.add(stop)
        begin = functools.partial(_begin, stop, functools.partial(work, stop, *args, **kwargs))
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, begin)
        finally:
            stop.ask()
            self._running.discard(stop)

    def close(self) -> None:
        """Stop what runs and what waits, and wait until it has stopped; a step may take a second."""
        for stop in list(self._running):
            stop.ask()
        self._thread.shutdown(wait=True)


def _begin(stop: Stop, work: Callable[[], T]) -> T:
    stop.check()  # its caller may have gone while it waited
    return work()
