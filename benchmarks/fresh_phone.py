"""A phone in a process of its own: says when its queued message was acknowledged, or how much memory it takes idle.

`acked DATABASE URL PHONE KEY TEXT` prints the moment, in seconds of the monotonic clock; `idle DATABASE URL` prints
bytes of resident memory.
"""

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

from onebar import Client
from onebar.models import Reach

PATIENCE_S = 20.0
"""Longest wait for the server."""

SETTLE_S = 0.3
"""What comes after the Welcome is handled in this time."""


async def acked(database: str, url: str, phone: str, key: str, text: str) -> float:
    """Open the database, find the message by its key, and wait until the server has it."""
    async with Client.open(database, server=url) as client:
        message = await client.chat(phone).send(text, key=key)
        await message.sent(PATIENCE_S)
        return time.monotonic()


async def idle(database: str, url: str) -> float:
    """Resume, do nothing, and look at the resident memory."""
    async with Client.open(database, server=url) as client:
        async with asyncio.timeout(PATIENCE_S):
            while client.link.state is not Reach.OPEN:
                await asyncio.sleep(0.01)
        await asyncio.sleep(SETTLE_S)
        gc.collect()
        return resident_bytes()


def resident_bytes() -> float:
    """Return this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


if __name__ == "__main__":
    run = {"acked": acked, "idle": idle}[sys.argv[1]]
    print(asyncio.run(run(*sys.argv[2:])))  # type: ignore[operator]
