"""Takes recorded streams apart: the head of the upgrade, then WebSocket messages with their sizes (RFC 6455 §5.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from onebar.core.frames import ClientFrame, ServerFrame, Unreadable, decode_client, decode_server, encode_message

BINARY: Final = 0x82
"""First byte of a binary message in one piece; ours never come in several."""

HEAD_END: Final = b"\r\n\r\n"
"""What ends a request's or an answer's head."""


@dataclass(frozen=True, slots=True)
class WireMessage:
    """One WebSocket message as it travelled."""

    size: int
    """Bytes on the wire, header included."""
    payload: bytes


def split_head(stream: bytes) -> tuple[bytes, bytes]:
    """Return the upgrade's head and what follows it."""
    head, end, rest = stream.partition(HEAD_END)
    return head + end, rest


def split_messages(stream: bytes) -> Iterator[WireMessage]:
    """Yield the complete messages of a stream; a last one that is not complete is left out.

    Raises:
        ValueError: It holds something else than binary messages in one piece.
    """
    place = 0
    while len(stream) - place >= 2:
        header, length, mask = _header(stream, place)
        end = place + header + length
        if not header or end > len(stream):
            return
        if stream[place] != BINARY:
            raise ValueError(f"the stream holds a WebSocket frame that begins with {stream[place]:#x}")
        payload = stream[place + header : end]
        if mask:
            payload = bytes(byte ^ key for byte, key in zip(payload, cycle(mask), strict=False))
        yield WireMessage(header + length, payload)
        place = end


def _header(stream: bytes, place: int) -> tuple[int, int, bytes]:
    """Return the header's length (0: not complete), the payload's length, and the mask."""
    second = stream[place + 1]
    length, header = second & 0x7F, 2
    extended = {126: 2, 127: 8}.get(length, 0)
    if extended:
        length = int.from_bytes(stream[place + 2 : place + 2 + extended], "big")
        header += extended
    mask = b""
    if second & 0x80:
        mask = stream[place + header : place + header + 4]
        header += 4
    return (header, length, mask) if place + header <= len(stream) else (0, 0, b"")


def sized_frames(stream: bytes, *, from_client: bool) -> list[tuple[ClientFrame | ServerFrame, int]]:
    """Return each frame that can be read, and the size of its message if nothing else had travelled in it."""
    found: list[tuple[ClientFrame | ServerFrame, int]] = []
    for message in split_messages(stream):
        frames = decode_client(message.payload) if from_client else decode_server(message.payload)
        for frame in frames:
            if not isinstance(frame, Unreadable):
                length = len(encode_message([frame]))
                found.append((frame, length + header_bytes(length, masked=from_client)))
    return found


def header_bytes(payload_bytes: int, *, masked: bool) -> int:
    """Return how long the header of a message is (RFC 6455 §5.2)."""
    extended = 8 if payload_bytes > 0xFFFF else 2 if payload_bytes > 125 else 0
    return 2 + extended + (4 if masked else 0)
