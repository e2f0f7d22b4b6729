"""Several ways to do one thing, of which the first that works is kept (RFC 8305 §5, one level above addresses)."""

import asyncio
import itertools
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

STAGGER_S: Final = 0.3
"""Pause before the next way begins beside those that have not answered (DESIGN §6). RFC 8305 recommends 250 ms for
addresses of one name; a TLS handshake on LTE takes about 300 ms, and a way that works needs no second one beside it."""

T = TypeVar("T")

Attempt = Callable[[], Coroutine[Any, Any, T]]


RUNNING_MAX: Final = 6
"""Most attempts at once: the oldest makes room, which waits for a timer that doubles."""


async def race(
    attempts: Sequence[Attempt[T]],
    discard: Callable[[T], object],
    stagger_s: float,
    again_s: Callable[[], float] = lambda: math.inf,
) -> T:
    """Return the result of the first attempt that succeeds; the others are cancelled, or discarded.

    Args:
        attempts: At least one, the best first. The next one begins after `stagger_s`, or at once when one has failed.
        discard: Undoes a result that came too late.
        stagger_s: In seconds.
        again_s: After so many seconds without an answer each attempt is made once more, one after the other. Asked anew
            each time; `inf`: not now.

    Raises:
        Exception: All failed; it is what the first one raised.
    """
    errors: dict[int, BaseException] = {}
    running: dict[asyncio.Task[T], int] = {}
    waiting = list(enumerate(attempts))
    again = itertools.cycle(waiting[:])
    try:
        while waiting or running:
            if waiting:
                number, attempt = waiting.pop(0)
                running[asyncio.create_task(attempt(), name=f"onebar way {number}")] = number
            pause_s = stagger_s if waiting else again_s()
            ended, _ = await asyncio.wait(
                running, timeout=pause_s if pause_s < math.inf else None, return_when=asyncio.FIRST_COMPLETED
            )
            if not ended and not waiting and again_s() < math.inf:
                waiting.append(next(again))
                if len(running) == RUNNING_MAX:
                    next(iter(running)).cancel()
            for task in [task for task in running if task.done()]:  # in the order they began
                number = running.pop(task)
                if task.cancelled():
                    continue
                if (error := task.exception()) is None:
                    return task.result()
                errors[number] = error
        raise errors[min(errors)]
    finally:
        await _end(running, discard)


async def _end(running: dict[asyncio.Task[T], int], discard: Callable[[T], object]) -> None:
    for task in running:
        task.cancel()
        task.add_done_callback(lambda done: _undo(done, discard))
    if running:
        await asyncio.wait(running)


def _undo(task: asyncio.Task[T], discard: Callable[[T], object]) -> None:
    if not task.cancelled() and task.exception() is None:
        discard(task.result())
