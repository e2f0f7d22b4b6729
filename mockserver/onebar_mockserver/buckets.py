"""What somebody may do how often: leaky buckets by the name of a limit and by whom it holds for.

Buckets are in memory only. A restart fills them again, which an enemy cannot cause, and which gives away no more than
their sizes once; in return nothing is written for a message that passes. What a restart must not give back is counted
in the database: tries for a code (`sqlite.registry`) and replacements of a device.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from itertools import islice
from typing import Final

from onebar.core.rates import Rate, after_one, wait_s

KEYS_MAX: Final = 100_000
"""Buckets of one limit that are not full: at most 20 MB. Beyond it the one used longest ago is forgotten, which is
nearly full again: to gain by that an enemy needs a hundred thousand keys, which other limits keep from him."""

LOOKED_AT: Final = 2
"""Old buckets looked at for each new one: they go at least as fast as they come, and no call takes long."""


PAID_S: Final = 86_400.0
"""How long something is remembered as paid for: a day, in which its effect is on the disk."""


class Buckets:
    """The buckets of one server. Each limit is used by one thread only; a limit that has no rate never refuses."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = dict(rates)
        self._full_at_s: dict[str, dict[Hashable, float]] = {name: {} for name in rates}
        self._paid: dict[str, dict[Hashable, float]] = {name: {} for name in rates}
        self.refused: Counter[str] = Counter()
        """How often each limit has refused something since the start."""

    def wait_s(self, limit: str, key: Hashable, now_s: float) -> float | None:
        """Return how long this would have to wait, in seconds; None: it need not. Nothing is taken."""
        rate = self._rates.get(limit)
        if rate is None:
            return None
        return wait_s(rate, self._full_at_s[limit].get(key, 0.0), now_s) or None

    def take(self, limit: str, key: Hashable, now_s: float) -> float | None:
        """Take one out of a bucket; if it is empty, count a refusal and return how long to wait, in seconds.

        Args:
            limit: The name of the limit.
            key: Whom it holds for.
            now_s: The time; after a clock was put back nobody waits for longer than one refill.
        """
        rate = self._rates.get(limit)
        if rate is None:
            return None
        buckets = self._full_at_s[limit]
        full_at_s = buckets.pop(key, 0.0)  # it goes to the end: the first is the one used longest ago
        wait = wait_s(rate, full_at_s, now_s)
        buckets[key] = full_at_s if wait else after_one(rate, full_at_s, now_s)
        if not full_at_s:
            _forget(buckets, now_s)
        if not wait:
            return None
        self.refused[limit] += 1
        return wait

    def take_once(self, limit: str, key: Hashable, about: Hashable, now_s: float) -> float | None:
        """Take one for each thing that it is `about`: what was paid for costs nothing more for a while."""
        if limit not in self._rates:
            return None
        paid = self._paid[limit]
        if paid.get((key, about), 0.0) > now_s:
            return None
        wait = self.take(limit, key, now_s)
        if wait is None:
            paid[key, about] = now_s + PAID_S
            _forget(paid, now_s)
        return wait

    def refuse(self, limit: str) -> None:
        """Count a refusal by a limit that has no bucket."""
        self.refused[limit] += 1

    def __len__(self) -> int:
        """Return how many buckets are remembered."""
        return sum(len(buckets) for buckets in (*self._full_at_s.values(), *self._paid.values()))


def _forget(buckets: dict[Hashable, float], now_s: float) -> None:
    """Drop a few of the oldest buckets if they are full, and the oldest if there are too many."""
    for oldest in tuple(islice(buckets, LOOKED_AT)):
        if buckets[oldest] <= now_s or len(buckets) > KEYS_MAX:
            del buckets[oldest]
