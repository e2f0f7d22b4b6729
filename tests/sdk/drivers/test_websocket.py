"""One link against a WebSocket server on loopback that behaves in every way."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from onebar.core.frames import MESSAGE_BYTES_MAX
from onebar.core.turn import LinkConnected, LinkInput, LinkLost, MessageArrived
from onebar.drivers import websocket
from onebar.drivers.address import Address
from onebar.drivers.websocket import WebSocketLink
from tests.sdk.drivers.loopback import NOWHERE, PATIENCE_S, serving

FLIGHT = b"\xfb\xff flight"
LINK_NO = 7


class Ear:
    """Hears what a link says, as the driver's queue would."""

    def __init__(self) -> None:
        self.heard: list[LinkInput] = []
        self._news = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()

    async def hear(self, item: LinkInput) -> None:
        self.heard.append(item)
        self._news.set()
        await self.room.wait()

    async def count(self, count: int) -> list[LinkInput]:
        """Wait until as much was said."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard


@asynccontextmanager
async def dialled(address: Address) -> AsyncIterator[tuple[WebSocketLink, Ear]]:
    ear = Ear()
    link = WebSocketLink(LINK_NO, address, FLIGHT, ear.hear)
    try:
        yield link, ear
    finally:
        link.task.cancel()
        await asyncio.wait([link.task])
    assert link.task.cancelled() or link.task.exception() is None


async def is_lost(address: Address, why: str, *, connected: bool = True, portal: bool = False) -> None:
    """Dial, and see the link end for this reason, said once."""
    async with dialled(address) as (link, ear):
        async with asyncio.timeout(PATIENCE_S):
            await link.task
        first: list[LinkInput] = [LinkConnected(LINK_NO)] if connected else []
        assert ear.heard == [*first, LinkLost(LINK_NO, why, portal)]


async def test_flight_travels_in_the_upgrade_request() -> None:
    requests: list[Request] = []

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        requests.append(connection.request)
        await connection.wait_closed()

    async with serving(handler) as address, dialled(address) as (_, ear):
        assert await ear.count(1) == [LinkConnected(LINK_NO)]
        headers = requests[0].headers
        flight = headers["Onebar-Flight"]
        assert base64.urlsafe_b64decode(flight + "=" * (-len(flight) % 4)) == FLIGHT
        assert "=" not in flight
        assert headers["Host"] == address.host
        assert "Sec-WebSocket-Extensions" not in headers
        assert requests[0].path == "/v1/link"


async def test_transmits_keep_their_order_and_stay_apart_also_before_the_upgrade_is_answered() -> None:
    got: list[bytes | str] = []

    async def handler(connection: ServerConnection) -> None:
        got.extend([await connection.recv() for _ in range(200)])
        await connection.send(b"all")
        await connection.wait_closed()

    async with serving(handler) as address, dialled(address) as (link, ear):
        for number in range(100):
            link.transmit(b"%d" % number)
        await ear.count(1)
        for number in range(100, 200):
            link.transmit(b"%d" % number)
        assert await ear.count(2) == [LinkConnected(LINK_NO), MessageArrived(LINK_NO, b"all")]
    assert got == [b"%d" % number for number in range(200)]


async def test_a_listener_without_room_holds_the_link_up() -> None:
    sent = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        for number in range(3):
            await connection.send(b"%d" % number)
        sent.set()
        await connection.wait_closed()

    async with serving(handler) as address, dialled(address) as (_, ear):
        ear.room.clear()
        async with asyncio.timeout(PATIENCE_S):
            await sent.wait()
        assert await ear.count(1) == [LinkConnected(LINK_NO)], "it waits for the room, whatever has come"
        ear.room.set()
        assert await ear.count(4) == [LinkConnected(LINK_NO), *(MessageArrived(LINK_NO, b"%d" % n) for n in range(3))]


async def test_hang_up_is_abrupt_and_silent() -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        await connection.send(b"one")
        await connection.wait_closed()
        codes.put_nowait(connection.close_code)

    async with serving(handler) as address, dialled(address) as (link, ear):
        await ear.count(2)
        link.task.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([link.task])
            assert await codes.get() == 1006, "no closing handshake"
        link.transmit(b"too late")
        assert ear.heard == [LinkConnected(LINK_NO), MessageArrived(LINK_NO, b"one")]
        assert not [task for task in asyncio.all_tasks() if task.get_name() == f"onebar link {LINK_NO}"]


async def test_server_closes() -> None:
    async with serving(lambda c: c.close(4001)) as address:
        await is_lost(address, "the server closed the connection, code 4001")


async def test_network_cuts() -> None:
    async with serving(lambda c: c.transport.abort()) as address:
        await is_lost(address, "the connection was cut")


async def test_server_sends_text() -> None:
    async with serving(lambda c: c.send("hello")) as address:
        await is_lost(address, "the server sent text")


async def test_the_longest_message_is_heard_and_a_longer_one_costs_the_link() -> None:
    longest = bytes(MESSAGE_BYTES_MAX)

    async def handler(connection: ServerConnection) -> None:
        await connection.send(longest)
        await connection.send(longest + b"!")
        await connection.wait_closed()

    async with serving(handler) as address, dialled(address) as (_, ear):
        *before, last = await ear.count(3)
        assert before == [LinkConnected(LINK_NO), MessageArrived(LINK_NO, longest)]
        assert isinstance(last, LinkLost)


@pytest.mark.parametrize(
    ("status", "kind", "portal"),
    [
        (302, "", True),
        (511, "application/json", True),
        (200, "text/html; charset=utf-8", True),
        (403, "text/html", True),
        (403, "application/json", False),
        (502, "text/html", False),
        (503, "", False),
    ],
)
async def test_upgrade_is_refused_by_the_server_or_by_a_login_page(status: int, kind: str, portal: bool) -> None:
    """And a redirect is not followed: what the flight says is the server's business."""
    asked = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        response = connection.respond(status, "log in")
        del response.headers["Content-Type"]
        response.headers.update({"Location": "/login", "Content-Type": kind})
        return response

    async with serving(lambda c: c.close(), refuse) as address:
        why = "this network wants you to sign in first: open any page in a browser"
        await is_lost(address, why if portal else f"the server answered HTTP {status}", connected=False, portal=portal)
    assert asked == ["/v1/link"]


