"""One connection to the server, as the engine sees it."""

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from onebar.core.copies import copier
from onebar.core.frames import ClientFrame, Deliver, Delivered, Dropped, Undelivered, describe, encode, join
from onebar.core.link_states import LinkState, LinkTrigger, advance
from onebar.core.questions import Question
from onebar.errors import RemoteProtocolError

_log = logging.getLogger("onebar")

MailFrame = Deliver | Delivered | Dropped | Undelivered
"""The frames that are entries of the mailbox, in its order."""

HELD_MAX: Final = 2048
"""Most entries that wait for a sender's keys: more than the server's credit of 64 KiB can hold (R25)."""

TRANSMIT_BYTES_MAX: Final = 8 * 1024
"""Where one transmission is split into several messages: at 20 kbit/s the server hears one every 3.3 s."""

TRANSMIT_FRAMES_MAX: Final = 256
"""Most frames in one message; the server takes 1,024."""

REQUESTS_MAX: Final = 32
"""Most questions on their way on one link (R25); the rest waits for the answers."""

USEFUL_S: Final = 20.0
"""A welcomed link that lived this long was worth its dial, even if nothing had to be said."""


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
    floor: int
    """Of the Hello: a Welcome with a lower mark is from a server that has lost its memory (R21)."""
    position: int
    """The highest number submitted on this link: each link carries the outbox in order (R3)."""
    dialed_at_s: float
    state: LinkState = LinkState.DIALING
    received_seq: int = 0
    """The last entry that came; the next one must name it (R14)."""
    acked: int = 0
    """The cursor that the last Ack or the Hello told."""
    ticks: int = 0
    """How many entries came since that were only ticks."""
    ack_due: bool = False
    """Whether another entry came since: its sender waits for the tick."""
    useful: bool = False
    """Whether it moved the floor or the cursor."""
    heard_at_s: float = 0.0
    owed_at_s: float | None = None
    """Since when an answer is owed; None when none is."""
    asked_at_s: float | None = None
    """When the question left whose answer will measure the round trip; None while none is measured."""
    unacked: deque[tuple[int, int]] = field(default_factory=deque)
    """What it carries without a verdict: numbers, and bytes."""
    carrying_at_s: float = 0.0
    """Since when it carries the first of them."""
    hedges: int | None = None
    """The silent link beside which it was dialed (R16); an answer on that one makes it useless."""
    useless: int = 0
    """How many links were dialed beside it for nothing: each doubles its patience."""
    ping_no: int = 0
    pong_no: int = 0
    probed_idle_s: float = 0.0
    """How long it had been idle when the probe left that is not answered yet; 0: there is none."""
    probes: int = 0
    """Probes since something else was said on it."""
    caught_up: bool = False
    """Whether it has brought all mail that waited when it was opened."""
    emptied: bool = False
    """Whether all of that has taken effect, and the app was told so."""
    request_no: int = 0
    requests: dict[int, Question] = field(default_factory=dict)
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

    def useful_at(self, now_s: float) -> bool:
        """Whether it was worth dialing: else the next pause is longer, so that links that always fail cost little."""
        welcomed = self.state in {LinkState.OPEN, LinkState.DRAINING}
        return self.useful or (welcomed and now_s - self.dialed_at_s >= USEFUL_S)

    @property
    def unacked_bytes(self) -> int:
        """Bytes that it carries without a verdict."""
        return sum(size for _, size in self.unacked)

    def carry(self, out_no: int, size: int) -> None:
        """Note that it carries the outbox's next number."""
        self.position = out_no
        self.unacked.append((out_no, size))

    def put_back(self, out_no: int) -> None:
        """Note that this number and those behind it must be submitted again."""
        self.position = min(self.position, out_no - 1)
        while self.unacked and self.unacked[-1][0] >= out_no:
            self.unacked.pop()

    def settle(self, floor: int) -> int:
        """Forget what has its verdict, and return how many bytes that was."""
        settled = 0
        while self.unacked and self.unacked[0][0] <= floor:
            settled += self.unacked.popleft()[1]
        return settled

    def copy(self) -> "Link":
        """Return a copy that does not change with this one."""
        twin = _copied(self)
        twin.requests = dict(self.requests)
        twin.held = deque(self.held)
        twin.unacked = deque(self.unacked)
        twin.strangers = set(self.strangers)
        twin.frames = list(self.frames)
        return twin

    def trigger(self, trigger: LinkTrigger) -> None:
        """Move on in the table of states.

        Raises:
            RemoteProtocolError: The server said something at the wrong time.
        """
        self.state = advance(self.state, trigger)
        _log.debug("= link %d is %s (%s)", self.link_no, self.state.value, trigger.value)

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

    def asks(self, question: Question) -> bool:
        """Whether this question is on its way already."""
        return question in self.requests.values()

    def messages(self) -> Iterator[bytes]:
        """Encode and forget what this turn has to say, as WebSocket messages of moderate size."""
        if _log.isEnabledFor(logging.DEBUG):
            for frame in self.frames:
                _log.debug("> link %d: %s", self.link_no, describe(frame))
        frames, self.frames = [encode(frame) for frame in self.frames], []
        chunk: list[bytes] = []
        size = 0
        for encoded in frames:
            size += len(encoded)
            if chunk and (size > TRANSMIT_BYTES_MAX or len(chunk) == TRANSMIT_FRAMES_MAX):
                yield join(chunk)
                chunk, size = [], len(encoded)
            chunk.append(encoded)
        if chunk:
            yield join(chunk)


_copied: Final = copier(Link)
