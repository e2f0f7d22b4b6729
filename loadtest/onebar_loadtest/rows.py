"""Times in rows, as histograms that add up: over phones, over seconds, over processes."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

CONNECT: Final = "connect"
"""From the dial to the Welcome, the first time."""

RESUME: Final = "resume"
"""The same, for every later link of a phone."""

QUEUED_SENT: Final = "queued→sent"
"""From `send` until the author knows that the server has it."""

QUEUED_SENT_PROXIED: Final = "queued→sent, by proxy"
"""The same for the phones behind the TCP proxy (the setting `proxied`): a check of the networks inside the process."""

SENT_DELIVERED: Final = "sent→delivered"
"""From then until the author knows that the other phone has it."""

READ_TOLD: Final = "read→told"
"""From when a person looks at it until its author knows; where people do (the setting `readers`)."""

END_TO_END: Final = "end to end"
"""From `send` until the other app has it: what a person would call the time that a message takes."""

FIRST_CONTACT: Final = "first contact"
"""The same, of texts that were said before any between these two phones had arrived: their author has to ask for an
account and its keys, and to open a session. They are in no row above, and nor are photos."""

UPLOAD: Final = "upload"
"""From `send` of a photo until its author knows that the server has all of it, and the message."""

DOWNLOAD: Final = "download"
"""From when the other app has its message until the photo is there too, whole."""

RECOVER: Final = "recover after outage"
"""From the end of an outage until the server has welcomed the phone again."""

LOOP_LAG: Final = "loop lag"
"""How late timers of the phones' loop are: beyond a limit the other rows say nothing about the server."""

HUB_DRIFT: Final = "hub drift"
"""How late timers of Locust's hub are."""

ROWS: Final = (
    CONNECT,
    RESUME,
    QUEUED_SENT,
    QUEUED_SENT_PROXIED,
    SENT_DELIVERED,
    READ_TOLD,
    END_TO_END,
    FIRST_CONTACT,
    UPLOAD,
    DOWNLOAD,
    RECOVER,
    LOOP_LAG,
    HUB_DRIFT,
)
"""All rows, in the order of the report."""

STEP: Final = 1.02
"""A bucket is this much wider than the one before it, so that a percentile is right to 2 %."""

FLOOR_S: Final = 1e-5
"""What is shorter is in the first bucket."""

_LOG_STEP: Final = math.log(STEP)


class Histogram:
    """Times, by buckets of 2 %."""

    __slots__ = ("buckets", "max_s", "sum_s")

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.sum_s = 0.0
        self.max_s = 0.0

    def add(self, took_s: float) -> None:
        """Add a time in seconds; one below zero counts as zero."""
        took_s = max(took_s, 0.0)
        self.buckets[bucket(took_s)] += 1
        self.sum_s += took_s
        self.max_s = max(self.max_s, took_s)

    def merge(self, other: "Histogram") -> None:
        """Add what another one holds."""
        self.buckets.update(other.buckets)
        self.sum_s += other.sum_s
        self.max_s = max(self.max_s, other.max_s)

    @property
    def count(self) -> int:
        """How many times it holds."""
        return self.buckets.total()

    def percentile_s(self, percent: float) -> float:
        """Return the time that `percent` (0 to 100) of all do not exceed, right to 2 %; 0 if there are none."""
        wanted = math.ceil(self.count * percent / 100)
        passed = 0
        for number in sorted(self.buckets):
            passed += self.buckets[number]
            if passed >= wanted:
                return min(FLOOR_S * STEP**number, self.max_s)
        return 0.0

    def known(self) -> dict[str, float]:
        """Return the figures for a report, in milliseconds."""
        count = self.count
        return {
            "count": count,
            "mean_ms": round(self.sum_s / count * 1000, 3) if count else 0.0,
            **{f"p{percent}_ms": round(self.percentile_s(percent) * 1000, 3) for percent in (50, 95, 99)},
            "max_ms": round(self.max_s * 1000, 3),
        }

    def to_data(self) -> list[object]:
        """Return it as plain data, for another process."""
        return [dict(self.buckets), self.sum_s, self.max_s]

    @classmethod
    def from_data(cls, data: Iterable[object]) -> "Histogram":
        """Read what `to_data` wrote."""
        buckets, sum_s, max_s = data
        assert isinstance(buckets, Mapping)
        histogram = cls()
        histogram.buckets.update({int(number): int(count) for number, count in buckets.items()})
        histogram.sum_s, histogram.max_s = float(str(sum_s)), float(str(max_s))
        return histogram


def bucket(took_s: float) -> int:
    """Return the number of a time's bucket: its upper end is FLOOR_S * STEP ** number."""
    return 0 if took_s <= FLOOR_S else math.ceil(math.log(took_s / FLOOR_S) / _LOG_STEP)
