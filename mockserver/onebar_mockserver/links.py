"""What the router remembers of an open link: its place in the mailbox and its credit; and what a turn says."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from onebar.core import frames
from onebar.core.frames import Accepted, ServerFrame, Welcome
from onebar_mockserver.limits import CREDIT_BYTES_MAX, ENTRY_OVERHEAD_BYTES
from onebar_mockserver.ports import FLAG_COUNTED, Entry, Kind

# Closing codes of §1.
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
FENCED: Final = 4000
REFUSED: Final = 4001
TOO_SLOW: Final = 4002

LONGEST_ENTRY_BYTES: Final = frames.SUBMIT_BYTES_MAX + ENTRY_OVERHEAD_BYTES
"""The most that one entry takes from the credit."""

Ranges = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Outgoing:
    """What a turn says on one link, and the closing code if it ends there."""

    welcome: Welcome | None = None
    accepted: Accepted | None = None
    answers: list[ServerFrame] = field(default_factory=list)
    mail: list[ServerFrame] = field(default_factory=list)
    close: int | None = None

    def frames(self) -> list[ServerFrame]:
        """Return the frames in the order of §3: Welcome, verdicts, answers, mail."""
        first: list[ServerFrame | None] = [self.welcome, self.accepted]
        return [frame for frame in first if frame is not None] + self.answers + self.mail


@dataclass(slots=True, eq=False)
class Link:
    """One link, from its verified flight to its end."""

    link: int
    account: int
    device: int
    connection_no: int
    attached: bool = False
    epoch: int = 0
    sent: int = 0
    """The last entry said on this link, or the cursor of Welcome: the next `prev_seq`."""
    seen: int = 0
    """The mailbox's last number known here; an entry that does not follow it was preceded by another."""
    behind: bool = True
    """Whether the mailbox may hold entries that were not sent yet."""
    told: bool = False
    """Whether CaughtUp was said."""
    rejected: int = 0
    """The highest number whose rejection was counted here."""
    rings: int = 0
    """The last entry that came while it was here and is worth waking the device for."""
    acked: int = 0
    """The last entry that was acknowledged here."""
    owed_ms: int = 0
    """Since when such an entry waits for an ack and nothing was acknowledged; 0: none waits."""
    unacked: deque[tuple[int, int]] = field(default_factory=deque)
    unacked_bytes: int = 0

    @property
    def credit(self) -> int:
        """Bytes that may be begun: an entry of any length that is begun with the last of it stays within R25."""
        return CREDIT_BYTES_MAX - LONGEST_ENTRY_BYTES - self.unacked_bytes

    @property
    def owes(self) -> bool:
        """Whether a message waits of which the device may not know: it was not acknowledged, or not even said."""
        return self.attached and (self.rings > self.acked or not self.told)

    @property
    def wants_mail(self) -> bool:
        """Whether a page should be fetched for it."""
        return self.attached and self.behind and self.credit > 0

    def attach(self, epoch: int, cursor: int) -> None:
        """Begin behind the cursor of Welcome."""
        self.attached = True
        self.epoch = epoch
        self.sent = self.seen = self.acked = cursor

    def deliver(self, entry: Entry) -> ServerFrame:
        """Return the entry as the link's next frame, and count it against the credit."""
        frame = _frame(self.sent, entry)
        self.rings = max(self.rings, entry.seq) if entry.rings else self.rings
        size = len(entry.body) + ENTRY_OVERHEAD_BYTES
        self.unacked.append((entry.seq, size))
        self.unacked_bytes += size
        self.sent = entry.seq
        return frame

    def owe(self, now_ms: int) -> bool:
        """Note what waits for an ack now; return whether nothing did before."""
        if self.owed_ms or self.rings <= self.acked:
            return False
        self.owed_ms = now_ms
        return True

    def acknowledge(self, epoch: int, cursor: int, now_ms: int = 0) -> int:
        """Give back the credit of the entries up to the cursor; return how long there was silence under a message."""
        if epoch != self.epoch:
            return 0
        silent_ms = now_ms - self.owed_ms if self.owed_ms else 0
        self.acked = max(self.acked, cursor)
        while self.unacked and self.unacked[0][0] <= cursor:
            self.unacked_bytes -= self.unacked.popleft()[1]
        self.owed_ms = now_ms if self.rings > self.acked else 0
        return silent_ms


def _frame(prev_seq: int, entry: Entry) -> ServerFrame:
    if entry.kind == Kind.ENVELOPE:
        return frames.Deliver(
            prev_seq,
            entry.seq,
            entry.account,
            entry.device,
            entry.out_no,
            0,
            entry.flags & ~FLAG_COUNTED,
            entry.body,
        )
    if entry.kind == Kind.TICK:
        ranges = msgspec.msgpack.decode(entry.body, type=Ranges)
        return frames.Delivered(prev_seq, entry.seq, entry.account, entry.device, ranges)
    if entry.kind == Kind.UNDELIVERED:
        reason = entry.body.decode()
        return frames.Undelivered(prev_seq, entry.seq, entry.account, entry.device, entry.out_no, reason)
    return frames.Dropped(prev_seq, entry.seq, entry.out_no, entry.body.decode())
