"""What a run has shown so far: rows, a sample for each second, and the tally. Records of several processes add up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from onebar_loadtest.accounting import Tally
from onebar_loadtest.rows import Histogram


@dataclass(slots=True)
class Sample:
    """One second."""

    phones: int = 0
    """Phones whose people take part, also where they are off for a while."""
    online: int = 0
    """Phones whose link is open."""
    waiting: int = 0
    """Messages that the server does not have yet: the depth of all outboxes."""
    sent: int = 0
    """Messages said in this second."""
    delivered: int = 0
    """Messages that arrived in it."""
    end_to_end: Histogram = field(default_factory=Histogram)
    """How long those that arrived took."""
    lag_ms: float = 0.0
    """The longest that the phones' loop was late."""
    beside: int = 0
    """Messages of light devices that arrived in it."""
    beside_took: Histogram = field(default_factory=Histogram)
    """How long those took."""
    limited: int = 0
    """How often phones were told in it of a rate limit of the server."""

    def merge(self, other: "Sample") -> None:
        """Add another process's sample of the same second."""
        for name in ("phones", "online", "waiting", "sent", "delivered", "beside", "limited"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.end_to_end.merge(other.end_to_end)
        self.beside_took.merge(other.beside_took)
        self.lag_ms = max(self.lag_ms, other.lag_ms)

    def to_data(self) -> list[object]:
        """Return it as plain data."""
        figures = [self.phones, self.online, self.waiting, self.sent, self.delivered]
        return [*figures, self.end_to_end.to_data(), self.lag_ms, self.beside, self.beside_took.to_data(), self.limited]

    @classmethod
    def from_data(cls, data: list[Any]) -> "Sample":
        """Read what `to_data` wrote."""
        phones, online, waiting, sent, delivered, end_to_end, lag_ms, beside, beside_took, limited = data
        took, beside_took = Histogram.from_data(end_to_end), Histogram.from_data(beside_took)
        return cls(phones, online, waiting, sent, delivered, took, lag_ms, beside, beside_took, limited)


@dataclass(slots=True)
class Cost:
    """What the phones of the processes took while it was measured; the server's part is not in it."""

    lasts_s: float = 0.0
    """How long it was measured: the longest of the processes."""
    messages: int = 0
    """Messages that arrived meanwhile."""
    cpu_s: float = 0.0
    """CPU time, Locust's with it."""
    memory_mb: float = 0.0
    """Resident memory at the end."""
    up_bytes: int = 0
    """Bytes from all phones to the server: messages, acks, receipts, connections; without TCP's headers."""
    down_bytes: int = 0
    """Bytes from the server to all phones."""

    def merge(self, other: "Cost") -> None:
        """Add another process's."""
        self.lasts_s = max(self.lasts_s, other.lasts_s)
        for name in ("messages", "cpu_s", "memory_mb", "up_bytes", "down_bytes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def minus(self, other: "Cost") -> "Cost":
        """Return what came since another reading of the same process; memory is as it is."""
        return Cost(
            self.lasts_s - other.lasts_s,
            self.messages - other.messages,
            self.cpu_s - other.cpu_s,
            self.memory_mb,
            self.up_bytes - other.up_bytes,
            self.down_bytes - other.down_bytes,
        )

    def known(self) -> dict[str, float]:
        """Return the figures for a report."""
        messages, lasts_s = max(self.messages, 1), max(self.lasts_s, 0.001)
        return {
            "messages_per_s": round(self.messages / lasts_s, 1),
            "cpu_cores": round(self.cpu_s / lasts_s, 3),
            "cpu_us_per_message": round(self.cpu_s / messages * 1e6),
            "up_bytes_per_message": round(self.up_bytes / messages, 1),
            "down_bytes_per_message": round(self.down_bytes / messages, 1),
            "memory_mb": round(self.memory_mb, 1),
        }


@dataclass(slots=True)
class Record:
    """What was seen; a process hands over what is new since the last time."""

    rows: dict[str, Histogram] = field(default_factory=dict)
    """Times, by the name of the row."""
    seconds: dict[int, Sample] = field(default_factory=dict)
    """Samples, by seconds since 1970."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """The tally of each process so far, by the process's name; a later one replaces an earlier one."""

    cost: Cost = field(default_factory=Cost)
    """What it cost; known only at the end."""

    def row(self, name: str) -> Histogram:
        """Return a row, which is made when it is first asked for."""
        return self.rows.setdefault(name, Histogram())

    def second(self, at_s: int) -> Sample:
        """Return the sample of a second."""
        return self.seconds.setdefault(at_s, Sample())

    def tally(self) -> Tally:
        """Return the sum of the processes' tallies."""
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        return total

    def merge(self, other: "Record") -> None:
        """Add what another record holds."""
        for name, histogram in other.rows.items():
            self.row(name).merge(histogram)
        for at_s, sample in other.seconds.items():
            self.second(at_s).merge(sample)
        self.tallies.update(other.tallies)
        self.cost.merge(other.cost)

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data, for another process."""
        return {
            "rows": {name: histogram.to_data() for name, histogram in self.rows.items()},
            "seconds": {at_s: sample.to_data() for at_s, sample in self.seconds.items()},
            "tallies": {name: tally.known() for name, tally in self.tallies.items()},
            "cost": asdict(self.cost),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Record":
        """Read what `to_data` wrote."""
        return cls(
            {name: Histogram.from_data(row) for name, row in data["rows"].items()},
            {int(at_s): Sample.from_data(sample) for at_s, sample in data["seconds"].items()},
            {name: Tally.from_known(known) for name, known in data["tallies"].items()},
            Cost(**data["cost"]),
        )
