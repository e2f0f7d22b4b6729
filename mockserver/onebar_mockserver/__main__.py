"""`onebar-mockserver`: the backend in a terminal, and what keeps its data."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from onebar_mockserver.app import AddressError
from onebar_mockserver.backup import BackupError, backup, restore
from onebar_mockserver.checking import check
from onebar_mockserver.config import ConfigError, Settings, load
from onebar_mockserver.serving import serve
from onebar_mockserver.sqlite import DatabaseError
from onebar_mockserver.tls import CertificateFilesError

_FLAGS: Final = {
    "host": "address to listen on (default: 127.0.0.1)",
    "port": "port; 0 picks a free one (default: 8440)",
    "data": "database folder (default: ./onebar-data)",
    "tls-cert": "speak TLS with this certificate and its chain, in PEM",
    "tls-key": "the certificate's private key, in PEM",
}
_STDIN_BYTES: Final = 4096  # read and dropped at a time
_KEYS: Final = {"tls-cert": "tls.certificate", "tls-key": "tls.key"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until SIGTERM or SIGINT, or one of the commands; return the process's exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "backup":
                return _said(backup(options.data_folder, options.copy))
            case "restore":
                return _said(restore(options.copy, options.data_folder))
            case "check":
                return _checked(options.data_folder)
            case _:
                settings = load(options.config, os.environ, _given(options))
                if options.while_stdin:
                    threading.Thread(target=_stop_with_stdin, name="stdin", daemon=True).start()
                return _serve(settings)
    except ConfigError as error:
        sys.stderr.write(f"onebar-mockserver: {error}\n")
        return 2
    except (AddressError, BackupError, CertificateFilesError, DatabaseError) as error:
        sys.stderr.write(f"onebar-mockserver: {error}\n")
        return 1
    except PermissionError as error:
        sys.stderr.write(f"onebar-mockserver: {error.filename}: {error.strerror}; run this as the server's user\n")
        return 1
    except KeyboardInterrupt:  # a second Ctrl-C, while stopping
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onebar-mockserver",
        description="The Onebar backend. Without a command it serves.",
        epilog="Each setting can stand in the file of --config, or in the environment; docs/operations.md lists them.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML")
    for name, text in _FLAGS.items():
        parser.add_argument(f"--{name}", help=text)
    parser.add_argument(
        "--while-stdin", action="store_true", help="stop when standard input ends: whoever started this is gone"
    )
    parser.add_argument("--production", action="store_true", default=None, help="turn the /dev/ pages off")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add_data(command: argparse.ArgumentParser) -> None:
        command.add_argument("data_folder", type=Path, metavar="DATA", help="the folder that --data names")

    one = commands.add_parser("backup", help="copy the data of a server, which may be running")
    add_data(one)
    one.add_argument("copy", type=Path, metavar="DEST", help="a folder that does not exist yet")
    one = commands.add_parser("restore", help="make a data folder of a backup")
    one.add_argument("copy", type=Path, metavar="BACKUP", help="a folder that backup made")
    add_data(one)
    one = commands.add_parser("check", help="verify a data folder or a backup; exit code 1 if something is wrong")
    add_data(one)
    return parser


def _given(options: argparse.Namespace) -> dict[str, object]:
    """Return the flags that were given, under the keys that they have in the file."""
    values = vars(options)
    names = (*_FLAGS, "production")
    given = {_KEYS.get(name, name): values[name.replace("-", "_")] for name in names}
    return {key: value for key, value in given.items() if value is not None}


def _serve(settings: Settings) -> int:
    from onebar_mockserver import logs  # structlog takes 80 ms to import, which backup and check need not wait for

    logs.configure(settings.log, production=settings.production)
    os.umask(0o077)  # mail and phone numbers are nobody else's business, even in a folder that others may read
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings))
    return 0


def _stop_with_stdin() -> None:
    """Stop as by SIGTERM when standard input ends; what comes there until then means nothing."""
    while os.read(0, _STDIN_BYTES):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def _said(line: str) -> int:
    sys.stdout.write(f"onebar-mockserver: {line}\n")
    return 0


def _checked(folder: Path) -> int:
    found = check(folder)
    for problem in found.problems:
        sys.stdout.write(f"wrong: {problem}\n")
    counts = " ".join(f"{name}={count}" for name, count in found.counts.items())
    sys.stdout.write(f"check: {counts} problems={len(found.problems)}\n")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
