"""A server process from its settings to its last signal.

SIGTERM and SIGINT end it politely: `/readyz` turns 404, each link is told when to come back, and the database is
closed. A second one ends the waiting. SIGHUP reads the certificate again.
"""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from onebar_mockserver import tls
from onebar_mockserver.app import Backend, listen
from onebar_mockserver.config import Settings
from onebar_mockserver.limits import go_away_ms
from onebar_mockserver.tls import CertificateFilesError

logger = logging.getLogger(__name__)

NO_SMS: Final = (
    "onebar-mockserver: WARNING: no SMS gateway is configured (sms.url): registration codes are not sent,"
    " and /dev/sms, which shows them, is off with --production. Only devices that are registered already can connect.\n"
)
"""Said on stderr at the start with --production: an operator must not find out from the users."""


def say_on_stdout(line: str) -> None:
    """Write a line that whoever started the process reads."""
    sys.stdout.write(f"onebar-mockserver: {line}\n")
    sys.stdout.flush()


async def serve(settings: Settings, say: Callable[[str], None] = say_on_stdout) -> None:
    """Serve until a signal ends it; `say` is told where it listens, which is where to read a port that was 0.

    Raises:
        AddressError: An address cannot be listened on.
        CertificateFilesError: The certificate or its key cannot be used.
        DatabaseError: The data directory cannot be used.
    """
    files = settings.certificate_files
    context = None if files is None else tls.server_context(files)
    listeners = _listen(settings)
    try:
        backend = Backend(
            settings.data,
            development=not settings.production,
            limits=settings.limits,
            sms=settings.sms.gateway,
            push=settings.push.gateways(),
            tls=context,
        )
        await backend.start(*listeners)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    with _signals(functools.partial(_reload, context, files)) as (stop, stop_now):
        _announce(settings, listeners, say)
        await stop.wait()
        logger.info("stopping", extra={"links": backend.gateway.links, "drain_s": settings.drain_s})
        if settings.drain_s:
            await _drained(backend, settings.drain_s, stop_now)
        await backend.stop(go_away_ms=None if settings.drain_s else go_away_ms(backend.gateway.links))
        logger.info("stopped")


@contextlib.contextmanager
def _signals(reload: Callable[[], None]) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Yield what the first and the second signal to end set; SIGHUP reloads."""
    stop, stop_now = asyncio.Event(), asyncio.Event()

    def end() -> None:
        (stop_now if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    heard = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reload}
    for number, hear in heard.items():
        loop.add_signal_handler(number, hear)
    try:
        yield stop, stop_now
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


def _reload(context: ssl.SSLContext | None, files: tuple[Path, Path] | None) -> None:
    """Show the new certificate to whoever connects from now on; open links keep what they have."""
    if context is None or files is None:
        logger.info("nothing to reload: this server speaks no TLS")
        return
    try:
        tls.reload(context, files)
    except CertificateFilesError as error:
        logger.error("certificate not reloaded, the old one stays", extra={"detail": str(error)})
    else:
        logger.info("certificate reloaded")


def _listen(settings: Settings) -> list[socket.socket]:
    listeners = [listen(settings.host, settings.port)]
    if settings.admin.port is not None:
        try:
            listeners.append(listen(settings.admin.host, settings.admin.port, "admin.port"))
        except BaseException:
            listeners[0].close()
            raise
    return listeners


def _announce(settings: Settings, listeners: list[socket.socket], say: Callable[[str], None]) -> None:
    scheme = "http" if settings.certificate_files is None else "https"
    say(f"listening on {scheme}://{_address(listeners[0])}, data in {settings.data}")
    for listener in listeners[1:]:
        say(f"metrics at http://{_address(listener)}/metrics")
    if settings.production and not settings.sms.url:
        sys.stderr.write(NO_SMS)
        sys.stderr.flush()
    port = listeners[0].getsockname()[1]
    logger.info("listening", extra={"scheme": scheme, "port": port, "production": settings.production})


def _address(listener: socket.socket) -> str:
    """Return where a socket listens, as it stands in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _drained(backend: Backend, drain_s: float, stop_now: asyncio.Event) -> None:
    """Let the links leave, until they have, the time is up, or a second signal comes."""
    within_ms = min(go_away_ms(backend.gateway.links), round(drain_s * 1000))
    draining = asyncio.ensure_future(backend.drain(within_ms, drain_s))
    hurry = asyncio.ensure_future(stop_now.wait())
    await asyncio.wait({draining, hurry}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, hurry):
        task.cancel()
    await asyncio.gather(draining, hurry, return_exceptions=True)