async def test_a_box_that_lets_no_websocket_through() -> None:
    def strip(connection: ServerConnection, request: Request) -> Response:
        return Response(101, "Switching Protocols", Headers())

    async with serving(lambda c: c.close(), strip) as address:
        await is_lost(address, "something between here and the server lets no WebSocket through", connected=False)


async def test_nobody_there() -> None:
    await is_lost(NOWHERE, "nobody answers at the server's address: is it running?", connected=False)


async def test_a_defect_in_the_dial_is_logged_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def defect(address: Address, flight: bytes, again_s: float) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(websocket, "dial", defect)
    await is_lost(NOWHERE, "KeyError", connected=False)
    assert f"link {LINK_NO} failed" in caplog.text


async def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(lambda c: c.wait_closed()) as address, dialled(address) as (_, ear):
        assert await ear.count(1) == [LinkConnected(LINK_NO)]


async def test_a_slow_reader_costs_its_link_when_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "WAITING_BYTES_MAX", 100_000)
    ended = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await ended.wait()
        connection.transport.abort()

    async with serving(handler) as address, dialled(address) as (link, ear):
        await ear.count(1)
        link.transmit(bytes(100_000))  # as much as may wait
        assert not link.task.done()
        link.transmit(b"!")
        assert await ear.count(2) == [LinkConnected(LINK_NO), LinkLost(LINK_NO, "the connection was cut")]
        ended.set()


async def test_what_the_network_took_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "WAITING_BYTES_MAX", 1000)

    async def handler(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serving(handler) as address, dialled(address) as (link, ear):
        await ear.count(1)
        for number in range(5):
            link.transmit(bytes(900))
            assert (await ear.count(number + 2))[-1] == MessageArrived(LINK_NO, bytes(900))
