"""A network, a source and a sink without sockets; the test moves the clock."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from onebar.testing import NetworkProfile, Weather
from onebar.testing.pipe import Pipe


class FakeTimer:
    def __init__(self, at_s: float, call: Callable[[], None]) -> None:
        self.at_s, self.call, self.cancelled = at_s, call, False

    def cancel(self) -> None:
        self.cancelled = True


class FakeAir:
    """What a pipe needs of its network."""

    def __init__(self, profile: NetworkProfile) -> None:
        self.weather = Weather(profile, Random(1))
        self.frozen_until_s = 0.0
        self.time_s = 0.0
        self.counted = {True: 0, False: 0}
        self._timers: list[FakeTimer] = []

    def now_s(self) -> float:
        return self.time_s

    def call_at(self, at_s: float, call: Callable[[], None]) -> Any:
        timer = FakeTimer(at_s, call)
        self._timers.append(timer)
        return timer

    def count(self, nbytes: int, up: bool) -> None:
        self.counted[up] += nbytes

    def run_until(self, time_s: float) -> None:
        while due := min((t for t in self._timers if not t.cancelled), key=lambda t: t.at_s, default=None):
            if due.at_s > time_s:
                break
            self._timers.remove(due)
            self.time_s = max(self.time_s, due.at_s)
            due.call()
        self.time_s = time_s

    @property
    def armed(self) -> int:
        return sum(not timer.cancelled for timer in self._timers)


class FakeSource(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.closing = False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closing


class FakeSink:
    def __init__(self) -> None:
        self.heard: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.heard.append(bytes(data))

    def write_eof(self) -> None:
        self.heard.append("end")

    def reset(self) -> None:
        self.heard.append("reset")


class Laid:
    """A pipe with everything around it."""

    def __init__(self, profile: NetworkProfile) -> None:
        self.air, self.source, self.sink = FakeAir(profile), FakeSource(), FakeSink()
        self.flow = self.air.weather.dial(0.0)
        self.pipe = Pipe(self.air, self.flow, up=True, source=self.source, sink=self.sink)
