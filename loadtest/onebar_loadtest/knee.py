"""Where a system begins to bend: the most phones and messages a second before more of them cost time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from onebar_loadtest.record import Sample
from onebar_loadtest.rows import Histogram

WINDOW_S: Final = 5
"""Seconds that are looked at together: one alone has too few messages."""

BENT: Final = 3.0
"""Beyond the knee, the 95th percentile is so many times what it was with few phones."""

FEW: Final = 0.3
"""Windows with at most this share of all phones say how long a message takes when nobody waits."""

GROWTH: Final = 1.5
"""A run whose phones do not grow at least so much has no knee to find."""


class Server(Protocol):
    """What is known of the server in one second."""

    cpu: float


@dataclass(frozen=True, slots=True)
class Knee:
    """The last window before the bend."""

    phones: int
    messages_s: float
    p95_ms: float
    bends: bool
    """Whether the bend was seen; else there could be more."""
    server_cpu: float
    """CPU seconds a second of the server there; 0 if it was not measured."""
    lag_ms: float
    """How late the phones' own loop was there: if that is much, it was not the server that bent."""

    def known(self) -> dict[str, float | bool]:
        """Return it for a report."""
        return asdict(self)

    def __str__(self) -> str:
        """Say it."""
        more = "" if self.bends else " or more: no bend was seen"
        return (
            f"{self.phones} phones, {self.messages_s:.0f} messages/s{more} (p95 {self.p95_ms:.0f} ms, "
            f"server CPU {self.server_cpu:.0%}, phones' loop late by up to {self.lag_ms:.0f} ms)"
        )


def find_knee(seconds: Mapping[int, Sample], server: Mapping[int, Server]) -> Knee | None:
    """Return the knee of a run whose phones grew; None if they did not."""
    windows = _windows(seconds, server)
    most = max((window.phones for window in windows), default=0)
    few = [window.p95_ms for window in windows if window.phones <= most * FEW]
    if not few or most < GROWTH * min(window.phones for window in windows):
        return None
    limit_ms = BENT * sorted(few)[len(few) // 2]
    best = None
    for window in windows:
        if window.p95_ms > limit_ms and window.phones > most * FEW:
            return (
                None
                if best is None
                else Knee(best.phones, best.messages_s, best.p95_ms, True, best.server_cpu, best.lag_ms)
            )
        if best is None or window.phones >= best.phones:
            best = window
    return best


def _windows(seconds: Mapping[int, Sample], server: Mapping[int, Server]) -> list[Knee]:
    times = sorted(at_s for at_s, sample in seconds.items() if sample.phones)
    windows = []
    for start in range(0, len(times) - WINDOW_S + 1, WINDOW_S):
        chosen = times[start : start + WINDOW_S]
        samples = [seconds[at_s] for at_s in chosen]
        took = Histogram()
        for sample in samples:
            took.merge(sample.end_to_end)
        if took.count:
            cpu = [server[at_s].cpu for at_s in chosen if at_s in server]
            windows.append(
                Knee(
                    phones=max(sample.phones for sample in samples),
                    messages_s=sum(sample.delivered for sample in samples) / WINDOW_S,
                    p95_ms=took.percentile_s(95) * 1000,
                    bends=False,
                    server_cpu=sum(cpu) / len(cpu) if cpu else 0.0,
                    lag_ms=max(sample.lag_ms for sample in samples),
                )
            )
    return windows
