"""A request's head has a deadline, whatever comes before it on the connection."""

import asyncio
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from onebar_mockserver import MockServer, request_head
from tests.mockserver.attachment_server import serving
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


@pytest.mark.parametrize("whole", [b"GET /healthz", b"POST /v1/devices"])
async def test_the_rest_of_a_body_that_was_answered_already_has_a_deadline(
    server: MockServer, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    cut = asyncio.create_task(reader.read())
    async with asyncio.timeout(PATIENCE_S):
        monkeypatch.setattr(request_head, "BODY_S", 0.1)
        writer.write(whole + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + bytes(5000))
        while not cut.done():  # a byte now and then ends uvicorn's keep-alive
            writer.write(b"x")
            await asyncio.wait({cut}, timeout=0.02)
    assert cut.exception() is not None or cut.result().startswith(b"HTTP/1.1 ")
    writer.close()


async def test_who_takes_nothing_of_an_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_head, "STALLED_S", 0.1)
    ended = asyncio.Event()

    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the request
        disconnected = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not disconnected.done():
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        ended.set()

    async with serving(cast("Starlette", endless)) as url, asyncio.timeout(PATIENCE_S):
        _reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port, limit=1)
        writer.write(HEALTH)
        await ended.wait()
        writer.close()
