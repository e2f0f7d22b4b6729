"""Traffic for the server: pairs that send and acknowledge as their SDKs would, and echoes for the floor."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.raw_links import Loop, RawLink, decode, masked
from benchmarks.report import BenchError
from onebar.core.frames import Ack, Submit

# Tags of the frames that come here (docs/protocol.md §4).
ACCEPTED = 33
DELIVER = 35
DELIVERED = 38

_encode = msgspec.msgpack.Encoder().encode


@dataclass(eq=False)
class End:
    """One end of a pair: where its device stands."""

    link: RawLink
    sends: bool
    recipients: msgspec.Raw
    """The sealed part of what the other end sends to this one."""
    other: "End | None" = None
    out_no: int = 0
    mark: int = 0
    cursor: int = 0
    acked: int = 0
    received: int = 0
    """The highest number of the other end that came in."""
    ticked: int = 0
    frames: list[Submit | Ack] = field(default_factory=list)


class Traffic:
    """Pairs of links: one end sends, the other receives, and both acknowledge what they get."""

    def __init__(self, links: Sequence[RawLink], body: bytes) -> None:
        """Pair the links, the first half with the second."""
        half = len(links) // 2
        ends = {id(link): End(link, number < half, _recipients(link, body)) for number, link in enumerate(links)}
        self._ends = ends
        self._senders = [ends[id(link)] for link in links[:half]]
        for sender, recipient in zip(links[:half], links[half:], strict=True):
            ends[id(sender)].other, ends[id(recipient)].other = ends[id(recipient)], ends[id(sender)]
        self._loop = Loop(links)
        self._touched: dict[int, End] = {}

    def run(self, window: int, duration_s: float) -> int:
        """Keep `window` messages of each pair under way for some time, then let all of them end; return how many.

        Raises:
            BenchError: One was lost, doubled or reordered, or the server fell silent.
        """
        before = sum(end.mark for end in self._senders)
        until_s = time.monotonic() + duration_s
        for end in self._senders:
            _submit(end, window)
            _flush(end)
        while (sending := time.monotonic() < until_s) or not all(_settled(end) for end in self._senders):
            self._loop.step(self._hear)
            touched, self._touched = list(self._touched.values()), {}
            for end in touched:
                if sending and end.sends:
                    _submit(end, window)
                _flush(end)
        return sum(end.mark for end in self._senders) - before

    def close(self) -> None:
        """Stop waiting for the links."""
        self._loop.close()

    def _hear(self, link: RawLink, data: bytes) -> None:
        end = self._ends[id(link)]
        self._touched[id(link)] = end
        for payload in link.messages(data):
            for frame in decode(payload):
                self._take(end, frame)

    def _take(self, end: End, frame: list[Any]) -> None:
        tag = frame[0]
        if tag == ACCEPTED:
            if frame[2]:
                raise BenchError(f"the server did not plainly accept: {frame[2]}")
            end.mark = frame[1]
        elif tag == DELIVER:
            if frame[1] != end.cursor or frame[5] != end.received + 1:
                raise BenchError(f"a message was lost, doubled or reordered: {frame[:6]}")
            end.cursor, end.received = frame[2], frame[5]
            assert end.other is not None
            self._touched[id(end.other.link)] = end.other
        elif tag == DELIVERED:
            end.cursor, end.ticked = frame[2], max(end.ticked, frame[5][-1][1])
        else:
            raise BenchError(f"a frame that was not expected: {frame}")


def _recipients(link: RawLink, body: bytes) -> msgspec.Raw:
    assert link.device is not None
    return msgspec.Raw(_encode([[link.device.account, [[link.device.device, body]]]]))


def _settled(sender: End) -> bool:
    """Whether all was accepted, delivered and ticked, and each end has acknowledged what came."""
    assert sender.other is not None
    everywhere = (sender.mark, sender.other.received, sender.ticked) == (sender.out_no,) * 3
    return everywhere and sender.acked == sender.cursor and sender.other.acked == sender.other.cursor


def _submit(end: End, window: int) -> None:
    """Send as many as the window allows: a message is done when it is accepted and its recipient has it."""
    assert end.other is not None
    done = min(end.mark, end.other.received)
    while end.out_no - done < window:
        end.out_no += 1
        end.frames.append(Submit(end.out_no, end.mark, 0, end.other.recipients))


def _flush(end: End) -> None:
    if end.cursor > end.acked:
        end.acked = end.cursor
        end.frames.append(Ack(1, end.cursor))
    if end.frames:
        end.link.sock.sendall(masked(_encode(end.frames)))
        end.frames.clear()


class Echoes:
    """The floor's traffic: each link keeps some messages of one length under way."""

    def __init__(self, links: Sequence[RawLink], length: int) -> None:
        """Take the links and the length of a message's payload."""
        self._links = links
        self._message = masked(bytes(length))
        self._loop = Loop(links)
        self._under_way = 0
        self._done = 0
        self._sending = False

    def run(self, window: int, duration_s: float) -> int:
        """Keep `window` messages of each link under way for some time, and let all end; return how many."""
        self._done = 0
        self._sending = True
        self._under_way = window * len(self._links)
        until_s = time.monotonic() + duration_s
        for link in self._links:
            link.sock.sendall(self._message * window)
        while self._under_way:
            self._loop.step(self._hear)
            self._sending = time.monotonic() < until_s
        return self._done

    def close(self) -> None:
        """Stop waiting for the links."""
        self._loop.close()

    def _hear(self, link: RawLink, data: bytes) -> None:
        came = sum(1 for _ in link.messages(data))
        self._done += came
        if self._sending:
            link.sock.sendall(self._message * came)
        else:
            self._under_way -= came
