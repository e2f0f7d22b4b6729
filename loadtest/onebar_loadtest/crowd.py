"""Light devices beside the phones: the wire without engine and encryption, to bring a server to its limit.

A real phone takes 3 ms of CPU a message, a light device some 0.1 ms: one core of them outdoes one core of a server,
and the real phones say how long a message takes meanwhile.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from onebar.core.frames import Ack, Hello, Submit, encode_message, encode_recipients
from onebar.core.resume import FLIGHT_HEADER, encode_header
from onebar.crypto.keys import SEED_BYTES, DeviceKeys, PeerKeys, flight_to_sign
from onebar.drivers.address import Address
from onebar_loadtest.rows import Histogram

PAIR_S: Final = 20.0
"""Messages a second of one pair of light devices; there are as many pairs as that takes."""

BODY_BYTES: Final = 130
"""Length of a body: that of a sealed text of 20 characters, the median."""

WINDOW: Final = 48
"""Messages of a device without a verdict: the server takes 64. Beyond it, they are not sent, and late."""

TICK_S: Final = 0.02
"""How often is looked who has to send."""

HURRY_S: Final = 1.0
"""Messages that could not be sent for so long never are: a crowd that has waited does not come all at once."""

WELCOME_S: Final = 20.0
"""Longest wait for a link."""

# Tags of the frames that are heard (docs/protocol.md §4).
_WELCOME, _ACCEPTED, _DELIVER, _DELIVERED = 32, 33, 35, 38

_decode: Final = msgspec.msgpack.Decoder(list[list[Any]]).decode  # a message, without looking into its frames

Register = Callable[[PeerKeys], Awaitable[tuple[int, int]]]
"""Registers a device; returns (account, device)."""


class Light(asyncio.Protocol):
    """A device with keys, numbers and a socket. The server's frames are not masked, and never in pieces (§3)."""

    def __init__(self) -> None:
        """Not registered yet."""
        self.said = self.accepted = self.arrived = 0
        self.wrong = False
        """Whether a message came twice, or not in its turn."""
        self.author: Light | None = None
        """Who writes to it."""
        self.took = Histogram()
        """How long messages to it took; whoever reads it begins a new one."""
        self._said_s: deque[float] = deque()
        self._keys = DeviceKeys(os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))
        self._account = self._device = self._cursor = self._acked = 0
        self._recipients = msgspec.Raw()
        self._unread = b""
        self._welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def connect(self, address: Address, register: Register) -> None:
        """Get an account and a link.

        Raises:
            OSError: There is no way to the server, or it ends the link.
            RegisteringError: It refuses the device.
        """
        self._account, self._device = await register(self._keys.public())
        own = address.endpoints.own
        context = None if address.trust is None else address.trust.context
        loop = asyncio.get_running_loop()
        await loop.create_connection(
            lambda: self, own.host, own.port, ssl=context, server_hostname=None if context is None else own.host
        )
        async with asyncio.timeout(WELCOME_S):
            assert self._transport is not None
            self._transport.write(self._upgrade(address))
            await self._welcomed

    def write_to(self, other: "Light") -> None:
        """Say all messages to this device from now on."""
        other.author = self
        self._recipients = msgspec.Raw(encode_recipients([(other._device, os.urandom(BODY_BYTES))]))

    @property
    def open(self) -> bool:
        """Whether there is a link."""
        return self._transport is not None

    def say(self) -> bool:
        """Send a message, with the acknowledgement of what came; return whether the window let it."""
        if self.said - self.accepted >= WINDOW or self._transport is None:
            return False
        self.said += 1
        self._said_s.append(time.monotonic())
        self._send([Submit(self.said, self.accepted, 0, self._recipients)])
        return True

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Be gone."""
        self._transport = None
        if not self._welcomed.done():
            self._welcomed.set_exception(error or ConnectionResetError("the server ended the link"))

    def data_received(self, data: bytes) -> None:
        """Hear frames, and acknowledge what came."""
        self._unread += data
        if not self._welcomed.done() and not self._take_head():
            return
        place = 0
        while (end := self._end(place)) > 0:
            payload = self._unread[place + _header(self._unread[place + 1]) : end]
            if self._unread[place] == 0x82:  # not the closing frame
                for frame in _decode(payload):
                    self._hear(frame)
            place = end
        self._unread = self._unread[place:]
        if self._cursor > self._acked and self._transport is not None:
            self._send([])

    def _take_head(self) -> bool:
        head, end, rest = self._unread.partition(b"\r\n\r\n")
        if not end:
            return False
        if head.startswith(b"HTTP/1.1 101"):
            self._unread = rest
            self._welcomed.set_result(None)
            return True
        self._welcomed.set_exception(ConnectionRefusedError(head.partition(b"\r\n")[0].decode(errors="replace")))
        return False

    def _end(self, place: int) -> int:
        """Return where the message that begins here ends; 0 if it is not complete."""
        if len(self._unread) - place < 4:
            return 0
        length = self._unread[place + 1]
        header = _header(length)
        if header > 2:
            length = int.from_bytes(self._unread[place + 2 : place + header], "big")
        end = place + header + length
        return end if end <= len(self._unread) else 0

    def _hear(self, frame: list[Any]) -> None:
        match frame[0]:
            case tag if tag == _ACCEPTED:
                self.accepted = frame[1]
            case tag if tag == _DELIVER:
                self.wrong |= frame[1] != self._cursor or frame[5] != self.arrived + 1
                self._cursor, self.arrived = frame[2], frame[5]
                if self.author is not None and self.author._said_s:
                    self.took.add(time.monotonic() - self.author._said_s.popleft())
            case tag if tag == _DELIVERED:
                self._cursor = frame[2]

    def _send(self, frames: list[Submit | Ack]) -> None:
        assert self._transport is not None
        if self._cursor > self._acked:
            self._acked = self._cursor
            frames.append(Ack(1, self._cursor))
        payload = encode_message(frames)
        length = len(payload)
        size = bytes((0x80 | length,)) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        self._transport.write(b"\x82" + size + bytes(4) + payload)  # masked with zeros (RFC 6455 §5.3)

    def _upgrade(self, address: Address) -> bytes:
        hello = Hello(self._account, self._device, 1, time.time_ns() // 1_000_000, 1, 0, 0)
        message = encode_message([hello])
        flight = self._keys.sign(flight_to_sign(address.host, message)) + message
        lines = (
            f"GET /{address.link_url.split('/', 3)[3]} HTTP/1.1",
            f"Host: {address.host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            f"{FLIGHT_HEADER}: {encode_header(flight)}",
        )
        return "\r\n".join((*lines, "", "")).encode()


class Crowd:
    """Pairs of light devices; one of each says, the other hears."""

    def __init__(self, rate_s: float) -> None:
        """Nobody is there yet.

        Args:
            rate_s: Messages a second of all, when all of them talk.
        """
        self._rate_s = rate_s
        self._pairs: list[tuple[Light, Light]] = []

    async def come(self, address: Address, register: Register) -> None:
        """Let them get accounts and links, one pair after the other.

        Raises:
            OSError: The server does not let one in.
            RegisteringError: It refuses one.
        """
        while len(self._pairs) * PAIR_S < self._rate_s:
            author, reader = Light(), Light()
            self._pairs.append((author, reader))
            await author.connect(address, register)
            await reader.connect(address, register)
            author.write_to(reader)

    async def talk(self, share: Callable[[float], float]) -> None:
        """Talk until cancelled.

        Args:
            share: Which share of their rate, by the seconds since they began.
        """
        loop = asyncio.get_running_loop()
        began_s = before_s = loop.time()
        owed, turn = 0.0, 0
        while self._pairs:
            await asyncio.sleep(TICK_S)
            now_s = loop.time()
            rate_s = self._rate_s * share(now_s - began_s)
            owed = min(owed + rate_s * (now_s - before_s), rate_s * HURRY_S)
            before_s = now_s
            for _ in range(int(owed)):
                turn += 1
                owed -= self._pairs[turn % len(self._pairs)][0].say()

    def take_times(self) -> Histogram:
        """Return how long messages took that arrived since the last time."""
        total = Histogram()
        for _, reader in self._pairs:
            if reader.took.count:
                total.merge(reader.took)
                reader.took = Histogram()
        return total

    @property
    def said(self) -> int:
        """How many messages they have said."""
        return sum(author.said for author, _ in self._pairs)

    @property
    def arrived(self) -> int:
        """How many of them have arrived."""
        return sum(reader.arrived for _, reader in self._pairs)

    @property
    def wrong(self) -> int:
        """How many devices got one twice, or not in its turn, or have lost their link."""
        return sum(each.wrong or not each.open for pair in self._pairs for each in pair)

    def close(self) -> None:
        """Let all hang up."""
        for pair in self._pairs:
            for each in pair:
                each.close()


def _header(length: int) -> int:
    """Return the length of a message's header, by its second byte (RFC 6455 §5.2)."""
    return {126: 4, 127: 10}.get(length, 2)
