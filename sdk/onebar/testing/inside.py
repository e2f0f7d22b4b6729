"""Two ends of a connection inside one process, without sockets: so that thousands of phones fit in it."""

import asyncio
from collections import deque
from typing import Any, Final

UNREAD_BYTES_MAX: Final = 64 * 1024
"""Most bytes that wait for an end that does not read; then the writer is told to pause, as by a full kernel buffer."""


class Inside(asyncio.Transport):
    """One end; what is written to it is read by the other end's protocol."""

    _start_tls_compatible = True  # `loop.start_tls` works on it

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._other: Inside
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._reading = True
        self._writer_paused = False
        self._limit_bytes = UNREAD_BYTES_MAX
        self._closing = False

    def take(self, data: bytes) -> None:
        """Read what the other end wrote; nothing is its end."""
        if self._closing:
            return
        self._unread.append(data)
        self._unread_bytes += len(data)
        self._read()
        if self._unread_bytes > self._other._limit_bytes and not self._writer_paused:
            self._writer_paused = True
            self._other._protocol.pause_writing()

    def _read(self) -> None:
        while self._unread and self._reading and not self._closing:
            data = self._unread.popleft()
            self._unread_bytes -= len(data)
            if not data:
                self._read_end()
            elif isinstance(self._protocol, asyncio.BufferedProtocol):
                self._fill(self._protocol, data)
            else:
                assert isinstance(self._protocol, asyncio.Protocol)
                self._protocol.data_received(data)
        if self._writer_paused and self._unread_bytes <= self._other._limit_bytes // 2:
            self._writer_paused = False
            self._other._protocol.resume_writing()

    def _fill(self, protocol: asyncio.BufferedProtocol, data: bytes) -> None:
        buffer = memoryview(protocol.get_buffer(len(data)))
        fits = min(len(buffer), len(data))
        buffer[:fits] = data[:fits]
        if data[fits:]:
            self._unread.appendleft(data[fits:])
            self._unread_bytes += len(data) - fits
        protocol.buffer_updated(fits)

    def _read_end(self) -> None:
        assert isinstance(self._protocol, asyncio.Protocol | asyncio.BufferedProtocol)
        if not self._protocol.eof_received():
            self.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        if data and not self._closing:
            self._other.take(bytes(data))

    def write_eof(self) -> None:
        """Send the end."""
        if not self._closing:
            self._other.take(b"")

    def can_write_eof(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Send the end, and be gone."""
        if not self._closing:
            self._end(None)
            self._other.take(b"")

    def abort(self) -> None:
        """Be gone, and the other end too."""
        self._end(None)
        self._other._end(ConnectionResetError("the connection was cut"))

    def _end(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._unread.clear()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether the protocol is given what comes."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Let what comes wait."""
        self._reading = False

    def resume_reading(self) -> None:
        """Read what waits."""
        if not self._reading:
            self._reading = True
            asyncio.get_running_loop().call_soon(self._read)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        """Say how much may wait at the other end before this one's protocol is told to pause."""
        self._limit_bytes = UNREAD_BYTES_MAX if high is None else high

    def get_write_buffer_size(self) -> int:
        """Return how much waits at the other end."""
        return self._other._unread_bytes

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - asyncio's signature
        """Return nothing: there is no socket."""
        return default


def join(one: asyncio.BaseProtocol, other: asyncio.BaseProtocol) -> Inside:
    """Connect two protocols; return the transport of the first. Both have been told when it returns."""
    near, far = Inside(one), Inside(other)
    near._other, far._other = far, near
    other.connection_made(far)
    one.connection_made(near)
    return near
