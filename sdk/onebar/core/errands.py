"""Requests that files are on their way by, and how fast the network takes them: what is kept in memory only."""

from dataclasses import dataclass, field
from typing import Final

from onebar.core.copies import copier
from onebar.core.records import Moving
from onebar.core.turn import CheckFile, Download, Inform, Upload
from onebar.models import TransferState

PIECE_BYTES_MIN: Final = 8 * 1024
"""Shortest piece, and the first one: a request has some 400 bytes of its own, 5 % of it."""

PIECE_BYTES_MAX: Final = 1024 * 1024
"""Longest piece: what the server makes durable at a time, and what is held in memory."""

LATE_S: Final = 120.0
"""A request of which nothing is heard for so long is given up; the driver's own time-outs are shorter."""

CHECK_S: Final = 3600.0
"""The same for the check of a file: the longest, of 2 GiB, takes a slow phone some minutes."""

FASTER: Final = 1.25
"""While a piece of twice the length is so much faster, the next one is twice as long again, and goes freely."""

FREE_S: Final = 1.0
"""Pieces that take no longer are not held back."""

PACE: Final = 1.15
"""Longer ones go so much faster than those before. So a rate that has risen is found, and the queue in front of a slow
network, in which a text would stand behind the piece, grows by no more than half a second over a piece."""

UP: Final = "up"
"""The lane of uploads."""

DOWN: Final = "down"
"""The lane of downloads."""

TELL: Final = "tell"
"""The lane of what the server is told about a file."""

Request = Upload | Download | CheckFile | Inform


@dataclass(slots=True)
class Errand:
    """A request that is on its way."""

    request_no: int
    message_no: int
    output: Request
    since_s: float
    held_at_s: float | None = None
    """Since when it waits in the middle, for a text."""
    held_s: float = 0.0
    """How long it waited so before."""

    @property
    def late_s(self) -> float:
        """When it is given up."""
        return self.since_s + (CHECK_S if isinstance(self.output, CheckFile) else LATE_S)


@dataclass(slots=True)
class Rate:
    """How fast one direction is, by the pieces so far."""

    bytes_per_s: float = 0.0
    piece_bytes: int = 0
    """Length of the last piece; 0: the next one is the first."""
    round_trip_s: float = 0.0
    """The shortest one so far; 0 while none is known."""
    found: bool = False
    """Whether it is known what the network takes: a piece of twice the length was no faster."""

    def next_piece(self, piece_s: float) -> int:
        """Return the length of the next piece: of a time, but at most twice the last one."""
        wanted = self.bytes_per_s * piece_s if self.found else PIECE_BYTES_MAX
        self.piece_bytes = round(min(PIECE_BYTES_MAX, max(PIECE_BYTES_MIN, min(wanted, 2 * self.piece_bytes))))
        return self.piece_bytes

    def measure(self, size: int, took_s: float, round_trip_s: float, pace: int = 0) -> None:
        """Learn from a piece; of the time that it took, a round trip was no sending.

        The shortest round trip counts: a queue makes later ones longer, and if these were taken off, a rate that is
        too high would confirm itself. Nor can a piece have been faster than it was allowed.
        """
        self.round_trip_s = min(self.round_trip_s or round_trip_s, round_trip_s)
        sample = size / max(took_s - self.round_trip_s, took_s / 5, 0.001)
        if not self.found:
            self.found = sample < FASTER * self.bytes_per_s or size == PIECE_BYTES_MAX
            self.bytes_per_s = max(sample, self.bytes_per_s)
        else:
            self.bytes_per_s = (self.bytes_per_s + (min(sample, pace) if pace else sample)) / 2

    def pace(self, size: int) -> int:
        """Return how fast a piece may go: freely while that is being found out, then a little faster than before."""
        return round(PACE * self.bytes_per_s) if self.found and size > self.bytes_per_s * FREE_S else 0

    def failed(self) -> None:
        """Begin anew: the network is another one, or worse than it was."""
        self.bytes_per_s, self.piece_bytes, self.round_trip_s, self.found = 0.0, 0, 0.0, False


@dataclass(slots=True)
class Transfers:
    """What is known of the transfers in memory only."""

    due: bool = True
    """Whether there may be something to do."""
    metered: bool = False
    """Whether the network is one that is paid by the byte."""
    link_no: int = 0
    """The link that was open when something was last begun."""
    request_no: int = 0
    errands: dict[str, Errand] = field(default_factory=dict)
    """What is on its way, by lane."""
    offsets: dict[int, int] = field(default_factory=dict)
    """Where uploads stand at the server, as it said since the last failure; by message."""
    failures: dict[int, int] = field(default_factory=dict)
    damaged: dict[int, int] = field(default_factory=dict)
    held_up_s: float | None = None
    """Since when a text goes first, or since the last piece that went all the same."""
    until_s: dict[int, float] = field(default_factory=dict)
    """When a transfer that failed is tried again; by message."""
    create_at_s: float = 0.0
    """Before it, the server begins no further upload of this account."""
    up: Rate = field(default_factory=Rate)
    down: Rate = field(default_factory=Rate)

    def copy(self) -> "Transfers":
        """Return a copy that does not change with this one."""
        twin = _copied(self)
        twin.errands = {lane: _errand_copied(errand) for lane, errand in self.errands.items()}
        twin.offsets = dict(self.offsets)
        twin.failures = dict(self.failures)
        twin.damaged = dict(self.damaged)
        twin.until_s = dict(self.until_s)
        twin.up, twin.down = _rate_copied(self.up), _rate_copied(self.down)
        return twin

    def waits_until_s(self, moving: Moving) -> float:
        """Return when a transfer may go on; a time that is over: at once."""
        until_s = self.until_s.get(moving.message_no, 0.0)
        new = moving.outgoing and not moving.begun and moving.state is TransferState.WAITING
        return max(until_s, self.create_at_s) if new else until_s

    def forget(self, message_no: int) -> None:
        """A transfer is over."""
        for known in (self.offsets, self.failures, self.damaged, self.until_s):
            known.pop(message_no, None)


_errand_copied: Final = copier(Errand)
_rate_copied: Final = copier(Rate)
_copied: Final = copier(Transfers)
