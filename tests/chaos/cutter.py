"""A small TCP proxy that stands between one phone and the backend, and breaks the connections on demand."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final, Literal

CutKind = Literal["reset", "silence"]
"""`reset`: both ends get an RST. `silence`: nothing is heard any more, as when a phone leaves its cell."""

BLOCK_BYTES: Final = 65536
"""Most bytes forwarded at once."""

LINGER_RESET: Final = struct.pack("ii", 1, 0)
"""Socket option: a close sends RST and drops what is unsent."""


class Cutter:
    """Forwards 127.0.0.1:`port` to a port that may change, as a backend gets a new one with every start."""

    def __init__(self, target_port: Callable[[], int]) -> None:
        """Take the function that tells the backend's port, asked for every connection."""
        self.port = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._refusing_until_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        """How many connections are being forwarded."""
        return len(self._lines)

    def cut(self, kind: CutKind, pause_s: float) -> None:
        """Cut every connection.

        After a `reset`, connections are refused for `pause_s`. In a `silence`, what exists hears nothing for
        `pause_s` and is then reset, while new connections are refused for the first half of the time.
        """
        now_s = asyncio.get_running_loop().time()
        lines = list(self._lines)
        if kind == "reset":
            self._refusing_until_s = now_s + pause_s
            for line in lines:
                line.reset()
        else:
            self._refusing_until_s = now_s + pause_s / 2
            for line in lines:
                line.silent = True
                asyncio.get_running_loop().call_later(pause_s, line.reset)

    async def close(self) -> None:
        """Stop listening and reset every connection."""
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asyncio.get_running_loop().time() < self._refusing_until_s:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port())
        except OSError:  # the backend is down
            _reset(writer)
            return
        line = _Line(writer, far_writer)
        self._lines.add(line)
        try:
            await asyncio.gather(line.copy(reader, far_writer), line.copy(far_reader, writer))
        finally:
            self._lines.discard(line)
            line.reset()


class _Line:
    """One forwarded connection."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.silent = False
        self._near, self._far = near, far

    def reset(self) -> None:
        """Send RST both ways."""
        _reset(self._near)
        _reset(self._far)

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one direction until it ends; in a silence, swallow it."""
        with contextlib.suppress(OSError):
            while block := await reader.read(BLOCK_BYTES):
                if not self.silent:
                    writer.write(block)
                    await writer.drain()
            if not self.silent and not writer.is_closing():
                writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    writer.transport.abort()
