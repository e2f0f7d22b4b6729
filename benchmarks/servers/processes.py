"""The peers' servers as child processes, on the server's CPU, with all their processes counted."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.measured_server import SERVER_CPU, STOP_S, MeasuredServer
from benchmarks.report import BenchError
from benchmarks.weak.children import LOG_CHARS, LOOK_S, START_S


@contextmanager
def serving(
    command: Sequence[str], port: int, folder: Path, *, pin: bool, more: Mapping[str, str] | None = None
) -> Iterator[MeasuredServer]:
    """Run a server until the block ends; gives it once somebody listens on the port.

    Raises:
        BenchError: It does not start, or ended by itself; the text quotes its last words.
    """
    pinning = ["taskset", "-c", str(SERVER_CPU)] if pin else []
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*pinning, *command],
            cwd=folder,
            env={**os.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_listener(process, port, log)
        yield MeasuredServer(port, process.pid)
        if process.poll() is not None:
            raise BenchError(f"{command[0]} ended by itself with exit code {process.returncode}: {_last_words(log)}")
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise BenchError(f"a server ended at its start with exit code {process.returncode}: {_last_words(log)}")
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(LOOK_S)
    raise BenchError(f"a server does not listen after {START_S:.0f} s: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARS:].strip()


def find_binary(name: str) -> str:
    """Return where a program is; Debian puts servers where only root's path looks. Empty: it is not there."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or ""
