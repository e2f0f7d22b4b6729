"""One connection through a weak network: two sockets, two pipes, and how it ends."""

import asyncio
import contextlib
import math
import socket
import struct
from typing import Final, Protocol

from onebar.testing.boxes import Portal, Twice
from onebar.testing.pipe import Air, Pipe, Sink, piece_bytes
from onebar.testing.weather import SEGMENT_BYTES, Flow

LINGER_RESET: Final = struct.pack("ii", 1, 0)
"""Socket option: a close sends an RST. A plain abort would send a clean end, as measured."""

UNWRITTEN_BYTES_MAX: Final = 4096
"""Most bytes that wait for a reader in the transport; beyond it the pipe waits, and so does the sender."""


class Network(Air, Protocol):
    """What a line needs of its network."""

    @property
    def refusing(self) -> bool:
        """Whether it refuses everybody."""

    def began(self, line: "Line") -> None:
        """Note a connection."""

    def ended(self, line: "Line", how: str) -> None:
        """Note that a connection was `refused`, `reset`, `silenced`, or is `gone`."""

    async def connect(self, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
        """Open a connection to the server."""


class Line:
    """A connection from dial to end. `near` is the protocol of the client's side."""

    def __init__(self, network: Network) -> None:
        """Wait for the client; the rest follows by itself."""
        self.near = Side(self)
        self.network = network
        self.silent = False
        self._far = Side(self)
        self._flow: Flow | None = None
        self._twin: asyncio.Transport | None = None
        self._pipes: list[Pipe] = []
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        self._joined: asyncio.Future[None] = loop.create_future()

    async def joined(self) -> None:
        """Wait until the client is connected, which in silence it never is.

        Raises:
            ConnectionRefusedError: It is not let in.
        """
        await self._joined
        if not self._pipes:
            raise ConnectionRefusedError("the weak network or its server lets nobody in")

    async def over(self) -> None:
        """Wait until both sockets are closed."""
        await self._over

    def reset(self) -> None:
        """Let it die loudly: an RST to both ends."""
        self.network.ended(self, "reset")
        self.cut()

    def cut(self) -> None:
        """Drop everything, with an RST to both ends."""
        self._abandon()
        self.near.reset()
        self._far.reset()

    def silence(self) -> None:
        """Let it die without a word: what either end sends is swallowed, and neither is told."""
        if self.silent:
            return
        self.silent = True
        self.network.ended(self, "silenced")
        if self._timer is not None:
            self._timer.cancel()
        for pipe in self._pipes:
            pipe.silence()
        self.near.listen()  # the kernel goes on to acknowledge: the worst case

    def redraw(self) -> None:
        """Draw its fate again, as the network is another one."""
        if self._flow is not None and not self.silent:
            self._flow.redraw(self.network.now_s())
            if self._pipes:
                self._await_fate()

    def swallowed(self) -> None:
        """A pipe found the flow dead, as when an idle connection was forgotten on the way."""
        if self._flow is not None and self.network.now_s() >= self._flow.ends_s:
            self._die()

    def made(self, side: "Side") -> None:
        """A socket is there."""
        if side is self._far:
            return
        self.network.began(self)
        self._flow = self.network.weather.dial(self.network.now_s())
        if self.network.refusing:
            self._refuse()
        elif self._flow.connects_s < math.inf:
            self._timer = self.network.call_at(self._flow.connects_s, self._open)
        else:
            self.silence()

    def lost(self, side: "Side") -> None:
        """A socket is gone: tell the other, unless nobody hears."""
        other = self._far if side is self.near else self.near
        if other.open and not self.silent:
            if side.reads is None:
                other.reset()
            elif not (side.told_end and other.told_end):
                side.reads.take_reset()
        if side is self.near:
            if self._connecting is not None:
                self._connecting.cancel()
            if not self._joined.done():
                self._joined.set_result(None)
        if not other.open and not self._over.done():
            self._abandon()
            self.network.ended(self, "gone")
            self._over.set_result(None)

    def finished(self) -> None:
        """One direction has ended; close the sockets when both have."""
        if self.near.told_end and self._far.told_end:
            self.near.close()
            self._far.close()

    def _open(self) -> None:
        assert self._flow is not None
        if self._flow.refused:
            self._refuse()
        elif self._flow.captive_portal:
            portal = Portal()
            self._join(portal)
            portal.answer_to(self._pipes[1])
        else:
            self._connecting = asyncio.create_task(self._connect(self._flow))

    async def _connect(self, flow: Flow) -> None:
        try:
            if flow.duplicate_upgrade:
                self._twin = await self.network.connect(_Deaf())
            await self.network.connect(self._far)
        except OSError:
            self.reset()  # the server is down
            return
        self._join(self._far if self._twin is None else Twice(self._far, self._twin))

    def _join(self, sink: Sink) -> None:
        assert self._flow is not None
        source = self._far if self._far.open else self.near
        up = Pipe(self.network, self._flow, up=True, source=self.near.transport, sink=sink)
        down = Pipe(self.network, self._flow, up=False, source=source.transport, sink=self.near)
        self._pipes = [up, down]
        self.near.join(up, down, piece_bytes(self.network.weather, up=True))
        if self._far.open:
            self._far.join(down, up, piece_bytes(self.network.weather, up=False))
        if not self._joined.done():
            self._joined.set_result(None)
        if self.silent:
            up.silence()
            down.silence()
        else:
            self._await_fate()

    def _await_fate(self) -> None:
        assert self._flow is not None
        if self._timer is not None:
            self._timer.cancel()
        if self._flow.ends_s < math.inf:
            self._timer = self.network.call_at(self._flow.ends_s, self._die)

    def _die(self) -> None:
        assert self._flow is not None
        if self._flow.death == "reset":
            self.reset()
        else:
            self.silence()

    def _refuse(self) -> None:
        self.network.ended(self, "refused")
        self.cut()

    def _abandon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        for pipe in self._pipes:
            pipe.drop()
        if self._twin is not None:
            self._twin.abort()


class Side(asyncio.BufferedProtocol):
    """One socket of a line."""

    def __init__(self, line: Line) -> None:
        """Belong to `line`."""
        self._line = line
        self.open = False
        self.told_end = False
        """Whether its peer was told the end."""
        self.reads: Pipe | None = None
        self._writes: Pipe | None = None
        self._buffer = memoryview(bytearray(SEGMENT_BYTES))

    @property
    def transport(self) -> asyncio.Transport:
        """The socket's transport, once it is connected."""
        return self._transport

    def join(self, reads: Pipe, writes: Pipe, piece: int) -> None:
        """Begin to read into one pipe, and be the end of another."""
        self.reads, self._writes = reads, writes
        self._buffer = memoryview(bytearray(piece))
        self.listen()

    def listen(self) -> None:
        """Read."""
        if self.open:
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected; nothing is read before there is a pipe."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.open = True
        transport.set_write_buffer_limits(high=UNWRITTEN_BYTES_MAX)
        transport.pause_reading()
        self._line.made(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Give room for one piece, so that no more is read at once."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Carry what was read."""
        if self.reads is not None:
            self.reads.take(bytes(self._buffer[:nbytes]))
            if self.reads.silent:
                self._line.swallowed()

    def eof_received(self) -> bool:
        """Carry the end; the other direction goes on."""
        if self.reads is not None:
            self.reads.take(b"")
        return not self._line.silent

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Be gone."""
        self.open = False
        self._line.lost(self)

    def pause_writing(self) -> None:
        """Wait for a slow reader."""
        if self._writes is not None:
            self._writes.hold()

    def resume_writing(self) -> None:
        """Go on."""
        if self._writes is not None:
            self._writes.release()

    def write(self, data: bytes) -> None:
        """Send bytes to the peer."""
        if self.open:
            self._transport.write(data)

    def write_eof(self) -> None:
        """Tell the peer the end."""
        self.told_end = True
        if self.open and not self._transport.is_closing():
            with contextlib.suppress(OSError):  # it went away just now, which is told next
                self._transport.write_eof()
        self._line.finished()

    def close(self) -> None:
        """Close after what is unwritten."""
        if self.open:
            self._transport.close()

    def reset(self) -> None:
        """Send an RST."""
        if self.open and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                sock = self._transport.get_extra_info("socket")
                if sock is not None:  # a client inside this process has none
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            self._transport.abort()


class _Deaf(asyncio.Protocol):
    """Hears nothing: the second connection of a repeated upgrade."""
