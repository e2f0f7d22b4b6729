"""Links as bare sockets, messages as bytes, and nothing of the SDK's engine: for lean load generators."""

import base64
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from benchmarks.report import BenchError
from onebar.core.frames import Hello, encode_message
from onebar.crypto.keys import DeviceKeys, flight_to_sign

PATIENCE_S: Final = 10.0
"""Longest silence of a server before the bench has failed."""

HANDSHAKES: Final = 100
"""Upgrades under way at once."""

RECEIVE_BYTES: Final = 65536
"""Most bytes read at once."""

# Tags of the frames that come with a Welcome (docs/protocol.md §4).
WELCOME = 32
CAUGHT_UP = 37

decode = msgspec.msgpack.Decoder(list[list[Any]]).decode
"""Decodes a message without looking into its frames."""


@dataclass(frozen=True, slots=True)
class RawDevice:
    """A device that is in the server's database."""

    account: int
    device: int
    keys: DeviceKeys


@dataclass
class RawLink:
    """One socket with what has been read of a message that is not complete."""

    sock: socket.socket
    device: RawDevice | None = None
    unread: bytes = b""

    def messages(self, data: bytes) -> Iterator[bytes]:
        """Yield the payloads of the complete messages; a server's are not masked."""
        unread = self.unread + data if self.unread else data
        place, end = 0, len(unread)
        while end - place >= 2:
            header, length = 2, unread[place + 1]
            if length == 126:
                header = 4
                length = int.from_bytes(unread[place + 2 : place + 4], "big")
            elif length == 127:
                header = 10
                length = int.from_bytes(unread[place + 2 : place + 10], "big")
            if end - place < header + length:
                break
            if unread[place] != 0x82:
                raise BenchError(f"a server closed a link: {unread[place : place + 64]!r}")
            place += header + length
            yield unread[place - length : place]
        self.unread = unread[place:]


def masked(payload: bytes) -> bytes:
    """Return a client's binary message. The mask is zero: the server unmasks it like any other."""
    length = len(payload)
    if length < 126:
        return bytes((0x82, 0x80 | length)) + bytes(4) + payload
    return b"\x82\xfe" + length.to_bytes(2, "big") + bytes(4) + payload


def upgrade(host: str, device: RawDevice | None, connection_no: int = 1) -> bytes:
    """Return the upgrade request, with the flight of a device."""
    lines = [
        "GET /v1/link HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    if device is not None:
        hello = Hello(device.account, device.device, connection_no, time.time_ns() // 1_000_000, 1, 0, 0)
        message = encode_message([hello])
        flight = device.keys.sign(flight_to_sign(host, message)) + message
        lines.append("Onebar-Flight: " + base64.urlsafe_b64encode(flight).rstrip(b"=").decode())
    return "\r\n".join([*lines, "", ""]).encode()


def connect_all(port: int, devices: Sequence[RawDevice | None]) -> list[RawLink]:
    """Open a link for each device, or a plain one, some at a time; wait until the server has welcomed all."""
    host = f"127.0.0.1:{port}"
    links: list[RawLink] = []
    for start in range(0, len(devices), HANDSHAKES):
        batch = []
        for device in devices[start : start + HANDSHAKES]:
            link = RawLink(socket.create_connection(("127.0.0.1", port), PATIENCE_S), device)
            link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sock.sendall(upgrade(host, device))
            batch.append(link)
        for link in batch:
            _await_welcome(link)
        links += batch
    return links


def _await_welcome(link: RawLink) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        data = link.sock.recv(RECEIVE_BYTES)
        if not data:
            raise BenchError(f"the server ended an upgrade: {head[:200]!r}")
        head += data
    head, _, data = head.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise BenchError(f"the server refused an upgrade: {head[:200]!r}")
    tags: list[int] = []
    while link.device is not None:
        tags += [frame[0] for payload in link.messages(data) for frame in decode(payload)]
        if CAUGHT_UP in tags:
            break
        data = link.sock.recv(RECEIVE_BYTES)
        if not data:
            raise BenchError("the server ended a link before its Welcome")
    if tags and tags[0] != WELCOME:
        raise BenchError(f"the server answered a flight with {tags}")
    link.sock.setblocking(False)


def close_all(links: Iterable[RawLink]) -> None:
    """Close the sockets."""
    for link in links:
        link.sock.close()
