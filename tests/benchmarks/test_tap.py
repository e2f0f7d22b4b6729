import asyncio
import contextlib

import pytest
from benchmarks.tap import LINK_REQUEST, Tap


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1000):
            writer.write(data)
    writer.close()


async def test_every_byte_is_kept_and_a_long_way_takes_its_time() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Tap(server.sockets[0].getsockname()[1]) as tap:
        tap.one_way_s = 0.05
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        started_s = asyncio.get_running_loop().time()
        writer.write(LINK_REQUEST)
        assert await reader.readexactly(len(LINK_REQUEST)) == LINK_REQUEST
        assert asyncio.get_running_loop().time() - started_s >= 2 * tap.one_way_s
        assert (bytes(tap.link.up), bytes(tap.link.down)) == (LINK_REQUEST, LINK_REQUEST)
        tap.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_tap_can_refuse() -> None:
    async with Tap(9) as tap:
        tap.refusing = True
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert tap.tapped == []
        writer.close()
