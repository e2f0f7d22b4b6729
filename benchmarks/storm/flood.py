"""Logins at given moments by bare links: what the server takes, by a generator that costs a tenth of a phone."""

import asyncio
import math
import ssl
import time
from collections.abc import Sequence
from typing import Final, cast

from benchmarks.raw_links import RawDevice, upgrade
from benchmarks.report import BenchError
from benchmarks.wire_messages import HEAD_END, split_head, split_messages
from onebar.core.frames import Welcome, decode_server

PATIENCE_S: Final = 90.0
"""Longest wait for all of them."""


class Login(asyncio.Protocol):
    """One link from its dial to its Welcome."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.welcomed: asyncio.Future[float] = loop.create_future()
        """The moment, in monotonic seconds."""
        self.transport: asyncio.Transport | None = None
        self._request = request
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request with the flight."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Look for the Welcome."""
        if self.welcomed.done():
            return
        self._heard += data
        head, rest = split_head(self._heard)
        if not head.endswith(HEAD_END):
            return
        for message in split_messages(rest):
            if isinstance(decode_server(message.payload)[0], Welcome):
                self.welcomed.set_result(time.monotonic())
            else:
                self._fail(f"the server did not welcome a login: {message.payload[:64]!r}")
            return

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still waits."""
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionResetError(f"cut before its Welcome ({exc})"))

    def _fail(self, why: str) -> None:
        self.welcomed.set_exception(BenchError(why))


async def flood(
    port: int, devices: Sequence[RawDevice], moments_s: Sequence[float], tls: ssl.SSLContext | None = None
) -> list[float]:
    """Log in each device at its moment; return how long each waited for its Welcome, in seconds: infinity if cut.

    Raises:
        BenchError: One was refused, or waits too long.
    """
    host = f"127.0.0.1:{port}"
    requests = [upgrade(host, device) for device in devices]
    started_s = time.monotonic()
    made: list[Login] = []

    async def log_in(request: bytes, moment_s: float) -> float:
        due_s = started_s + moment_s
        await asyncio.sleep(due_s - time.monotonic())
        try:
            _, login = await asyncio.get_running_loop().create_connection(
                lambda: Login(request), "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None
            )
            made.append(login)
            return await login.welcomed - due_s
        except OSError:
            return math.inf

    try:
        async with asyncio.timeout(PATIENCE_S):
            return list(await asyncio.gather(*map(log_in, requests, moments_s)))
    except TimeoutError as error:
        raise BenchError(f"{len(made)} of {len(devices)} logins got through in {PATIENCE_S:.0f} s") from error
    finally:
        for login in made:
            if login.transport is not None:
                login.transport.abort()
