"""A whole server in one process: engine, router, turns, gateway and HTTP on one port."""

import asyncio
import contextlib
import errno
import functools
import logging
import secrets
import socket
import sqlite3
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from onebar_mockserver.acceptor import Acceptor
from onebar_mockserver.access import Access
from onebar_mockserver.attachment_answers import Guard
from onebar_mockserver.blob_files import FOLDER_NAME, FileBlobs
from onebar_mockserver.blobs import BlobError, BlobLimits, BlobSizes, BlobsLostError
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.callers import TokenCheck
from onebar_mockserver.connections import Connections
from onebar_mockserver.downloads import Downloads
from onebar_mockserver.faults import Faults
from onebar_mockserver.gateway import Gateway
from onebar_mockserver.health import admin_app, health_routes
from onebar_mockserver.limits import BACKLOG, SIZES_EVERY_S, STOP_S, SWEEP_EVERY_S, ServerLimits
from onebar_mockserver.link_protocol import LinkProtocol
from onebar_mockserver.metrics import Metrics
from onebar_mockserver.ports import BatchFailedError, EngineLostError
from onebar_mockserver.push.doorbell import Doorbell
from onebar_mockserver.push.gateways import PushGateway
from onebar_mockserver.registration import Registration
from onebar_mockserver.request_head import HeadDeadlineProtocol
from onebar_mockserver.router import Router
from onebar_mockserver.sms import SmsGateway, SmsLog
from onebar_mockserver.sqlite import DatabaseError, SqliteEngine
from onebar_mockserver.sqlite.codes import SEED_BYTES
from onebar_mockserver.sqlite.mailbox_sizes import MailboxSizes, read_mailbox_sizes
from onebar_mockserver.turns import TurnLoop
from onebar_mockserver.uploads import Uploads

