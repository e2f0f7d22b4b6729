"""`onebar-mockserver`: the backend in a terminal."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from onebar_mockserver.app import AddressError, Backend, listen
from onebar_mockserver.limits import GO_AWAY_MS
from onebar_mockserver.sqlite import DatabaseError
from onebar_mockserver.tls import CertificateFilesError, server_context

NO_SMS: Final = (
    "onebar-mockserver: WARNING: no SMS gateway is configured in this version: registration codes are not sent,"
    " and /dev/sms, which shows them, is off with --production. Only devices that are registered already can connect.\n"
)
"""Said on stderr at the start with --production: an operator must not find out from the users."""


def main() -> int:
    """Run the server until SIGTERM or SIGINT; return the process's exit code."""
    options = _options()
    logging.basicConfig(level=logging.WARNING, format="onebar-mockserver: %(levelname)s: %(message)s")
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(options))
    except (AddressError, CertificateFilesError, DatabaseError) as error:
        sys.stderr.write(f"onebar-mockserver: {error}\n")
        return 1
    except KeyboardInterrupt:  # a second Ctrl-C, while stopping
        return 130
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="onebar-mockserver", description="The Onebar backend.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8440, help="port; 0 picks a free one (default: %(default)s)")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("onebar-data"),
        metavar="DIR",
        help="database folder (default: ./%(default)s)",
    )
    parser.add_argument(
        "--production",
        action="store_true",
        help="turn the /dev/ pages off; this version has no SMS gateway, so nobody new can register then",
    )
    parser.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="speak TLS with this certificate and its chain, in PEM"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's private key, in PEM")
    options = parser.parse_args()
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together: give both or neither")
    return options


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port (0 to 65535)")
    return port


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tls = None if options.tls_cert is None else server_context((options.tls_cert, options.tls_key))
    listener = listen(options.host, options.port)
    try:
        backend = Backend(options.data, development=not options.production, tls=tls)
        await backend.start(listener)
    except BaseException:
        listener.close()
        raise
    host, port = listener.getsockname()[:2]
    scheme = "http" if tls is None else "https"
    sys.stdout.write(f"onebar-mockserver: listening on {scheme}://{host}:{port}, data in {options.data}\n")
    sys.stdout.flush()
    if options.production:
        sys.stderr.write(NO_SMS)
        sys.stderr.flush()
    await stop.wait()
    await backend.stop(go_away_ms=GO_AWAY_MS)


if __name__ == "__main__":
    sys.exit(main())
