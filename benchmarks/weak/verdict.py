"""What the conversations say together: who is first where, and the figures that have goals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.weak.held import Held
from benchmarks.weak.ledger import percentile

EQUAL: Final = 1.05
"""Within 5 % two times are equal: runs of one peer differ by that much."""

EQUAL_S: Final = 0.02
"""So they are within 20 ms, which nobody sees and one busy processor costs."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one peer over one network, as the table and the JSON file have them. Times are in seconds."""

    case: str
    peer: str
    sent: int
    lost: int
    doubled: int
    reordered: int
    p50_s: float
    p95_s: float
    p99_s: float
    recovery_s: float
    """p95 over the outages of the time from network-back to all-delivered; NaN where there was no outage."""
    up_bytes: int
    down_bytes: int
    dials: int
    failure: str = ""
    photos: int = 0
    """Photos that were sent beside the texts."""
    photos_lost: int = 0
    """Those that had not come when the bench ended its wait."""
    photo_p50_s: float = math.nan
    photo_p95_s: float = math.nan

    @property
    def text_bytes(self) -> float:
        """Bytes of all connections, both phones and both ways, for each text; those of photos among them."""
        return (self.up_bytes + self.down_bytes) / self.sent if self.sent else math.inf


def row_of(rounds: Sequence[Held]) -> Row:
    """Sum the conversations of one peer over one network up, at least one."""
    took_s = sorted(time_s for held in rounds for time_s in held.ledger.took_s())
    recoveries_s = sorted(time_s for held in rounds for time_s in held.ledger.recoveries_s(held.outages))
    photos_s = sorted(time_s for held in rounds for time_s in held.photos.took_s())
    p50_s, p95_s, p99_s = (percentile(took_s, percent) if took_s else math.inf for percent in (50, 95, 99))
    return Row(
        case=rounds[0].case,
        peer=rounds[0].peer,
        sent=len(took_s),
        lost=sum(held.ledger.lost for held in rounds),
        doubled=sum(held.ledger.doubled for held in rounds),
        reordered=sum(held.ledger.reordered for held in rounds),
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
        recovery_s=percentile(recoveries_s, 95) if recoveries_s else math.nan,
        up_bytes=sum(held.up_bytes for held in rounds),
        down_bytes=sum(held.down_bytes for held in rounds),
        dials=sum(held.dials for held in rounds),
        failure=", ".join(held.failure for held in rounds if held.failure),
        photos=len(photos_s),
        photos_lost=sum(held.photos.lost for held in rounds),
        photo_p50_s=percentile(photos_s, 50) if photos_s else math.nan,
        photo_p95_s=percentile(photos_s, 95) if photos_s else math.nan,
    )


def as_good(time_s: float, best_s: float) -> bool:
    """Whether a time is the best one, or equal to it; without an outage there is none, which is equal."""
    return math.isnan(time_s) or math.isnan(best_s) or time_s <= max(best_s * EQUAL, best_s + EQUAL_S)


def cases_of(rows: Sequence[Row]) -> list[str]:
    """Return the networks in their order."""
    return list(dict.fromkeys(row.case for row in rows))


def is_first(rows: Sequence[Row], peer: str, case: str) -> bool:
    """Whether a peer is first or equal first on a network, by p95 and by recovery, among all."""
    there = [row for row in rows if row.case == case]
    own = next(row for row in there if row.peer == peer)
    best_p95_s = min(row.p95_s for row in there)
    best_recovery_s = min((row.recovery_s for row in there if not math.isnan(row.recovery_s)), default=math.nan)
    return own.sent > 0 and as_good(own.p95_s, best_p95_s) and as_good(own.recovery_s, best_recovery_s)


def bytes_ratio(rows: Sequence[Row], peer: str) -> float:
    """Return a peer's bytes of all conversations, as a part of the thriftiest other peer's; 0 without another."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.peer] = totals.get(row.peer, 0) + row.up_bytes + row.down_bytes
    others = [total for name, total in totals.items() if name != peer and total]
    return totals.get(peer, 0) / min(others) if others else 0.0
