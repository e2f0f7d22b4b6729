"""python-socketio on both sides, with the delivery code of Socket.IO's own chat tutorial.

The library alone delivers at most once (socket.io/docs/v4/delivery-guarantees). Its tutorial, steps 7 and 8, shows what
an app writes for more: the client sends one text at a time with a number of its own until it is acknowledged, 10 s a
try; the server stores each number once, and sends a client what came after the offset that it connects with. Connection
state recovery, which would spare that, is neither in the Python client nor in the Python server.
"""

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.weak.children import free_port, running
from benchmarks.weak.peers import Ears, Facts, Phone, Seat

FACTS: Final = Facts(
    name="socketio",
    made_of="python-socketio, both sides; retries and offsets as in its chat tutorial",
    encrypts="no",
    fsyncs="yes: the tutorial's SQLite table, synchronous=FULL",
    cannot="deliver more than at most once by itself; keep unsent texts when the app ends; send two texts at once",
    photos="one binary event, stored and acknowledged like a text: again from its first byte when a connection ends",
)

ACK_S: Final = 10.0
"""The tutorial's ackTimeout."""

PHOTO_ACK_S: Final = 60.0
"""The same for a photo, which takes 2G half a minute."""

RETRY_S: Final = (1.0, 5.0)
"""The library's own shortest and longest pause before the next try to connect."""

CONNECT_S: Final = 20.0
"""Longest wait for a connection. The library's own reconnection waits 1 s for the namespace, which is less than a round
trip of the slowest networks: with it the client would never be back there, so the app reconnects by `connect`."""


class SocketIoPhone:
    """An app around `socketio.AsyncClient`."""

    def __init__(self, seat: Seat, ears: Ears) -> None:
        import aiohttp

        self._seat, self._ears = seat, ears
        self._offset = 0
        self._numbers = 0
        self._unsent: asyncio.Queue[tuple[int, str | bytes]] = asyncio.Queue()
        self._photos: asyncio.Queue[tuple[int, str | bytes]] = asyncio.Queue()  # so that texts wait for no photo's ack
        self._tasks: list[asyncio.Task[None]] = []
        self._try_now = asyncio.Event()
        self._gone = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CONNECT_S))
        self._client: Any = self._new_client()

    async def start(self) -> None:
        """Begin to connect and to send."""
        working = self._stay_connected(), self._send_all(self._unsent, ACK_S), self._send_all(self._photos, PHOTO_ACK_S)
        self._tasks = [asyncio.create_task(work) for work in working]

    async def send(self, text: str) -> None:
        """Put a text into the app's queue."""
        self._numbers += 1
        self._unsent.put_nowait((self._numbers, text))

    async def send_photo(self, content: bytes) -> None:
        """Put a photo into the other queue."""
        self._numbers += 1
        self._photos.put_nowait((self._numbers, content))

    @property
    def online(self) -> bool:
        """Whether the namespace is connected."""
        return bool(self._client.connected)

    def network_changed(self) -> None:
        """Drop the connection of the old address and connect at once."""
        self._try_now.set()

    async def close(self) -> None:
        """Disconnect."""
        self._drop(self._client)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait([*self._tasks, *self._ending])
        await self._http.close()

    def _new_client(self) -> Any:
        import socketio

        client = socketio.AsyncClient(reconnection=False, http_session=self._http)
        client.on("text", self._text)
        return client

    def _drop(self, client: Any) -> None:
        """Let a client end by itself: over a dead connection that takes it ten seconds."""
        task = asyncio.ensure_future(client.disconnect())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _stay_connected(self) -> None:
        pause_s = RETRY_S[0]
        url = f"http://127.0.0.1:{self._seat.port}"
        while True:
            self._client = self._new_client()
            try:
                auth = {"user": self._seat.user, "offset": self._offset}
                await self._client.connect(url, auth=auth, transports=["websocket"], wait_timeout=CONNECT_S)
            except Exception:  # noqa: BLE001 - the library raises what aiohttp, engineio and asyncio raise
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, RETRY_S[1])
            else:
                pause_s = RETRY_S[0]
                self._gone.clear()
                await self._until_gone()
                self._gone.set()

    async def _until_gone(self) -> None:
        """Wait for the end of the connection, or for the hint, which makes it an old one."""
        gone = asyncio.ensure_future(self._client.wait())
        hint = asyncio.ensure_future(self._try_now.wait())
        await asyncio.wait([gone, hint], return_when=asyncio.FIRST_COMPLETED)
        if self._try_now.is_set():
            self._try_now.clear()
            self._drop(self._client)
        for task in (gone, hint):
            task.cancel()

    async def _pause(self, lasts_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(lasts_s):
                await self._try_now.wait()
        self._try_now.clear()

    async def _send_all(self, queue: asyncio.Queue[tuple[int, str | bytes]], ack_s: float) -> None:
        while True:
            number, said = await queue.get()
            while not await self._acknowledged(number, said, ack_s):
                while not self._client.connected:
                    await asyncio.sleep(0.01)

    async def _acknowledged(self, number: int, said: str | bytes, ack_s: float) -> bool:
        """Send a text; return whether the server has it. A lost connection ends the wait, as in the tutorial."""
        from socketio.exceptions import SocketIOError

        call = asyncio.ensure_future(self._client.call("text", (self._seat.other, number, said), timeout=ack_s))
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait([call, gone], return_when=asyncio.FIRST_COMPLETED)
            error = call.exception() if call.done() else None
            if error is not None and not isinstance(error, SocketIOError):
                raise error
            return call.done() and error is None
        finally:
            for task in (call, gone):
                task.cancel()

    def _text(self, number: int, said: str | bytes) -> None:
        if number <= self._offset:
            return
        self._offset = number
        if isinstance(said, bytes):
            self._ears.photo(said)
        else:
            self._ears.text(said)


class SocketIoPeer:
    """The tutorial's server, in Python."""

    facts: Final = FACTS

    def missing(self) -> str:
        """Return what to install."""
        there = all(importlib.util.find_spec(name) for name in ("socketio", "aiohttp"))
        return "" if there else "pip install 'onebar[bench]'"

    @asynccontextmanager
    async def serving(self, folder: Path, *, photos: bool = False) -> AsyncIterator[int]:
        """Run the server."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.weak.socketio_server", str(port), str(folder / "texts.sqlite3")]
        command += ["photos"] if photos else []
        async with running("socketio", command, port, folder):
            yield port

    def phone(self, seat: Seat, ears: Ears) -> Phone:
        """Make a phone."""
        return SocketIoPhone(seat, ears)
