"""A TCP proxy that counts: it stands between one phone and the server, keeps every byte, and can make the way long."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

BLOCK_BYTES: Final = 65536
"""Most bytes forwarded at once."""

LINK_REQUEST: Final = b"GET /v1/link"
"""How a link's stream begins, other than a registration's."""


@dataclass
class Tapped:
    """One connection that went through."""

    accepted_s: float
    """When TCP stood, in the loop's time."""
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


class Tap:
    """Forwards 127.0.0.1:`port` to the server's port."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.refusing = False
        """Whether new connections are reset at once."""
        self.one_way_s = 0.0
        """How long a byte takes, each way."""
        self.tapped: list[Tapped] = []
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> Tapped:
        """The newest connection that carries a link."""
        return next(tapped for tapped in reversed(self.tapped) if tapped.up.startswith(LINK_REQUEST))

    async def __aenter__(self) -> "Tap":
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and cut everything."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection."""
        for tapped in self.tapped:
            for writer in tapped.writers:
                writer.transport.abort()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        tapped = Tapped(asyncio.get_running_loop().time(), writers=[writer])
        self.tapped.append(tapped)
        task = asyncio.get_running_loop().create_task(self._forward(tapped, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, tapped: Tapped, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        tapped.writers.append(far_writer)
        try:
            await asyncio.gather(self._copy(reader, far_writer, tapped.up), self._copy(far_reader, writer, tapped.down))
        finally:
            for end in tapped.writers:
                end.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
        """Forward one direction; a second task lets each block go when its time has come."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = loop.create_task(_let_arrive(under_way, writer))
        try:
            with contextlib.suppress(OSError):
                while block := await reader.read(BLOCK_BYTES):
                    kept += block
                    under_way.put_nowait((loop.time() + self.one_way_s, block))
            under_way.put_nowait((loop.time() + self.one_way_s, b""))
            await arriving
        finally:
            arriving.cancel()


async def _let_arrive(under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while True:
            due_s, block = await under_way.get()
            await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
            if not block:
                writer.write_eof()
                return
            writer.write(block)
            await writer.drain()
