"""`onebar send --file`, killed in the middle of an upload, and `onebar save`: real processes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from onebar import cli
from onebar.client import Client
from onebar.events import AttachmentReceived, ChatRequested
from tests.sdk.test_cli_processes import BOB, PATIENCE_S, World, world

__all__ = ["world"]  # the fixture

FILE_BYTES = 1_500_000
ENOUGH_BYTES = 400_000


@asynccontextmanager
async def counting_way(port: int) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A way to the server of this machine that says when enough has gone up."""
    enough, passed = asyncio.Event(), 0

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        nonlocal passed
        with contextlib.suppress(ConnectionError):  # a side that was killed ends the other
            while data := await reader.read(4096):
                passed += len(data) if up else 0
                if passed > ENOUGH_BYTES:
                    enough.set()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, back, up=True), carry(there, writer, up=False))
        over.append(asyncio.gather(back.wait_closed(), writer.wait_closed(), return_exceptions=True))

    over: list[asyncio.Future[Any]] = []
    taken: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.add(asyncio.create_task(take(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", enough
    await asyncio.gather(*taken)
    await asyncio.gather(*over)


async def arrived(bob: Client) -> int:
    async with asyncio.timeout(PATIENCE_S):
        async for event in bob.events():
            if isinstance(event, ChatRequested):
                await bob.chat(event.chat).accept()  # what a stranger sends does not come by itself
            if isinstance(event, AttachmentReceived):
                return event.message_no
    raise AssertionError("the events ended")


@pytest.mark.process
async def test_a_file_whose_sender_was_killed_goes_on_where_it_stopped(world: World) -> None:
    report, data = world.home / "report.bin", os.urandom(FILE_BYTES)
    report.write_bytes(data)
    async with counting_way(world.server.port) as (url, enough):
        sender = await world.start("send", BOB, "look", "--file", str(report), "--server", url)
        await asyncio.wait_for(enough.wait(), PATIENCE_S)
        sender.kill()
        await sender.communicate()
    report.unlink()  # it was sealed before: nobody needs it any more
    async with world.listening():
        message_no = await arrived(world.bob)
    assert await world.bob.file(message_no).read() == data
    assert (await world.run("save", "1", str(report))).code == cli.ExitCode.OK
    assert report.read_bytes() == data
    (sent,) = (await world.run("history", BOB, "--json")).records()
    assert (sent["text"], sent["attachment"]["state"], sent["attachment"]["name"]) == ("look", "done", "report.bin")
