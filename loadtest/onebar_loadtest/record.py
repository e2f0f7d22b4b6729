"""What a run has shown so far: rows, a sample for each second, and the tally. Records of several processes add up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from onebar_loadtest.accounting import Tally
from onebar_loadtest.rows import Histogram


@dataclass(slots=True)
class Sample:
    """One second."""

    phones: int = 0
    """Phones that are on, or should be."""
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

    def merge(self, other: "Sample") -> None:
        """Add another process's sample of the same second."""
        for name in ("phones", "online", "waiting", "sent", "delivered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.end_to_end.merge(other.end_to_end)
        self.lag_ms = max(self.lag_ms, other.lag_ms)

    def to_data(self) -> list[object]:
        """Return it as plain data."""
        figures = [self.phones, self.online, self.waiting, self.sent, self.delivered]
        return [*figures, self.end_to_end.to_data(), self.lag_ms]

    @classmethod
    def from_data(cls, data: list[Any]) -> "Sample":
        """Read what `to_data` wrote."""
        phones, online, waiting, sent, delivered, end_to_end, lag_ms = data
        return cls(phones, online, waiting, sent, delivered, Histogram.from_data(end_to_end), lag_ms)


@dataclass(slots=True)
class Record:
    """What was seen; a process hands over what is new since the last time."""

    rows: dict[str, Histogram] = field(default_factory=dict)
    """Times, by the name of the row."""
    seconds: dict[int, Sample] = field(default_factory=dict)
    """Samples, by seconds since 1970."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """The tally of each process so far, by the process's name; a later one replaces an earlier one."""

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

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data, for another process."""
        return {
            "rows": {name: histogram.to_data() for name, histogram in self.rows.items()},
            "seconds": {at_s: sample.to_data() for at_s, sample in self.seconds.items()},
            "tallies": {name: tally.known() for name, tally in self.tallies.items()},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Record":
        """Read what `to_data` wrote."""
        return cls(
            {name: Histogram.from_data(row) for name, row in data["rows"].items()},
            {int(at_s): Sample.from_data(sample) for at_s, sample in data["seconds"].items()},
            {name: Tally.from_known(known) for name, known in data["tallies"].items()},
        )
