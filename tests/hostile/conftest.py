"""A real server on loopback, and a judge: after whatever a test did to it, an honest pair still talks."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onebar.core.frames import Accepted, Ack, CaughtUp, Deliver
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits
from tests.databases import databases_are_closed
from tests.mockserver.rawclient import Line, Phone, register, submit


@dataclass
class Pair:
    """Two honest phones with open links."""

    alice: Phone
    bob: Phone
    from_alice: Line
    to_bob: Line
    out_no: int = 0

    async def talk(self) -> None:
        """Send one more message; it is accepted and arrives."""
        self.out_no += 1
        text = b"message %d" % self.out_no
        await self.from_alice.send(submit(self.out_no, (self.bob.account, [(self.bob.device, text)])))
        assert await self.from_alice.until(Accepted) == Accepted(self.out_no)
        envelope = await self.to_bob.until(Deliver)
        assert (envelope.out_no, envelope.ciphertext) == (self.out_no, text)
        await self.to_bob.send(Ack(1, envelope.seq))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MockServer]:
    async with MockServer(tmp_path / "data", limits=ServerLimits(rates={})) as running:
        yield running


@pytest.fixture
async def enemy(server: MockServer) -> Phone:
    """Return a registered device: an enemy may have one."""
    return await register(server, "+4915112345679")


@pytest.fixture
async def pair(server: MockServer, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Pair]:
    """Open an honest pair's links before the test; afterwards both still work, and nothing in the server failed."""
    alice, bob = await register(server, "+4915112345671"), await register(server, "+4915112345672")
    talking = Pair(alice, bob, await alice.dial(), await bob.dial())
    await talking.from_alice.until(CaughtUp)
    await talking.to_bob.until(CaughtUp)
    await talking.talk()
    tasks = len(asyncio.all_tasks())
    yield talking
    await talking.talk()
    await talking.from_alice.close()
    await talking.to_bob.close()
    failed = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert not failed, failed
    assert len(asyncio.all_tasks()) <= tasks, "the server still works for a peer that is gone"


__all__ = ["databases_are_closed"]
