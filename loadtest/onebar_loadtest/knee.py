"""Where a system begins to bend: the most phones and messages a second before more of them cost time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Protocol

from onebar_loadtest.record import Sample
from onebar_loadtest.rows import Histogram

WINDOW_S: Final = 5
"""Seconds that are looked at together: one alone has too few messages."""

BENT: Final = 3.0
"""Beyond the knee, the 95th percentile is so many times what it was with few phones."""

FEW: Final = 0.3
"""Windows with at most this share of the most that was asked for say how long a message takes when nobody waits."""

GROWTH: Final = 1.5
"""A run in which no more than so many times as much is asked for has no knee to find."""

LAG_MS: Final = 50.0
"""Where the phones' own loop is later, it may be they that bend, not the server."""


class Server(Protocol):
    """What is known of the server in one second."""

    cpu: float


@dataclass(frozen=True, slots=True)
class Knee:
    """The last window before the bend."""

    phones: int
    messages_s: float
    """Messages that arrived in a second, those of light devices with them."""
    p95_ms: float
    bends: bool
    """Whether the bend was seen; else there could be more."""
    server_cpu: float
    """CPU seconds a second of the server there; 0 if it was not measured."""
    lag_ms: float
    """How late the phones' own loop was there and at the bend: if that is much, it may not be the server that bent."""
    at_s: int
    """The first second of it, since 1970."""
    limited: bool = False
    """Whether phones were told of a rate limit of the server up to the bend: then messages waited for that."""

    def known(self) -> dict[str, float | bool | str]:
        """Return it for a report."""
        return {**asdict(self), "limit": self.limit}

    @property
    def limit(self) -> str:
        """Which side bent, in words."""
        if not self.bends:
            return "no bend was seen: there could be more"
        if self.limited:
            return "a rate limit of the server held messages back, not its load"
        return "the phones' side may be the limit" if self.lag_ms > LAG_MS else "the server is the limit"

    def __str__(self) -> str:
        """Say it."""
        return (
            f"{self.phones} phones, {self.messages_s:.0f} messages/s, p95 {self.p95_ms:.0f} ms, server CPU "
            f"{self.server_cpu:.0%}; {self.limit} (the phones' loop was late by up to {self.lag_ms:.0f} ms)"
        )


def find_knee(seconds: Mapping[int, Sample], server: Mapping[int, Server]) -> Knee | None:
    """Return the knee of a run in which ever more was asked for; None if it was not."""
    windows = _windows(seconds, server)
    most = max((asked for asked, _ in windows), default=0.0)
    few = [window.p95_ms for asked, window in windows if asked <= most * FEW]
    if not few or most < GROWTH * min(asked for asked, _ in windows):
        return None
    limit_ms = BENT * sorted(few)[len(few) // 2]
    best: tuple[float, Knee] | None = None
    limited = False
    for asked, window in windows:
        limited |= window.limited
        if window.p95_ms > limit_ms and asked > most * FEW:
            lag_ms = max(best[1].lag_ms if best else 0.0, window.lag_ms)
            return None if best is None else replace(best[1], bends=True, lag_ms=lag_ms, limited=limited)
        if best is None or asked >= best[0]:
            best = asked, window
    return None if best is None else best[1]


def _windows(seconds: Mapping[int, Sample], server: Mapping[int, Server]) -> list[tuple[float, Knee]]:
    """Return windows with what was asked for in each: phones, or where their number stays, messages."""
    times = sorted(at_s for at_s, sample in seconds.items() if sample.phones)
    grow = len({seconds[at_s].phones for at_s in times}) > 1
    windows = []
    for start in range(0, len(times) - WINDOW_S + 1, WINDOW_S):
        chosen = times[start : start + WINDOW_S]
        samples = [seconds[at_s] for at_s in chosen]
        took = Histogram()
        for sample in samples:
            took.merge(sample.end_to_end)
            took.merge(sample.beside_took)
        if took.count:
            cpu = [server[at_s].cpu for at_s in chosen if at_s in server]
            window = Knee(
                phones=max(sample.phones for sample in samples),
                messages_s=sum(sample.delivered + sample.beside for sample in samples) / WINDOW_S,
                p95_ms=took.percentile_s(95) * 1000,
                bends=False,
                server_cpu=sum(cpu) / len(cpu) if cpu else 0.0,
                lag_ms=sorted(sample.lag_ms for sample in samples)[WINDOW_S // 2],
                at_s=chosen[0],
                limited=any(sample.limited for sample in samples),
            )
            windows.append((float(window.phones) if grow else window.messages_s, window))
    return windows
