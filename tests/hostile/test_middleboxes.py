"""Boxes on the way that strip the first flight's header, repeat the upgrade, or cut the request in pieces (R7, R15)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onebar import Client
from onebar.core.resume import FLIGHT_HEADER
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, HASTY, PATIENCE_S


class Middlebox:
    """A TCP proxy that treats the head of each upgrade in a way of its own, and lets everything else pass."""

    def __init__(self, server: MockServer, treatment: str) -> None:
        self.port, self.treatment, self.upgrades = server.port, treatment, 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Middlebox"]:
        listener = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        host, port = listener.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            listener.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
            if b"/v1/link" in head:
                self.upgrades += 1
                await self._treat(head, up_writer)
            else:
                up_writer.write(head)
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side went away: a box just forgets the connection
        finally:
            writer.close()

    async def _treat(self, head: bytes, up_writer: asyncio.StreamWriter) -> None:
        if self.treatment == "strips":
            lines = head.split(b"\r\n")
            head = b"\r\n".join(line for line in lines if not line.lower().startswith(FLIGHT_HEADER.lower().encode()))
        elif self.treatment == "repeats":
            again_reader, again_writer = await asyncio.open_connection("127.0.0.1", self.port)
            again_writer.write(head)
            async with asyncio.timeout(PATIENCE_S):
                await again_reader.readuntil(b"\r\n\r\n")
            self._tasks.add(asyncio.create_task(_pump(again_reader, again_writer)))
        for start in range(0, len(head), 7 if self.treatment == "slices" else len(head)):
            up_writer.write(head[start : start + 7] if self.treatment == "slices" else head)
            await up_writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the other side is gone
    finally:
        writer.close()


@pytest.mark.parametrize("treatment", ["strips", "repeats", "slices"])
async def test_messages_get_through_a_middlebox_that(tmp_path: Path, server: MockServer, treatment: str) -> None:
    async with (
        Middlebox(server, treatment).running() as box,
        Client.open(tmp_path / "alice.db", server=box.url, config=HASTY) as alice,
        Client.open(tmp_path / "bob.db", server=server.url, config=HASTY) as bob,
    ):
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        await bob.register(BOB, code=lambda: server.sms(BOB))
        for number in range(3):
            message = await alice.chat(BOB).send(f"{number}")
            await message.delivered(timeout_s=PATIENCE_S)
            server.drop_links()
        reply = await bob.chat(ALICE).send("and back")
        await reply.delivered(timeout_s=PATIENCE_S)
        assert [message.text for message in await bob.chat(ALICE).history()] == ["0", "1", "2", "and back"]
        assert box.upgrades >= 3
