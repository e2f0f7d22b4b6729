"""Boxes on the way that understand HTTP, more or less: a login page, and one that sends requests twice."""

import asyncio
from typing import Final

from onebar.testing.pipe import Pipe, Sink

HEAD_BYTES_MAX: Final = 65536
"""Longest request head that a box looks at; longer ones pass."""

HEAD_END: Final = b"\r\n\r\n"
"""Where a request's head ends."""

TLS_HANDSHAKE: Final = b"\x16"
"""How a TLS connection begins (RFC 8446 §5.1)."""

LOGIN_PAGE: Final = (
    b"HTTP/1.1 302 Found\r\nLocation: http://login.portal.invalid/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
"""What a captive portal answers to every request (RFC 8952 calls the network a captive one)."""


class Portal:
    """A captive portal in place of the server: a redirect for HTTP, an RST for TLS, which it cannot read."""

    def __init__(self) -> None:
        self._head = b""
        self._down: Pipe | None = None

    def answer_to(self, down: Pipe) -> None:
        """Answer by this pipe."""
        self._down = down

    def write(self, data: bytes) -> None:
        """Take a part of a request."""
        before, self._head = self._head, (self._head + data)[:HEAD_BYTES_MAX]
        if self._down is None or HEAD_END in before:
            return
        if self._head.startswith(TLS_HANDSHAKE):
            self._down.take_reset()
        elif HEAD_END in self._head:
            self._down.take(LOGIN_PAGE)
            self._down.take(b"")

    def write_eof(self) -> None:
        """Let a client go that asks nothing."""
        if self._down is not None:
            self._down.take_reset()

    def reset(self) -> None:
        """Do nothing: the client is gone."""


class Twice:
    """Sends the head of the first request on a connection of its own too, before the true one (R15)."""

    def __init__(self, far: Sink, twin: asyncio.Transport) -> None:
        """Write to `far`, and the head to `twin`, whose answers nobody hears."""
        self._far, self._twin = far, twin
        self._head = b""

    def write(self, data: bytes) -> None:
        """Pass bytes on, once or twice."""
        if HEAD_END not in self._head and len(self._head) < HEAD_BYTES_MAX:
            before = len(self._head)
            self._head += data
            end = self._head.find(HEAD_END)
            self._twin.write(data if end < 0 else data[: end + len(HEAD_END) - before])
        self._far.write(data)

    def write_eof(self) -> None:
        """Pass the end on."""
        self._far.write_eof()

    def reset(self) -> None:
        """Pass the cut on."""
        self._far.reset()