logger = logging.getLogger(__name__)


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
        blob_limits: BlobLimits | None = None,
        faults: Faults | None = None,
        sms: SmsGateway | None = None,
        push: Sequence[PushGateway] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._data = data
        self._tls = tls
        self.metrics = Metrics()
        self.faults = faults or Faults()
        limits = limits or ServerLimits()
        buckets = Buckets(limits.rates)
        self.refused: Counter[str] = buckets.refused
        """How often each limit has refused something since the start, by its name."""
        self._connections = Connections(buckets, lambda: now_ms() / 1000)
        self.gateway = Gateway(self.faults, self._connections)
        self._engine = SqliteEngine(data, limits, self.metrics.commit, buckets)
        self._sweep_now = asyncio.Event()
        self._doorbell = Doorbell(self._engine, push, self._unheard_ms, now_ms, lambda: self._turns.suspect())
        self._router = router = Router(self._engine, self._engine, limits, self._sweep_now.set, self._doorbell)
        self._turns = TurnLoop(
            router,
            self._engine,
            now_ms,
            self.gateway.release,
            self.gateway.lost,
            self.gateway.taken,
            self.metrics.turn,
        )
        self.gateway.turns = self._turns
        self._registration = Registration(
            ledger=self._engine,
            faults=self.faults,
            now_ms=now_ms,
            fresh_seed=fresh_seed,
            removed=self._devices_removed,
            lost=self._turns.suspect,
            development=development,
            sms=sms or SmsLog(),
            buckets=buckets,
        )
        blob_limits = blob_limits or BlobLimits()
        self._blobs = FileBlobs(data / FOLDER_NAME, blob_limits, fresh_blob_id)
        rest = Mount("/", self._registration.app(self._attachments(blob_limits, buckets)))
        self._public = Access(Starlette(routes=[*health_routes(self._ready), rest]))
        self._sizes = MailboxSizes()
        self._blob_sizes = BlobSizes()
        self._sizes_at_s = 0.0
        self._watch(router)
        self._sweeping: asyncio.Task[None] | None = None
        self._state = ServerState()
        self._acceptors: list[Acceptor] = []

    async def start(self, listener: socket.socket, admin: socket.socket | None = None) -> None:
        """Open the data directory and serve on this socket, and `/metrics` on the other one.

        Raises:
            DatabaseError: The data directory cannot be used.
        """
        await self._engine.open()
        try:
            await self._blobs.open()
        except BlobsLostError as error:
            await self._engine.close()
            raise DatabaseError(f"the attachments cannot be opened: {error}") from error
        self._turns.start()
        self._doorbell.start()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep(), name="onebar-sweep")
        ws = functools.partial(LinkProtocol, gateway=self.gateway)
        self._serve(listener, self._public, cast("type[asyncio.Protocol]", ws), self._tls)
        if admin is not None:
            self._serve(admin, admin_app(self._ready, self.scrape), "none", None)

    def _attachments(self, limits: BlobLimits, buckets: Buckets) -> list[Route]:
        guard = Guard(TokenCheck(self._engine, now_ms), now_ms, self._turns.suspect, buckets.refuse)
        self._uploads = Uploads(self._blobs, guard, limits, now_ms, buckets)
        self._downloads = Downloads(self._blobs, guard)
        return [*self._uploads.routes(), *self._downloads.routes()]

    def _serve(self, listener: socket.socket, app: ASGIApp, ws: Any, tls: ssl.SSLContext | None) -> None:
        config = Config(
            app,
            http=HeadDeadlineProtocol,
            ws=ws,
            lifespan="off",
            log_config=None,
            access_log=False,  # its lines would hold phone numbers
            server_header=False,
            date_header=False,
        )
        config.load()
        among = self._connections if app is self._public else None  # an operator's own address has no limits
        make_protocol = functools.partial(HeadDeadlineProtocol, config, self._state, {}, among=among)
        self._acceptors.append(Acceptor(listener, make_protocol, tls, among))

    async def drain(self, go_away_ms: int, within_s: float) -> None:
        """Be ready for nobody, let each link leave in its slot (R17), and return when all have, or the time is up."""
        self.gateway.go_away(go_away_ms)
        await self.gateway.emptied(within_s)

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
        await self._doorbell.stop()
        await self.gateway.close()
        for acceptor in self._acceptors:
            acceptor.close()
        await _end_http(self._state)
        await self._blobs.close()
        await self._engine.close()

    async def scrape(self) -> bytes:
        """Return the figures for Prometheus; what takes long to find out is up to SIZES_EVERY_S old."""
        now_s = time.monotonic()
        if now_s >= self._sizes_at_s:
            self._sizes_at_s = now_s + SIZES_EVERY_S
            with contextlib.suppress(sqlite3.Error):  # the figure stays old, and the disk's trouble shows elsewhere
                self._sizes = await asyncio.to_thread(read_mailbox_sizes, self._data)
            with contextlib.suppress(BlobsLostError):
                self._blob_sizes = await self._blobs.sizes()
        return self.metrics.exposition()

    def _ready(self) -> bool:
        return not self.gateway.stopping

    def _watch(self, router: Router) -> None:
        """Let the metrics show what the parts count."""
        counter, gauge = self.metrics.counter, self.metrics.gauge
        counter("onebar_messages_rejected", "Messages that got no plain verdict", "reason", router.rejected)
        counter("onebar_refusals", "What a limit refused or put off", "limit", self.refused)
        counter("onebar_links_refused", "Links that were refused in their first turn", "reason", router.refused)
        counter("onebar_http_requests", "HTTP requests on the public address", "status", self._public.requests)
        counter("onebar_pushes", "What gateways said to wake-ups", ("gateway", "result"), self._doorbell.results)
        gauge("onebar_pushes_waiting", "Devices that are to be woken", lambda: self._doorbell.waiting)
        gauge("onebar_links", "Links that are open", lambda: self.gateway.links)
        gauge("onebar_links_paused", "Links far ahead of their turns, which are not read", lambda: self.gateway.paused)
        gauge("onebar_inputs_waiting", "Inputs that wait for a turn", lambda: self._turns.waiting)
        gauge("onebar_engine_recoveries", "Times the database was lost and reopened", lambda: self._turns.recoveries)
        gauge("onebar_draining", "1 while links are asked to leave", lambda: float(self.gateway.stopping))
        gauge("onebar_mailboxes", "Mailboxes that hold mail", lambda: self._sizes.mailboxes)
        gauge("onebar_mailbox_bytes", "Mail that waits in all mailboxes", lambda: self._sizes.bytes)
        gauge("onebar_mailbox_largest_bytes", "Mail in the fullest mailbox", lambda: self._sizes.largest_bytes)
        gauge("onebar_blobs", "Attachments, complete or not", lambda: self._blob_sizes.blobs)
        gauge("onebar_blob_bytes", "What has arrived of all attachments", lambda: self._blob_sizes.bytes)
        gauge("onebar_blobs_unfinished", "Attachments that are not complete", lambda: self._blob_sizes.unfinished)
        gauge("onebar_blob_bytes_awaited", "What is still to come of them", lambda: self._blob_sizes.awaited_bytes)
        gauge("onebar_uploads_running", "Uploads with a request going on", lambda: self._uploads.running)
        gauge("onebar_downloads_running", "Downloads that are being sent", lambda: self._downloads.running)

    def _unheard_ms(self, device: int) -> int | None:
        return self._router.unheard_ms(device, now_ms())

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
                if await self._blobs.sweep(now_ms()) or not swept.done:
                    continue
            except EngineLostError:
                self._turns.suspect()
            except (BatchFailedError, BlobError) as error:  # a full disk above all: what is swept makes room
                logger.error("a sweep failed", extra={"error": type(error).__name__, "detail": str(error)})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_S):  # wait_for of Python 3.11 can swallow a cancellation
                    await self._sweep_now.wait()
            self._sweep_now.clear()


async def _end_http(state: ServerState) -> None:
    """Answer the requests that are being handled, and end the rest.

    In place of uvicorn's own `shutdown`, which sleeps for 0.1 s however little there is to wait for.
    """
    for connection in list(state.connections):
        connection.shutdown()
    if state.tasks:
        _, late = await asyncio.wait(state.tasks, timeout=STOP_S)
        if late:  # as if their peers had left: what has arrived of an upload counts
            _cut(state)
            _, late = await asyncio.wait(late, timeout=STOP_S)
        for task in late:
            task.cancel()
    await asyncio.sleep(0)  # connections that were closed leave now
    _cut(state)


def _cut(state: ServerState) -> None:
    for connection in list(state.connections):
        if (transport := getattr(connection, "transport", None)) is not None:
            transport.abort()


def listen(host: str, port: int, setting: str = "--port") -> socket.socket:
    """Return a listening address; port 0 picks a free one, `setting` is what chooses another.

    Raises:
        AddressError: The port is taken, or the host is not one of this machine.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise AddressError(f"cannot listen on {host}: {error.strerror}") from error
    except UnicodeError as error:
        raise AddressError(f"cannot listen on {host}: no host has such a name") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(cast("Any", address))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressError(f"port {port} on {host} is taken; stop what uses it or choose {setting}") from error
        raise AddressError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def fresh_blob_id() -> str:
    """Return 128 random bits as hexadecimal digits."""
    return secrets.token_hex(16)


def fresh_seed() -> bytes:
    """Return what a registration code is made of."""
    return secrets.token_bytes(SEED_BYTES)
