"""The peers' servers: child processes on loopback, started with a file of settings and ended by their process id."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.report import ROOT, BenchError

START_S: Final = 20.0
"""Longest start of a server: Erlang takes three seconds on a busy machine."""

STOP_S: Final = 10.0
"""Longest end, before the process is killed."""

LOOK_S: Final = 0.05
"""Pause between two looks at a port."""

LOG_CHARS: Final = 800
"""How much of a server's last words a complaint quotes."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running(name: str, command: Sequence[str], port: int, folder: Path) -> AsyncIterator[int]:
    """Run a server until the block ends; gives the port, once somebody listens there.

    Raises:
        BenchError: It does not start, or ended by itself; the text quotes its last words.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        await _listening(name, process, port, log)
        yield port
        if process.returncode is not None:
            raise BenchError(f"{name} ended by itself with exit code {process.returncode}: {_last_words(log)}")
    finally:
        await _end(process)


async def _listening(name: str, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(START_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise BenchError(f"{name} does not listen after {START_S:.0f} s: {_last_words(log)}") from None
    raise BenchError(f"{name} ended at its start with exit code {process.returncode}: {_last_words(log)}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARS:].strip()


def install(packages: Sequence[str]) -> bool:
    """Install Debian packages if this is root's machine with apt-get; return whether that was done.

    Raises:
        BenchError: apt-get failed.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", *packages]):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(command)} failed: {done.stderr[-LOG_CHARS:].strip()}")
    return True
