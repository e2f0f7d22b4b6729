"""Rates as leaky buckets: so much at once, then one more every so often. One arithmetic for both ends of the wire.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371, in its
virtual scheduling form): a bucket that is full needs no memory at all.
"""

from typing import Final, NamedTuple

ROUNDING: Final = 0.01
"""Part of one by which a bucket may fall short and still gives it: seconds since 1970 are exact to 0.1 µs, and a bucket
of a thousand adds up as many of them. What it gives so early it gets back later."""


class Rate(NamedTuple):
    """How often something may happen: `size` times at once, and once more every `refill_s` seconds."""

    size: int
    refill_s: float


def wait_s(rate: Rate, full_at_s: float, now_s: float) -> float:
    """Return how long the next one has to wait, in seconds; 0.0: not at all.

    Args:
        rate: Of this bucket.
        full_at_s: When the bucket will be full again; any time that is over: it is full.
        now_s: The time.
    """
    full_in_s = min(full_at_s - now_s, rate.size * rate.refill_s)  # it was emptied before the clock was put back
    wait = full_in_s - (rate.size - 1) * rate.refill_s
    return wait if wait > ROUNDING * rate.refill_s else 0.0


def after_one(rate: Rate, full_at_s: float, now_s: float) -> float:
    """Return when the bucket will be full again once one more was taken now."""
    return max(full_at_s, now_s) + rate.refill_s
