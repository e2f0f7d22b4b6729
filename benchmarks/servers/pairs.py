"""The load generator: pairs of links, one epoll loop, bytes in and bytes out; the same for every server."""

import math
import select
import socket
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from benchmarks.report import BenchError

PATIENCE_S: Final = 30.0
"""Longest silence of a server before the bench has failed: mnesia may stand still for ten while it dumps its log."""

RECEIVE_BYTES: Final = 65536
"""Most bytes read at once."""

SELECT_FILES_MAX: Final = 1024
"""Numbers of files from here on are beyond what select(2) takes, whose time-out is finer than epoll's."""


class End(ABC):
    """One link of a pair, in the words of one protocol: it says texts to the other end, and hears what comes."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a socket that is logged in."""
        self.sock = sock
        self.said = 0
        """Texts said to the other end."""
        self.accepted = 0
        """How many of them the server has acknowledged."""
        self.received = 0
        """How many of the other end's texts came here."""
        self.opening = b""
        """What lets waiting mail flow, where it has not been sent yet."""
        self.out: list[bytes] = []

    @abstractmethod
    def say(self, count: int) -> None:
        """Prepare this many further texts."""

    @abstractmethod
    def hear(self, data: bytes) -> None:
        """Take bytes of the server, count what they mean, and prepare the acknowledgements.

        Raises:
            BenchError: A text was lost, doubled or reordered, or the server complains.
        """

    def settled(self) -> bool:
        """Whether nothing but texts is still under way here."""
        return True

    def flush(self) -> None:
        """Send what was prepared, in one call."""
        if self.out:
            self.sock.sendall(b"".join(self.out))
            self.out.clear()


@dataclass(eq=False)
class Pair:
    """Two ends, of which one says texts to the other. For an echo both are the same."""

    sender: End
    reader: End
    undelivered: deque[float] = field(default_factory=deque)
    """When each text was said that its reader does not have."""
    unacked: deque[float] = field(default_factory=deque)
    """When each was said that the server has not acknowledged."""
    done: int = 0
    """Texts that are delivered and acknowledged."""

    def __post_init__(self) -> None:
        """Begin where the ends are: they may have talked before."""
        self.done = min(self.reader.received, self.sender.accepted)

    def say(self, count: int, now_s: float) -> None:
        """Let the sender say further texts."""
        self.sender.said += count
        self.sender.say(count)
        for _ in range(count):
            self.undelivered.append(now_s)
            self.unacked.append(now_s)

    def look(self, now_s: float, sample: "Sample") -> None:
        """Note what has arrived since the last look."""
        sender = self.sender
        for _ in range(len(self.undelivered) - (sender.said - self.reader.received)):
            sample.delivered_s.append(now_s - self.undelivered.popleft())
        for _ in range(len(self.unacked) - (sender.said - sender.accepted)):
            sample.acked_s.append(now_s - self.unacked.popleft())
        self.done = min(self.reader.received, sender.accepted)

    def settled(self) -> bool:
        """Whether nothing is under way."""
        return self.done == self.sender.said and self.sender.settled() and self.reader.settled()


@dataclass
class Sample:
    """What one run found."""

    delivered_s: list[float] = field(default_factory=list)
    """From each text's time to its arrival at the reader. The time of a paced text is when it was due."""
    acked_s: list[float] = field(default_factory=list)
    """From each text's time to the server's acknowledgement."""
    took_s: float = 0.0
    busy: float = 0.0
    """The generator's own share of its CPU."""

    @property
    def done(self) -> int:
        """How many texts went all the way."""
        return len(self.delivered_s)


class Load(Protocol):
    """Decides who says something when."""

    def begin(self, pairs: Sequence[Pair], now_s: float) -> Sequence[Pair]:
        """Say the first texts; return whose links have something to send."""

    def due(self, now_s: float) -> Sequence[Pair]:
        """Say what its time has come for; return whose links have something to send."""

    def wait_s(self, now_s: float) -> float:
        """Return how long nothing is due."""

    def went(self, pair: Pair, now_s: float) -> Sequence[Pair]:
        """Texts of a pair may have gone all the way: say what follows; return whose links have something to send."""


@dataclass
class Window:
    """Every pair keeps some texts under way."""

    texts: int

    def begin(self, pairs: Sequence[Pair], now_s: float) -> Sequence[Pair]:
        """Fill all windows."""
        for pair in pairs:
            pair.say(self.texts, now_s)
        return pairs

    def due(self, now_s: float) -> Sequence[Pair]:  # noqa: ARG002 - a Load
        """Nothing: texts follow texts."""
        return ()

    def wait_s(self, now_s: float) -> float:  # noqa: ARG002 - a Load
        """Return for ever."""
        return math.inf

    def went(self, pair: Pair, now_s: float) -> Sequence[Pair]:
        """Fill the window of the pair."""
        if free := self.texts - (pair.sender.said - pair.done):
            pair.say(free, now_s)
        return (pair,)


@dataclass
class Rate:
    """So many texts a second over all pairs, whatever the server does."""

    per_s: float
    _pairs: Sequence[Pair] = ()
    _began_s: float = 0.0
    _said: int = 0

    def begin(self, pairs: Sequence[Pair], now_s: float) -> Sequence[Pair]:
        """Set the clock."""
        self._pairs, self._began_s, self._said = pairs, now_s, 0
        return self.due(now_s)

    def due(self, now_s: float) -> Sequence[Pair]:
        """Say what is due, each text with the time at which it was."""
        found = []
        while (at_s := self._began_s + self._said / self.per_s) <= now_s:
            pair = self._pairs[self._said % len(self._pairs)]
            pair.say(1, at_s)
            found.append(pair)
            self._said += 1
        return found

    def wait_s(self, now_s: float) -> float:
        """Return the time to the next."""
        return max(0.0, self._began_s + self._said / self.per_s - now_s)

    def went(self, pair: Pair, now_s: float) -> Sequence[Pair]:  # noqa: ARG002 - a Load
        """Nothing follows."""
        return (pair,)


