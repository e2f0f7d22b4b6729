"""A request's head has a deadline, whatever comes before it on the connection."""

import asyncio

import pytest

from onebar_mockserver import MockServer, request_head
from tests.mockserver.rawclient import PATIENCE_S

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(("before", "part"), [(b"", b""), (b"", b"GET /hea"), (HEALTH, b"GET /hea")])
async def test_an_unfinished_head_is_cut(
    server: MockServer, monkeypatch: pytest.MonkeyPatch, before: bytes, part: bytes
) -> None:
    monkeypatch.setattr(request_head, "HEAD_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(PATIENCE_S):
        if before:
            writer.write(before)
            assert b"200" in await reader.readline()
            await reader.readuntil(b'{"status":"ok"}')
        writer.write(part)
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            reader.feed_eof()
    writer.close()


async def test_a_finished_head_stops_the_clock(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_head, "HEAD_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            writer.write(HEALTH)
            await reader.readuntil(b'{"status":"ok"}')
    writer.close()
    await writer.wait_closed()
