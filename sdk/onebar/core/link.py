"""One connection to the server, as the engine sees it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from onebar.core.frames import (
    ClientFrame,
    Deliver,
    Delivered,
    Dropped,
    FindAccount,
    FindPhone,
    Submit,
    Undelivered,
    encode_message,
)
from onebar.core.link_states import LinkState, LinkTrigger, advance
from onebar.errors import RemoteProtocolError

MailFrame = Deliver | Delivered | Dropped | Undelivered
"""The frames that are entries of the mailbox, in its order."""

HELD_MAX: Final = 2048
"""Most entries that wait for a sender's keys: more than the server's credit of 64 KiB can hold (R25)."""

TRANSMIT_BYTES_MAX: Final = 48 * 1024
"""Where one transmission is split into several messages: far below what the server takes (256 KiB)."""


@dataclass(slots=True)
class Link:
    """One connection. `link_no` is its connection number (R15)."""

    link_no: int
    flight: bytes = field(repr=False)
    """Kept until the Welcome, in case the header was stripped on the way (§3)."""
    epoch: int
    """Of the Hello."""
    cursor: int
    """Of the Hello: where the server believes us to be."""
    position: int
    """The highest number submitted on this link: each link carries the outbox in order (R3)."""
    dialed_at_s: float
    state: LinkState = LinkState.DIALING
    received_seq: int = 0
    """The last entry that came; the next one must name it (R14)."""
    acked: int = 0
    """The cursor that the last Ack or the Hello told."""
    heard_at_s: float = 0.0
    owed_at_s: float | None = None
    """Since when an answer is owed; None when none is."""
    ping_no: int = 0
    pong_no: int = 0
    request_no: int = 0
    requests: dict[int, FindPhone | FindAccount] = field(default_factory=dict)
    held: deque[MailFrame] = field(default_factory=deque)
    """Entries that wait, in order, for the keys of a sender."""
    strangers: set[tuple[int, int]] = field(default_factory=set)
    """Senders, as (account, device), that the directory did not know either: what they sent goes to quarantine."""
    frames: list[ClientFrame] = field(default_factory=list)
    """What this turn has to say on it."""

    @property
    def live(self) -> bool:
        """Whether it may still become or stay useful."""
        return self.state in {LinkState.DIALING, LinkState.GREETING, LinkState.OPEN}

    def copy(self) -> "Link":
        """Return a copy that does not change with this one."""
        return replace(
            self,
            requests=dict(self.requests),
            held=deque(self.held),
            strangers=set(self.strangers),
            frames=list(self.frames),
        )

    def trigger(self, trigger: LinkTrigger) -> None:
        """Move on in the table of states.

        Raises:
            RemoteProtocolError: The server said something at the wrong time.
        """
        self.state = advance(self.state, trigger)

    def take(self, frame: MailFrame) -> None:
        """Note that an entry came.

        Raises:
            RemoteProtocolError: Entries before it are missing; the link must be replaced to get them (R14).
        """
        if frame.prev_seq != self.received_seq or frame.seq <= frame.prev_seq:
            raise RemoteProtocolError(f"a hole in the mailbox: {self.received_seq} is followed by {frame.seq}")
        self.received_seq = frame.seq

    def hold(self, frame: MailFrame) -> None:
        """Keep an entry until the keys of the sender before it are known.

        Raises:
            RemoteProtocolError: Too many wait.
        """
        if len(self.held) >= HELD_MAX:
            raise RemoteProtocolError(f"more than HELD_MAX = {HELD_MAX} entries without an ack")
        self.held.append(frame)

    def asks(self, question: FindPhone | FindAccount) -> bool:
        """Whether this question is on its way already."""
        return question in self.requests.values()

    def messages(self) -> Iterator[bytes]:
        """Encode and forget what this turn has to say, as WebSocket messages of moderate size."""
        frames, self.frames = self.frames, []
        chunk: list[ClientFrame] = []
        size = 0
        for frame in frames:
            more = len(memoryview(frame.recipients)) if isinstance(frame, Submit) else 0
            if chunk and size + more > TRANSMIT_BYTES_MAX:
                yield encode_message(chunk)
                chunk, size = [], 0
            chunk.append(frame)
            size += more
        if chunk:
            yield encode_message(chunk)
