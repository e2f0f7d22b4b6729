"""Onebar's server and its links: the frames that the SDK's engine would send, without the engine."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.enrolment import enroll
from benchmarks.measured_server import MeasuredServer, running
from benchmarks.raw_links import CAUGHT_UP, WELCOME, RawDevice, RawLink, connect_all, decode, masked, upgrade
from benchmarks.report import BenchError
from benchmarks.servers.logins import dial, say_goodbye
from benchmarks.servers.pairs import End
from benchmarks.servers.peers import TEXT_BYTES, Facts
from onebar.core.frames import Ack, Submit
from onebar.crypto.keys import SEED_BYTES, DeviceKeys

FACTS: Final = Facts(
    name="onebar",
    made_of="onebar-mockserver, every message with its tick; rate limits counted, none of them met",
    acknowledges="Accepted after the commit; Ack and its commit",
    durable="everything: SQLite, synchronous=FULL, one fdatasync for all that arrived meanwhile, before the ack",
    idle_links=10_000,
    offline_texts=400,
)

BODY: Final = bytes(range(TEXT_BYTES))
"""What a text carries."""

CLOSE: Final = bytes((0x88, 0x80, 0, 0, 0, 0))
"""A client's closing frame, with an empty mask and no reason."""

# Tags of the frames that come here (docs/protocol.md §4).
ACCEPTED = 33
DELIVER = 35
DELIVERED = 38

_encode = msgspec.msgpack.Encoder().encode


class OnebarEnd(End):
    """One device of a pair: it submits, acknowledges what comes, and checks every number."""

    def __init__(self, link: RawLink, other: RawDevice, *, upgraded: bool = True, body: bytes = BODY) -> None:
        """Take a link, the device at the other end, and whether the server has answered the upgrade."""
        super().__init__(link.sock)
        self._link = link
        self._recipients = msgspec.Raw(_encode([[other.account, [[other.device, body]]]]))
        self._upgraded = upgraded
        self._head = b""
        self._submitted = 0
        self._cursor = 0
        self._acked = 0
        self._ticked = 0
        self._frames: list[Submit | Ack] = []

    def say(self, count: int) -> None:
        """Submit further texts."""
        for _ in range(count):
            self._submitted += 1
            self._frames.append(Submit(self._submitted, self.accepted, 0, self._recipients))

    def hear(self, data: bytes) -> None:
        """Take frames."""
        if not self._upgraded:
            data = self._after_head(data)
        for payload in self._link.messages(data):
            for frame in decode(payload):
                self._take(frame)

    def settled(self) -> bool:
        """Whether all that was said is ticked, and all that came is acknowledged."""
        return self._ticked == self._submitted and self._acked == self._cursor

    def flush(self) -> None:
        """Send one message with all frames, the acknowledgement last."""
        if self._cursor > self._acked:
            self._acked = self._cursor
            self._frames.append(Ack(1, self._cursor))
        if self._frames:
            self.out.append(masked(_encode(self._frames)))
            self._frames.clear()
        super().flush()

    def _after_head(self, data: bytes) -> bytes:
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return b""
        if not head.startswith(b"HTTP/1.1 101"):
            raise BenchError(f"the server refused an upgrade: {head[:200]!r}")
        self._upgraded = True
        return rest

    def _take(self, frame: list[Any]) -> None:
        tag = frame[0]
        if tag == ACCEPTED:
            if frame[2]:
                raise BenchError(f"the server did not plainly accept: {frame[2]}")
            self.accepted = frame[1]
        elif tag == DELIVER:
            if frame[1] != self._cursor or frame[5] != self.received + 1:
                raise BenchError(f"a message was lost, doubled or reordered: {frame[:6]}")
            self._cursor, self.received = frame[2], frame[5]
        elif tag == DELIVERED:
            self._cursor, self._ticked = frame[2], max(self._ticked, frame[5][-1][1])
        elif tag not in {WELCOME, CAUGHT_UP}:
            raise BenchError(f"a frame that was not expected: {frame}")


def register(data: Path, count: int) -> list[RawDevice]:
    """Write devices into the database of a server that has not started."""
    seeds = [user.to_bytes(SEED_BYTES, "big") for user in range(count + 1)]
    keys = [DeviceKeys(identity, box) for identity, box in itertools.pairwise(seeds)]
    places = enroll(data, (each.public() for each in keys))
    return [RawDevice(place.account, place.device, each) for place, each in zip(places, keys, strict=True)]


def pair_up(port: int, senders: Sequence[RawDevice], readers: Sequence[RawDevice]) -> list[tuple[End, End]]:
    """Log devices in, and pair them."""
    links = connect_all(port, [*senders, *readers])
    devices = [*readers, *senders]
    ends: list[End] = [OnebarEnd(link, other) for link, other in zip(links, devices, strict=True)]
    return list(zip(ends[: len(senders)], ends[len(senders) :], strict=True))


class OnebarPeer:
    """The server of this project."""

    def __init__(self) -> None:
        self.facts = FACTS
        self._devices: list[RawDevice] = []

    def missing(self) -> str:
        """Return nothing: it is here."""
        return ""

    @contextmanager
    def serving(self, folder: Path, users: int, *, pin: bool) -> Iterator[MeasuredServer]:
        """Run the server with its devices in the database."""
        self._devices = register(folder / "data", users)
        with running("onebar", folder / "data", pin=pin) as server:
            yield server

    def connect(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log devices in."""
        links = connect_all(port, [self._devices[user] for user, _ in seats])
        return [OnebarEnd(link, self._devices[other]) for link, (_, other) in zip(links, seats, strict=True)]

    def come_back(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Dial again; the upgrade, which carries the Hello, lets the mail flow."""
        ends: list[End] = []
        for user, other in seats:
            device = self._devices[user]
            end = OnebarEnd(RawLink(dial(port), device), self._devices[other], upgraded=False)
            end.opening = upgrade(f"127.0.0.1:{port}", device, connection_no=2)
            ends.append(end)
        return ends

    def leave(self, ends: Sequence[End]) -> None:
        """Close as WebSockets do."""
        say_goodbye([end.sock for end in ends], CLOSE)
