"""Real clients for the benches: registered, and waited for until their link is open."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.report import ROOT, BenchError
from onebar import Client
from onebar.models import Reach
from onebar_mockserver import MockServer

ALICE: Final = "+12025550101"
BOB: Final = "+12025550102"

PATIENCE_S: Final = 20.0
"""Longest wait for what takes milliseconds: after it, the bench has failed."""

LOOK_S: Final = 0.002
"""Pause between two looks at a link."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder on the project's own disk: the system's folder for temporary files may be in memory."""
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def registered(client: Client, server: MockServer, phone: str) -> None:
    """Register an opened client and wait until its link is open."""
    await client.register(phone, code=lambda: server.sms(phone))
    await reached(client, Reach.OPEN)


async def reached(client: Client, *states: Reach) -> None:
    """Wait until the connection is in one of these states.

    Raises:
        BenchError: It takes too long.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while client.link.state not in states:
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise BenchError(f"a link is {client.link.state} after {PATIENCE_S:.0f} s ({client.link.reason})") from error
