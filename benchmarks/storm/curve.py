"""How many a second: what the moments of events say."""

from collections.abc import Callable, Iterable

from onebar.core.backoff import Entropy


def per_second(moments_s: Iterable[float], seconds: int) -> list[int]:
    """Count the events of each second after 0; what is before or behind is left out."""
    counts = [0] * seconds
    for moment_s in moments_s:
        if 0 <= moment_s < seconds:
            counts[int(moment_s)] += 1
    return counts


def busiest_second(moments_s: Iterable[float]) -> int:
    """Return the most events of any second, wherever it begins."""
    ordered = sorted(moments_s)
    most = first = 0
    for last, moment_s in enumerate(ordered):
        while moment_s - ordered[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def crash_arrivals(
    phones: int, down_s: float, pause_s: Callable[[int, Entropy], float], entropy: Entropy
) -> list[float]:
    """Return when phones reach a server that was gone for a while, in seconds after its start, in order.

    Each phone notices the end at once, and each dial in between is refused at once: the sharpest storm that there is.

    Args:
        phones: How many.
        down_s: How long nobody listens.
        pause_s: The pause before a dial, by the number of dials that failed before it.
        entropy: Where the jitter comes from.
    """
    found = []
    for _ in range(phones):
        dials, at_s = 0, pause_s(0, entropy)
        while at_s < down_s:
            dials += 1
            at_s += pause_s(dials, entropy)
        found.append(at_s - down_s)
    return sorted(found)
