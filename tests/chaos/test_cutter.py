import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.cutter import Cutter

# Generous for a loopback connection; only a hang reaches it.
PATIENCE_S = 10.0


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while block := await reader.read(1024):
                writer.write(block)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def cutter(echo_port: int) -> AsyncIterator[Cutter]:
    cutter = Cutter(lambda: echo_port)
    await cutter.start()
    yield cutter
    await cutter.close()


async def said(cutter: Cutter, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", cutter.port)
    writer.write(text)
    assert await asyncio.wait_for(reader.readexactly(len(text)), PATIENCE_S) == text
    return reader, writer


async def test_forwards_both_ways(cutter: Cutter) -> None:
    reader, writer = await said(cutter, b"hello")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()


async def test_reset_ends_a_connection_and_refuses_for_a_moment(cutter: Cutter) -> None:
    reader, writer = await said(cutter, b"hello")
    cutter.cut("reset", pause_s=PATIENCE_S)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), PATIENCE_S)
    writer.close()
    with pytest.raises(ConnectionResetError):
        await said(cutter, b"hello")


async def test_silence_swallows_and_then_resets(cutter: Cutter) -> None:
    reader, writer = await said(cutter, b"hello")
    cutter.cut("silence", pause_s=0.1)
    writer.write(b"lost")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.readexactly(4), PATIENCE_S)
    writer.close()


async def test_a_target_that_is_down_resets(echo_port: int) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    free_port = listener.sockets[0].getsockname()[1]
    listener.close()
    ports = [free_port, echo_port]
    cutter = Cutter(lambda: ports.pop(0))
    await cutter.start()
    with pytest.raises(ConnectionResetError):
        await said(cutter, b"hello")
    _, writer = await said(cutter, b"hello")
    writer.close()
    await cutter.close()
