"""The socket of a link: what the upgrade answers, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.exceptions import ConnectionClosed

from onebar.core import frames
from onebar.core.frames import CaughtUp, FlightWanted, Ping, Refused
from onebar_mockserver import MockServer, link_protocol
from onebar_mockserver.link_protocol import LinkProtocol
from tests.mockserver.rawclient import PATIENCE_S, Line, Phone, base64url

UPGRADE = (
    "GET /v1/link HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


@asynccontextmanager
async def raw(server: MockServer, sent: str) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent.encode())
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_header_line_that_is_too_long_is_answered(server: MockServer) -> None:
    async with raw(server, UPGRADE + f"Onebar-Flight: {'a' * 9000}\r\n\r\n") as reader:
        assert b" 431 " in await reader.readline()
        await reader.read()


async def test_the_longest_header_of_the_protocol_passes(server: MockServer) -> None:
    name = "Onebar-Flight"
    async with raw(server, UPGRADE + f"{name}: {'a' * (8000 - len(name))}\r\n\r\n") as reader:
        assert b" 101 " in await reader.readline()


async def test_no_upgrade_without_a_key(server: MockServer) -> None:
    async with raw(server, UPGRADE.replace("Sec-WebSocket-Key", "X") + "\r\n") as reader:
        assert b" 400 " in await reader.readline()
        await reader.read()


async def test_compression_is_off(alice: Phone) -> None:
    line = await alice.dial()
    assert line.websocket.response is not None
    assert "Sec-WebSocket-Extensions" not in line.websocket.response.headers
    await line.close()


async def test_a_stripped_flight_may_come_as_first_message(alice: Phone) -> None:
    line = await alice.dial(in_header=False)
    await line.until(CaughtUp)
    await line.close()


@pytest.mark.parametrize("header", ["", "!!!", base64url(bytes(10)), base64url(bytes(64) + b"\x90")])
async def test_a_header_that_is_no_flight(alice: Phone, header: str) -> None:
    line = await Line.open(alice.url, header)
    assert await line.take(Refused) == Refused("malformed")
    assert await line.closed() == 4001


async def test_a_first_message_that_is_no_flight(alice: Phone) -> None:
    line = await Line.open(alice.url, None)
    await line.take(FlightWanted)
    await line.send(Ping(1))
    assert await line.take(Refused) == Refused("malformed")
    assert await line.closed() == 4001


async def test_a_link_that_never_sends_its_flight_is_refused(alice: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_protocol, "FLIGHT_S", 0.05)
    line = await Line.open(alice.url, None)
    await line.take(FlightWanted)
    assert await line.take(Refused) == Refused("malformed")
    await line.closed()


async def test_text_is_a_protocol_error(alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    await line.websocket.send("text")
    assert await line.closed() == 1002


async def test_a_message_beyond_the_limit_costs_the_link(alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    await line.websocket.send(bytes(frames.MESSAGE_BYTES_MAX + 1))
    assert await line.closed() == 1009


async def test_a_fragmented_message_is_put_together(alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    message = frames.encode_message([Ping(77)])
    await line.websocket.send([message[:2], message[2:]])
    assert (await line.take(frames.Pong)).nonce == 77
    await line.close()


async def test_empty_fragments_take_no_memory(server: MockServer, alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    message = frames.encode_message([Ping(77)])
    held: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        yield message[:2]
        for _ in range(50):
            yield b""
        await (await line.websocket.ping())
        assert server._backend
        for socket in server._backend.gateway._sockets.values():
            assert isinstance(socket, LinkProtocol)
            held.append(len(socket._parts))
        yield message[2:]

    await line.websocket.send(parts())
    assert (await line.take(frames.Pong)).nonce == 77
    assert held == [1]
    await line.close()


@pytest.mark.slow
async def test_a_peer_that_does_not_read_is_closed(
    server: MockServer, alice: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_protocol, "WRITE_BUFFER_BYTES_MAX", 1000)
    line = await alice.dial()
    await line.until(CaughtUp)
    transport = line.websocket.transport
    transport.pause_reading()
    burst = frames.encode_message([Ping(2**62)] * 1000)

    async def flood() -> None:
        while True:
            await line.websocket.send(burst)
            await asyncio.sleep(0)

    with pytest.raises((ConnectionClosed, OSError)):
        async with asyncio.timeout(PATIENCE_S):
            await flood()
    transport.resume_reading()
    assert await line.closed() in (4002, 1006)


async def test_a_stopped_server_closes_with_going_away(server: MockServer, alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    await server.stop(go_away_ms=500)
    assert await line.closed() == 1001
    assert line.waiting == [frames.GoAway(500, "restart")]
