"""While each of them is at it, an honest pair's messages get through, and the server's memory stays where it is."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from onebar.core import frames
from onebar.core.frames import Ping
from onebar.core.questions import FindPhone
from onebar_mockserver import MockServer
from tests.hostile.conftest import Pair
from tests.hostile.sockets import BLOCK, UPGRADE, bare
from tests.mockserver.rawclient import PATIENCE_S, Phone, register, request, submit, to

GROWTH_KB_MAX = 48 * 1024
ROUNDS = 4


def peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.fixture
async def server() -> AsyncIterator[MockServer]:
    """Start a server with the rates that are in force."""
    async with MockServer() as running:
        yield running


Attack = Callable[[MockServer, Phone, asyncio.Event], Coroutine[Any, Any, None]]


async def slow_loris(server: MockServer, enemy: Phone, stop: asyncio.Event) -> None:
    """Hold two hundred connections by a byte now and then."""
    async with contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(bare(server.port)) for _ in range(200)]
        for place in range(len(UPGRADE)):
            for peer in peers:
                peer.writer.write(UPGRADE[place : place + 1])
            await asyncio.sleep(0)
            if stop.is_set():
                return
        await stop.wait()


async def half_open(server: MockServer, enemy: Phone, stop: asyncio.Event) -> None:
    """Open link after link, and never bring the flight."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(200):
            peer = await stack.enter_async_context(bare(server.port))
            await peer.pour(UPGRADE + b"\r\n")
        await stop.wait()


async def oversized(server: MockServer, enemy: Phone, stop: asyncio.Event) -> None:
    """Announce a message of 2^40 bytes on a link, and send as much of it as is read."""
    while not stop.is_set():
        async with bare(server.port) as peer:
            await peer.pour(UPGRADE + b"\r\n\x82\xff" + (2**40).to_bytes(8, "big") + b"mask")
            await peer.pour(BLOCK, 16)


async def flood_of_pings(server: MockServer, enemy: Phone, stop: asyncio.Event) -> None:
    """Ask, as fast as the socket takes it, and never read an answer."""
    message = frames.encode_message([Ping(1)] * frames.FRAMES_MAX)
    while not stop.is_set():
        line = await enemy.dial()
        with contextlib.suppress(ConnectionClosed, TimeoutError):  # too slow, says the server; or it does not read on
            while not stop.is_set():
                async with asyncio.timeout(0.2):
                    await line.websocket.send(message)
        line.websocket.transport.abort()


async def flood_of_mail(server: MockServer, enemy: Phone, stop: asyncio.Event) -> None:
    """Send mail faster than the rate, again and again, until it was put off at least once."""
    victim = await register(server, "+4915112345673")
    line = await enemy.dial()
    out_no = 1
    while not (stop.is_set() and server.refused["messages"]):
        await line.send(*(submit(out_no + ahead, to(victim, b"x" * 1000)) for ahead in range(50)), Ping(out_no))
        while not isinstance(frame := await line.next(), frames.Pong):
            out_no = frame.mark + 1 if isinstance(frame, frames.Accepted) else out_no
    await line.close()


async def flood_of_questions(server: MockServer, enemy: Phone, stop: asyncio.Event) -> None:
    """Look up one number after the other."""
    line = await enemy.dial()
    errors: set[str] = set()
    while not stop.is_set():
        await line.send(*(request(no, FindPhone(f"+4915112{no:06}")) for no in range(100)))
        for _ in range(100):
            errors.add((await line.until(frames.Response)).error)
    assert errors <= {"no_account", "rate_limited"}
    await line.close()


ATTACKS: tuple[Attack, ...] = (slow_loris, half_open, oversized, flood_of_pings, flood_of_mail, flood_of_questions)


async def test_an_honest_pair_talks_on(server: MockServer, pair: Pair, enemy: Phone) -> None:
    before_kb = peak_kb()
    for attack in ATTACKS:
        stop = asyncio.Event()
        running: asyncio.Future[None] = asyncio.ensure_future(attack(server, enemy, stop))
        for _ in range(ROUNDS):
            await asyncio.wait_for(pair.talk(), PATIENCE_S)
            assert not running.done(), running
        stop.set()
        await asyncio.wait_for(running, PATIENCE_S)
        assert peak_kb() - before_kb < GROWTH_KB_MAX, attack
    assert server.refused["messages"] > 0
