"""The rate of a link over time, as recorded on a drive or drawn from a seed."""

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

OPPORTUNITY_BYTES: Final = 1500
"""What one line of a mahimahi trace may carry: one packet of the longest kind."""

TRACE_LINES_MAX: Final = 5_000_000
"""Longest trace that is read: an hour at 16 Mbit/s; more is a wrong file."""

RATES: Final = (0.1, 0.4, 1.0, 2.4)
"""The states of a synthetic trace, as parts of its mean: as far apart as the 10th and 90th percentile of a drive."""

STEP_CHANCE: Final = 0.3
"""Chance per second that a synthetic trace goes to a state beside its own."""

OUTAGE_CHANCE: Final = 0.01
"""Chance per second that it loses the network; a recorded LTE drive had 8 gaps over 1 s in 120 s."""

OUTAGE_S: Final = 3.0
"""Mean length of such a gap."""


@dataclass(frozen=True, slots=True)
class Trace:
    """When a link can carry a packet; played in a loop.

    The format is that of mahimahi (Netravali et al., USENIX ATC 2015): each time is one opportunity to carry 1500
    bytes; what waits is packed together, and an opportunity that finds nothing waiting is lost.

    Raises:
        ValueError: The times are none, not in order, below zero, or all zero.
    """

    name: str
    times_ms: tuple[int, ...] = field(repr=False)
    """Milliseconds from the start; several packets in one millisecond repeat it."""

    def __post_init__(self) -> None:
        times = self.times_ms
        if not times or times[-1] <= 0 or times[0] < 0:
            raise ValueError(f"trace {self.name}: needs times from 0 on, the last above 0")
        if any(after < before for before, after in pairwise(times)):
            raise ValueError(f"trace {self.name}: the times are not in order")

    @property
    def mean_kbps(self) -> float:
        """What it carries on average, in kbit/s."""
        return len(self.times_ms) * OPPORTUNITY_BYTES * 8 / self.times_ms[-1]


class Playing:
    """One direction of a link while its trace is played."""

    __slots__ = ("_left", "_place", "_start_s", "_times_ms")

    def __init__(self, trace: Trace, start_s: float) -> None:
        """Begin the trace at `start_s`."""
        self._times_ms = trace.times_ms
        self._start_s = start_s
        self._place = -1
        self._left = 0

    def done_s(self, start_s: float, nbytes: int, *, take: bool = True) -> float:
        """Say when the last of these bytes is carried, after all before them, if they wait from `start_s` on.

        Without `take` nobody else finds the opportunities used.
        """
        times_ms = self._times_ms
        # Up to a microsecond of rounding must not cost an opportunity.
        loops, rest_ms = divmod(max(0.0, (start_s - self._start_s) * 1000 - 0.001), times_ms[-1])
        place, left = int(loops) * len(times_ms) + bisect_left(times_ms, rest_ms), OPPORTUNITY_BYTES
        if place <= self._place:
            place, left = self._place, self._left
        if nbytes > left:
            more = -(-(nbytes - left) // OPPORTUNITY_BYTES)
            place, left = place + more, left + more * OPPORTUNITY_BYTES
        if take:
            self._place, self._left = place, left - nbytes
        loops, index = divmod(place, len(times_ms))
        return self._start_s + (loops * times_ms[-1] + times_ms[index]) / 1000


def load_trace(path: Path) -> Trace:
    """Read a mahimahi trace: one whole number of milliseconds a line.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such trace; the text names the file and the line.
    """
    times_ms: list[int] = []
    with path.open(encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if number > TRACE_LINES_MAX:
                raise ValueError(f"{path}: more than {TRACE_LINES_MAX} lines: no trace of a phone's link")
            if not line.strip().isdecimal():
                raise ValueError(f"{path}, line {number}: {line.strip()[:40]!r} is no whole number of milliseconds")
            times_ms.append(int(line))
    return Trace(path.name, tuple(times_ms))


def synthetic_trace(random: Random, *, mean_kbps: float, lasts_s: int = 300) -> Trace:
    """Draw a trace: a rate that wanders between four states, and gaps without a network.

    Args:
        random: The dice; the same seed gives the same trace.
        mean_kbps: Mean rate over the whole trace, in kbit/s, above 0.
        lasts_s: Its length in seconds, at least 1.

    Raises:
        ValueError: A number is out of its range.
    """
    if not (mean_kbps > 0 and math.isfinite(mean_kbps)) or lasts_s < 1:
        raise ValueError(f"a trace of {mean_kbps!r} kbit/s and {lasts_s!r} s: needs a rate above 0 and at least 1 s")
    rates = _wander(random, lasts_s)
    packets_per_s = mean_kbps * 1000 / 8 / OPPORTUNITY_BYTES
    scale = packets_per_s * lasts_s / sum(rates)
    times_ms, owed = [], 0.0
    for second, rate in enumerate(rates):
        packets = int(owed + rate * scale)
        owed += rate * scale - packets
        times_ms += [second * 1000 + (number * 1000) // packets for number in range(1, packets + 1)]
    return Trace(f"synthetic {mean_kbps:g} kbit/s", (*times_ms, lasts_s * 1000))


def _wander(random: Random, lasts_s: int) -> list[float]:
    rates: list[float] = []
    state, outage_s = RATES.index(1.0), 0
    for _ in range(lasts_s):
        if random.random() < STEP_CHANCE:
            state = min(max(state + random.choice((-1, 1)), 0), len(RATES) - 1)
        if outage_s == 0 and random.random() < OUTAGE_CHANCE:
            outage_s = 1 + int(random.expovariate(1 / OUTAGE_S))
        rates.append(RATES[state] if outage_s == 0 else 0.0)
        outage_s = max(0, outage_s - 1)
    return rates if any(rates) else [1.0] * lasts_s
