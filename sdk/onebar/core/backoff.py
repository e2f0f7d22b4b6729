"""When to dial again: exponential, with full jitter, and never more than the cap."""

from collections.abc import Callable
from typing import Final

Entropy = Callable[[int], bytes]
"""Gives this many random bytes."""

_DOUBLINGS_MAX: Final = 32  # keeps 2**n a small integer; the cap is reached long before


def fraction(entropy: Entropy) -> float:
    """Draw a uniform number, 0 ≤ x < 1."""
    return int.from_bytes(entropy(6), "big") / (1 << 48)


def pause_s(failures: int, min_s: float, max_s: float, entropy: Entropy) -> float:
    """Return the pause before the next dial, in seconds.

    Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): uniform between 0 and the exponential bound,
    which spreads a storm of phones best. No number of failures gives up (D8).

    Args:
        failures: Dials that failed in a row, 0 or more.
        min_s: The bound after the first failure.
        max_s: The bound never passes this.
        entropy: Where the jitter comes from.
    """
    bound_s = min(max_s, min_s * 2 ** min(failures, _DOUBLINGS_MAX))
    return float(bound_s * fraction(entropy))