@dataclass
class Turns:
    """So many texts are under way, and the pairs take turns, so that every link is used."""

    under_way: int
    _pairs: Sequence[Pair] = ()
    _next: int = 0
    _seen: dict[int, int] = field(default_factory=dict)

    def begin(self, pairs: Sequence[Pair], now_s: float) -> Sequence[Pair]:
        """Let the first pairs say one each."""
        self._pairs = pairs
        self._seen = {id(pair): pair.done for pair in pairs}
        return [self._turn(now_s) for _ in range(self.under_way)]

    def due(self, now_s: float) -> Sequence[Pair]:  # noqa: ARG002 - a Load
        """Nothing: texts follow texts."""
        return ()

    def wait_s(self, now_s: float) -> float:  # noqa: ARG002 - a Load
        """Return for ever."""
        return math.inf

    def went(self, pair: Pair, now_s: float) -> Sequence[Pair]:
        """Let another pair say one for each that went all the way."""
        came = pair.done - self._seen[id(pair)]
        self._seen[id(pair)] = pair.done
        return [pair, *(self._turn(now_s) for _ in range(came))]

    def _turn(self, now_s: float) -> Pair:
        pair = self._pairs[self._next % len(self._pairs)]
        self._next += 1
        pair.say(1, now_s)
        return pair


class Pairs:
    """Runs loads over pairs of links."""

    def __init__(self, ends: Sequence[tuple[End, End]]) -> None:
        """Take the links, each sender with its reader; they stay the caller's to close."""
        self._pairs = [Pair(*pair) for pair in ends]
        self._ends = {end.sock.fileno(): (end, pair) for pair in self._pairs for end in (pair.sender, pair.reader)}
        self._epoll = select.epoll()
        for number, (end, _) in self._ends.items():
            end.sock.setblocking(False)
            self._epoll.register(number, select.EPOLLIN)

    def run(self, load: Load, duration_s: float) -> Sample:
        """Put a load on the server for some time, then let everything end.

        Raises:
            BenchError: A text was lost, doubled or reordered, or the server fell silent.
        """
        sample = Sample()
        began_s, own_s = time.monotonic(), time.process_time()
        until_s = began_s + duration_s
        _flush(load.begin(self._pairs, began_s))
        while (now_s := time.monotonic()) < until_s or not all(pair.settled() for pair in self._pairs):
            if sending := now_s < until_s:
                _flush(load.due(now_s))
            for pair in self._step(min(load.wait_s(now_s), PATIENCE_S) if sending else PATIENCE_S):
                now_s = time.monotonic()
                pair.look(now_s, sample)
                _flush(load.went(pair, now_s) if sending else ())
                pair.sender.flush()
                pair.reader.flush()
        sample.took_s = time.monotonic() - began_s
        sample.busy = (time.process_time() - own_s) / sample.took_s
        return sample

    def say(self, texts: int, under_way: int) -> Sample:
        """Let every sender say some texts to a reader who is away, a few at once; return when all are acknowledged."""
        sample = Sample()
        began_s, own_s = time.monotonic(), time.process_time()
        open_pairs = {id(pair): pair for pair in self._pairs}
        ends_at = {id(pair): pair.sender.accepted + texts for pair in self._pairs}
        touched: Sequence[Pair] = self._pairs
        while open_pairs:
            for pair in touched:
                sender = pair.sender
                count = min(ends_at[id(pair)] - sender.said, under_way - (sender.said - sender.accepted))
                sender.said += max(0, count)
                sender.say(max(0, count))
                sender.flush()
                if sender.accepted == ends_at[id(pair)]:
                    open_pairs.pop(id(pair), None)
            if open_pairs:
                touched = self._step(PATIENCE_S)
        sample.took_s = time.monotonic() - began_s
        sample.busy = (time.process_time() - own_s) / sample.took_s
        return sample

    def drain(self, texts: int) -> Sample:
        """Open the flow of waiting mail, and wait until every reader has this many texts and has acknowledged them."""
        sample = Sample()
        began_s, own_s = time.monotonic(), time.process_time()
        for pair in self._pairs:
            pair.reader.out.append(pair.reader.opening)
            pair.reader.flush()
        while not all(
            pair.reader.received == texts and pair.reader.settled() and pair.sender.settled() for pair in self._pairs
        ):
            for pair in self._step(PATIENCE_S):
                pair.reader.flush()
                pair.sender.flush()
        sample.took_s = time.monotonic() - began_s
        sample.busy = (time.process_time() - own_s) / sample.took_s
        return sample

    def close(self) -> None:
        """Stop waiting for the links."""
        self._epoll.close()

    def _step(self, wait_s: float) -> Sequence[Pair]:
        """Wait for data, hand it on, and return whose it was; nobody's if something is due before."""
        ready = self._epoll.poll(0)
        if not ready and wait_s > 0:
            if wait_s < 1 and self._epoll.fileno() < SELECT_FILES_MAX:
                select.select([self._epoll], [], [], wait_s)
                ready = self._epoll.poll(0)
            else:
                ready = self._epoll.poll(wait_s)
        if not ready and wait_s >= PATIENCE_S:
            raise BenchError(f"the server was silent for {PATIENCE_S:.0f} s")
        touched = {}
        for number, _ in ready:
            end, pair = self._ends[number]
            data = end.sock.recv(RECEIVE_BYTES)
            if not data:
                raise BenchError("the server closed a link")
            end.hear(data)
            touched[id(pair)] = pair
        return list(touched.values())


def _flush(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        pair.sender.flush()
