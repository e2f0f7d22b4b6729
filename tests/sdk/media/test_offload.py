"""Work runs off the loop, one after another, and ends when it is not wanted any more."""

import asyncio
import threading

import pytest

from onebar.media.errors import MediaCancelledError
from onebar.media.offload import Offload, Stop


def double(stop: Stop, number: int) -> int:
    stop.check()
    return 2 * number


async def test_work_runs_in_another_thread_and_returns_its_result() -> None:
    with Offload() as offload:
        assert await offload.run(double, 4) == 8
        assert await offload.run(lambda stop: threading.current_thread().name) != threading.current_thread().name


async def test_errors_come_back() -> None:
    def fails(stop: Stop) -> None:
        raise MediaCancelledError("mine")

    with Offload() as offload:
        with pytest.raises(MediaCancelledError, match="mine"):
            await offload.run(fails)
        assert await offload.run(double, 1) == 2


class Steps:
    """Work that goes on until it is stopped."""

    def __init__(self) -> None:
        self.began, self.ended, self.go = threading.Event(), threading.Event(), threading.Event()

    def run(self, stop: Stop) -> None:
        self.began.set()
        try:
            while True:
                stop.check()
                self.go.wait(0.001)
        finally:
            self.ended.set()


async def test_cancelling_the_caller_ends_the_work_at_its_next_step() -> None:
    steps = Steps()
    with Offload() as offload:
        task = asyncio.create_task(offload.run(steps.run))
        await asyncio.to_thread(steps.began.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await offload.run(double, 3) == 6, "the next one has its turn"
        assert steps.ended.is_set()


async def test_what_is_cancelled_while_it_waits_never_begins() -> None:
    steps, never = Steps(), Steps()
    with Offload() as offload:
        first = asyncio.create_task(offload.run(steps.run))
        second = asyncio.create_task(offload.run(never.run))
        await asyncio.to_thread(steps.began.wait)
        second.cancel()
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        await offload.run(double, 3)
    assert not never.began.is_set()


async def test_closing_stops_what_runs() -> None:
    steps = Steps()
    offload = Offload()
    task = asyncio.create_task(offload.run(steps.run))
    await asyncio.to_thread(steps.began.wait)
    await asyncio.to_thread(offload.close)
    with pytest.raises(MediaCancelledError, match="stopped before it was done"):
        await task
