"""`MockServer`: the whole backend inside a test, on a free port, in milliseconds."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from onebar.core.questions import PUSH_TOKENS
from onebar_mockserver.app import Backend, listen, now_ms
from onebar_mockserver.blobs import BlobLimits
from onebar_mockserver.faults import Faults
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.push.gateways import PushGateway
from onebar_mockserver.push.recorded import RecordedPush, Wakeup, WakeupLog
from onebar_mockserver.sms import SmsLog
from onebar_mockserver.sqlite.database import FILE_NAME
from onebar_mockserver.sqlite.push_tokens import tokens_of
from onebar_mockserver.tls import CertificateFiles, server_context

HOST = "127.0.0.1"
"""Tests never leave this machine."""


WOKEN_S = 10.0
"""How long a test waits for a wake-up unless told otherwise: it is sent within a few milliseconds."""


class MockServer:
    """A backend for tests: `async with MockServer() as server:`, then point clients at `server.url`.

    It is the real server with a real database, in a temporary folder unless `data` names one. With `tls`, the files
    of a certificate and of its key, it is an `https://` server; they are read again at each start. `gateways` makes
    what wakes phones, at each start; without it wake-ups are only kept, see `wakeups`.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        limits: ServerLimits | None = None,
        blob_limits: BlobLimits | None = None,
        tls: CertificateFiles | None = None,
        gateways: Callable[[], Sequence[PushGateway]] | None = None,
    ) -> None:
        self.faults = Faults()
        """Scripts what goes wrong."""
        self.port = port
        """The port it listens on; 0 until it has started, unless one was asked for."""
        self._limits = limits
        self._blob_limits = blob_limits
        self._tls = tls
        self._gateways = gateways or self._recorded
        self._data = data
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sms = SmsLog()
        self.push = WakeupLog()
        """Keeps the wake-ups in place of APNs and FCM; `push.next_answers` makes them fail."""
        self._backend: Backend | None = None

    @property
    def url(self) -> str:
        """The address for clients, `http://127.0.0.1:PORT`, or `https://` with TLS."""
        return f"{'http' if self._tls is None else 'https'}://{HOST}:{self.port}"

    @property
    def refused(self) -> Mapping[str, int]:
        """How often each limit has refused something since the start, by its name (docs/hosting.md)."""
        return {} if self._backend is None else self._backend.refused

    def sms(self, phone: str) -> str:
        """Return the newest registration code sent to this phone (E.164).

        Raises:
            LookupError: None was sent.
        """
        sent = self._sms.to(phone)
        if not sent:
            raise LookupError("no code was sent to this phone")
        return sent[-1].code

    def wakeups(self, phone: str) -> list[Wakeup]:
        """Return the wake-ups sent to the push tokens that this phone's (E.164) devices have now, newest last."""
        if self._data is None or not (self._data / FILE_NAME).exists():
            return []
        return self.push.to(tokens_of(self._data, phone))

    async def woken(self, phone: str, times: int = 1, timeout_s: float = WOKEN_S) -> list[Wakeup]:
        """Wait until this phone was woken so often; return its wake-ups.

        Raises:
            TimeoutError: It was not.
        """
        async with asyncio.timeout(timeout_s):
            while len(sent := self.wakeups(phone)) < times:
                await self.push.changed()
        return sent

    async def start(self) -> None:
        """Start, on the same port and data as before if it ran before.

        Raises:
            AddressError: The port is taken.
            CertificateFilesError: The certificate or its key cannot be used.
            DatabaseError: The data directory cannot be used.
        """
        if self._data is None:
            self._folder = tempfile.TemporaryDirectory(prefix="onebar-")
            self._data = Path(self._folder.name)
        tls = None if self._tls is None else server_context(self._tls)
        listener = listen(HOST, self.port)
        try:
            backend = Backend(
                self._data,
                limits=self._limits,
                blob_limits=self._blob_limits,
                faults=self.faults,
                sms=self._sms,
                push=self._gateways(),
                tls=tls,
            )
            await backend.start(listener)
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._backend = backend

    async def stop(self, *, go_away_ms: int | None = None) -> None:
        """Stop and keep the data; `go_away_ms` first tells clients to come back within that time."""
        backend, self._backend = self._backend, None
        if backend is not None:
            await backend.stop(go_away_ms=go_away_ms)

    async def close(self) -> None:
        """Stop, and remove the temporary folder if it made one."""
        await self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
            self._data = None

    async def restart(self) -> None:
        """Stop and start again on the same port and data.

        Raises:
            AddressError: Something else has taken the port meanwhile.
        """
        await self.stop()
        await self.start()

    def drop_links(self) -> None:
        """Cut every link abruptly, without a closing frame."""
        if self._backend is not None:
            self._backend.gateway.drop_links()

    def _recorded(self) -> list[PushGateway]:
        return [RecordedPush(kind, self.push, now_ms) for kind in PUSH_TOKENS]

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()
