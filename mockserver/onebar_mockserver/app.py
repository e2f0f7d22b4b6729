"""A whole server in one process: engine, router, turns, gateway and HTTP on one port."""

import asyncio
import contextlib
import errno
import functools
import logging
import secrets
import socket
import ssl
import time
from pathlib import Path
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import Server

from onebar_mockserver.faults import Faults
from onebar_mockserver.gateway import Gateway
from onebar_mockserver.limits import STOP_S, SWEEP_EVERY_S, ServerLimits
from onebar_mockserver.link_protocol import LinkProtocol
from onebar_mockserver.ports import BatchFailedError, EngineLostError
from onebar_mockserver.registration import Registration, SmsLog
from onebar_mockserver.request_head import HeadDeadlineProtocol
from onebar_mockserver.router import Router
from onebar_mockserver.sqlite import SqliteEngine
from onebar_mockserver.turns import TurnLoop

logger = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that may wait to be accepted: a restart brings every phone back within two seconds (R17)."""


class AddressError(Exception):
    """The server cannot listen at this address; the text says why."""


class Backend:
    """A server from start to stop. Its clock and dice are read here and nowhere else."""

    def __init__(
        self,
        data: Path,
        *,
        development: bool = True,
        limits: ServerLimits | None = None,
        faults: Faults | None = None,
        sms: SmsLog | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.faults = faults or Faults()
        self.gateway = Gateway(self.faults)
        limits = limits or ServerLimits()
        self._engine = SqliteEngine(data, limits)
        self._sweep_now = asyncio.Event()
        router = Router(self._engine, self._engine, limits, self._sweep_now.set)
        self._turns = TurnLoop(
            router, self._engine, now_ms, self.gateway.release, self.gateway.lost, self.gateway.taken
        )
        self.gateway.turns = self._turns
        self._registration = Registration(
            ledger=self._engine,
            faults=self.faults,
            now_ms=now_ms,
            fresh_code=fresh_code,
            removed=self._devices_removed,
            lost=self._turns.suspect,
            development=development,
            sms=sms or SmsLog(),
        )
        self._sweeping: asyncio.Task[None] | None = None
        self._server: Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Open the data directory and serve on this socket.

        Raises:
            DatabaseError: The data directory cannot be used.
        """
        await self._engine.open()
        config = Config(
            self._registration.app(),
            http=HeadDeadlineProtocol,
            ws=cast("type[asyncio.Protocol]", functools.partial(LinkProtocol, gateway=self.gateway)),
            lifespan="off",
            log_config=None,
            access_log=False,  # its lines would hold phone numbers
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
        )
        config.load()
        config.ssl = self._tls
        self._server = Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._turns.start()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep(), name="onebar-sweep")
        await self._server.startup(sockets=[listener])

    async def stop(self, *, go_away_ms: int | None = None) -> None:
        """Finish the inputs that are waiting, close the links and the database."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        if go_away_ms is not None:
            self.gateway.go_away(go_away_ms)
        self.gateway.stopping = True
        await self._turns.stop()
        await self.gateway.close()
        if self._server is not None:
            await _end_http(self._server)
        await self._engine.close()

    def _devices_removed(self, devices: tuple[int, ...]) -> None:
        self._turns.removed(devices)
        if devices:
            self._sweep_now.set()  # tell the senders of what waited for them

    async def _sweep(self) -> None:
        """Drop what is too old or for nobody, in small steps."""
        while True:
            try:
                swept = await self._engine.sweep(now_ms())
                self._turns.woken(swept.woken)
                if not swept.done:
                    continue
            except EngineLostError:
                self._turns.suspect()
            except BatchFailedError as error:
                logger.error("a step of the sweep failed (%s)", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._sweep_now.wait(), SWEEP_EVERY_S)
            self._sweep_now.clear()


async def _end_http(server: Server) -> None:
    """Take no more connections, answer the requests that are being handled, and end the rest.

    In place of uvicorn's own `shutdown`, which sleeps for 0.1 s however little there is to wait for.
    """
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    if server.server_state.tasks:
        _, late = await asyncio.wait(server.server_state.tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
    await asyncio.sleep(0)  # connections that were closed leave now
    for connection in list(server.server_state.connections):
        if (transport := getattr(connection, "transport", None)) is not None:
            transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening address; port 0 picks a free one.

    Raises:
        AddressError: The port is taken, or the host is not one of this machine.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise AddressError(f"cannot listen on {host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(cast("Any", address))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressError(f"port {port} on {host} is taken; stop what uses it or choose --port") from error
        raise AddressError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def fresh_code() -> str:
    """Return six random digits."""
    return f"{secrets.randbelow(1_000_000):06d}"
