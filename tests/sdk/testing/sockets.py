"""A server that keeps what it hears, and clients, for the proxy's tests."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from onebar.testing.line import LINGER_RESET

PATIENCE_S: Final = 10.0
"""Generous for this machine; only a hang reaches it."""


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds that no event tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.001)


class Peer:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hears(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            assert await self.reader.readexactly(len(text)) == text

    async def hears_the_end(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            assert await self.reader.read() == b""

    async def is_cut(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self.reader.read(65536):
                    pass
        except ConnectionResetError:
            return True
        return False

    def says(self, text: bytes) -> None:
        self.writer.write(text)

    def stops_reading(self) -> None:
        self._transport.pause_reading()

    def reads_on(self) -> None:
        self._transport.resume_reading()

    def resets(self) -> None:
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self._transport.abort()

    @property
    def _transport(self) -> asyncio.Transport:
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    @property
    def address(self) -> str:
        host = self.writer.get_extra_info("peername")[0]
        assert isinstance(host, str)
        return host


class Listener:
    """A server whose connections wait to be picked up."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Peer] = asyncio.Queue()
        self.to = ("127.0.0.1", 0)
        self._peers: list[Peer] = []

    async def next(self) -> Peer:
        async with asyncio.timeout(PATIENCE_S):
            return await self.accepted.get()

    async def connected(self, to: tuple[str, int]) -> Peer:
        peer = Peer(*await asyncio.open_connection(*to))
        self._peers.append(peer)
        return peer

    async def pair(self, to: tuple[str, int]) -> tuple[Peer, Peer]:
        """Connect a client through `to`; return it and the server's end."""
        client = await self.connected(to)
        return client, await self.next()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._peers.append(peer)
        self.accepted.put_nowait(peer)

    async def hang_up(self) -> None:
        for peer in self._peers:
            peer.writer.transport.abort()
        for peer in self._peers:
            try:
                await peer.writer.wait_closed()
            except OSError:
                continue


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.take, "127.0.0.1", 0)
    listener.to = server.sockets[0].getsockname()
    try:
        yield listener
    finally:
        server.close()
        await listener.hang_up()
