"""A process's memory and open files over time, and how fast they rise."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Final, NamedTuple

LOOK_S: Final = 0.5
"""Time between two looks: a hundred of them make a slope that one burst does not bend."""

WARM_SHARE: Final = 0.25
"""Share of the samples at the start that do not count: caches fill and the allocator takes what it will keep."""

PAGE_KB: Final = os.sysconf("SC_PAGE_SIZE") / 1024
"""The unit of /proc/PID/statm."""


class Sample(NamedTuple):
    """One look at a process."""

    at_s: float
    rss_kb: float
    fds: int


def look(pid: int) -> Sample:
    """Return a process's resident memory and how many files it has open, sockets included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return Sample(time.monotonic(), pages * PAGE_KB, len(list(Path(f"/proc/{pid}/fd").iterdir())))


@dataclass
class Gauge:
    """Looks at one process again and again."""

    pid: int
    samples: list[Sample] = field(default_factory=list)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.samples.append(look(self.pid))
            await asyncio.sleep(LOOK_S)

    async def settled(self, fds: int, within_s: float) -> Sample:
        """Look until no more than these files are open, at most for this time; return the last look."""
        seen = look(self.pid)
        for _ in range(int(within_s / LOOK_S)):
            if seen.fds <= fds:
                break
            await asyncio.sleep(LOOK_S)
            seen = look(self.pid)
        return seen


def per_minute(samples: Sequence[Sample], figure: str) -> float:
    """Return the slope of a figure by least squares, after the warm-up, in its unit a minute."""
    steady = samples[round(len(samples) * WARM_SHARE) :]
    if len(steady) < 2:
        return 0.0
    return 60 * linear_regression([one.at_s for one in steady], [getattr(one, figure) for one in steady]).slope
