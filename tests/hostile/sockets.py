"""Bytes on a bare socket, and what comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.mockserver.rawclient import PATIENCE_S

UPGRADE = (
    b"GET /v1/link HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)

BLOCK = bytes([ord("a")]) * 65536


@dataclass
class Bare:
    """A TCP connection to the server, without any protocol."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def pour(self, data: bytes, times: int = 1) -> int:
        """Send data so often, or until the server wants no more; return how many bytes left."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                for _ in range(times):
                    if self.reader.at_eof() or self.writer.is_closing():
                        break
                    self.writer.write(data)
                    await self.writer.drain()
                    sent += len(data)
        return sent

    async def rest(self) -> bytes:
        """Read to the end, whichever way it comes."""
        read = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while block := await self.reader.read(65536):
                    read += block
        return read

    async def line(self) -> bytes:
        """Read the status line of an answer."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readline()


@contextlib.asynccontextmanager
async def bare(port: int) -> AsyncIterator[Bare]:
    """Connect; whatever happens, the connection is gone afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Bare(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def without_traces(answer: bytes) -> bool:
    """Whether an answer tells the peer nothing of the server's inside."""
    return not any(word in answer for word in (b"Traceback", b'File "', b".py", b"sqlite", b"site-packages"))
