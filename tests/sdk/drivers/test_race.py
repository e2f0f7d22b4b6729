"""Several ways, of which one is kept: in virtual order, by events instead of by time."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from functools import partial

import pytest

from onebar.drivers.race import RUNNING_MAX, race

PATIENCE_S = 5.0
AT_ONCE_S = 0.0
NEVER_S = 3600.0


class Track:
    """Attempts that end when the test says so."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.cancelled: list[int] = []
        self.discarded: list[int] = []
        self.news = asyncio.Event()
        self._ends: dict[int, asyncio.Future[int]] = {}

    def attempts(self, count: int) -> list[Callable[[], Coroutine[object, object, int]]]:
        return [partial(self._attempt, number) for number in range(count)]

    def end(self, number: int, error: Exception | None = None) -> None:
        end = self._end_of(number)
        if error is None:
            end.set_result(number)
        else:
            end.set_exception(error)

    async def all_began(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.began) < count:
                self.news.clear()
                await self.news.wait()

    async def _attempt(self, number: int) -> int:
        self.began.append(number)
        self.news.set()
        try:
            return await self._end_of(number)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise

    def _end_of(self, number: int) -> asyncio.Future[int]:
        return self._ends.setdefault(number, asyncio.get_running_loop().create_future())


def run(track: Track, count: int, stagger_s: float) -> asyncio.Task[int]:
    return asyncio.create_task(race(track.attempts(count), track.discarded.append, stagger_s))


async def test_a_good_first_way_is_the_only_one() -> None:
    track = Track()
    track.end(0)
    assert await run(track, 3, NEVER_S) == 0
    assert track.began == [0]


async def test_a_slow_way_gets_company_and_whoever_is_first_wins() -> None:
    track = Track()
    racing = run(track, 3, AT_ONCE_S)
    await track.all_began(3)
    track.end(1)
    assert await racing == 1
    assert sorted(track.cancelled) == [0, 2]
    assert track.discarded == []


async def test_while_nobody_answers_fresh_attempts_join_and_the_oldest_make_room() -> None:
    track, count = Track(), itertools.count()

    async def again() -> int:
        return await track.attempts(RUNNING_MAX + 3)[next(count)]()

    racing = asyncio.create_task(race([again], track.discarded.append, AT_ONCE_S, lambda: 0.001))
    await track.all_began(RUNNING_MAX + 2)
    assert track.cancelled[0] == 0
    newest = track.began[-1]
    track.end(newest)
    assert await racing == newest
    assert len(track.cancelled) >= RUNNING_MAX


async def test_a_failure_starts_the_next_way_at_once() -> None:
    track = Track()
    racing = run(track, 3, NEVER_S)
    await track.all_began(1)
    track.end(0, OSError("first"))
    await track.all_began(2)
    track.end(1)
    assert await racing == 1
    assert track.began == [0, 1]


async def test_two_at_the_same_moment_leave_one() -> None:
    track = Track()
    racing = run(track, 2, AT_ONCE_S)
    await track.all_began(2)
    track.end(1)
    track.end(0)
    assert await racing == 0
    assert track.discarded == [1]


async def test_when_all_fail_the_first_one_says_why() -> None:
    track = Track()
    racing = run(track, 2, AT_ONCE_S)
    await track.all_began(2)
    track.end(1, OSError("second"))
    track.end(0, OSError("first"))
    with pytest.raises(OSError, match="first"):
        await racing


async def test_giving_up_ends_all() -> None:
    track = Track()
    racing = run(track, 2, AT_ONCE_S)
    await track.all_began(2)
    racing.cancel()
    await asyncio.wait([racing])
    assert racing.cancelled()
    assert sorted(track.cancelled) == [0, 1]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("onebar way")]
