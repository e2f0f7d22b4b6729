"""Clients that mean no good: floods, slow readers, slow writers, garbage, and connections that are left open."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from websockets.exceptions import ConnectionClosed

from onebar.core import frames
from onebar.core.frames import Ack, ClientFrame, Ping
from tests.hostile.sockets import UPGRADE, Bare
from tests.mockserver.rawclient import Phone, base64url, submit, to

FLOOD_MESSAGES: Final = 400
"""Messages of one flood: about a megabyte, more than the server lets wait for one link."""

HELD_S: Final = 3.0
"""How long a bad client keeps its connection: long against a message, short against the soak."""

ADDRESSES: Final = [f"127.0.0.{number}" for number in range(2, 12)]
"""Where bad clients come from: what is refused to their addresses is not refused to the honest ones."""


@dataclass
class Abuse:
    """One server, and what is done to it."""

    port: int
    dice: random.Random
    flooder: Phone
    feeder: Phone
    victim: Phone
    """A device that reads slowly; the feeder fills its mailbox."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each was done."""

    async def run(self, stop: asyncio.Event) -> None:
        """Do everything again and again, side by side, until told to stop."""
        await asyncio.gather(*[self._repeat(attack, stop) for attack in ATTACKS])

    async def _repeat(self, attack: Callable[["Abuse"], Awaitable[None]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await attack(self)
            self.done[getattr(attack, "__name__", "")] += 1
            await asyncio.sleep(self.dice.uniform(0, 0.5))

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Bare]:
        """Connect from one of the bad addresses; cut the connection in the end."""
        source = (self.dice.choice(ADDRESSES), 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=source)
        try:
            yield Bare(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def linked(self, phone: Phone) -> AsyncIterator[Bare]:
        """Open a link as a device that is known, and read nothing beyond the answer's first line."""
        flight = base64url(phone.flight(phone.hello(cursor=0)))
        async with self.connected() as line:
            head = UPGRADE.replace(b"Host: localhost", f"Host: {phone.host}".encode())
            line.writer.write(head + f"Onebar-Flight: {flight}\r\n\r\n".encode())
            if b" 101 " not in await line.line():
                raise ConnectionRefusedError
            yield line


Attack = Callable[[Abuse], Awaitable[None]]


def masked(payload: bytes) -> bytes:
    """Return a client's binary message with a mask of zeros."""
    assert 126 <= len(payload) < 65536
    return b"\x82\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


async def slow_head(abuse: Abuse) -> None:
    """A request whose head comes byte by byte and never ends."""
    async with abuse.connected() as line:
        line.writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        for _ in range(int(HELD_S / 0.1)):
            await line.pour(b"a")
            await asyncio.sleep(0.1)


async def half_open(abuse: Abuse) -> None:
    """Twenty upgrades whose flight never comes."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            line = await stack.enter_async_context(abuse.connected())
            line.writer.write(UPGRADE + b"\r\n")
        await asyncio.sleep(HELD_S)


async def garbage(abuse: Abuse) -> None:
    """Random bytes, at once and after an upgrade."""
    for head in (b"", UPGRADE + b"\r\n"):
        async with abuse.connected() as line:
            await line.pour(head + abuse.dice.randbytes(5000))
            await line.rest()


async def requests(abuse: Abuse) -> None:
    """Requests that are refused, and one whose body is too long."""
    for body in (b"{}", b'{"phone": 1}', b"[" * 3000, b"a" * 100_000):
        async with abuse.connected() as line:
            head = f"POST /v1/codes HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            await line.pour(head.encode() + body)
            await line.rest()


async def flood(abuse: Abuse) -> None:
    """A device that sends as fast as it can and reads nothing: pings, numbers out of order, cursors from nowhere."""
    frames_of: dict[str, list[ClientFrame]] = {
        "pings": [Ping(number) for number in range(200)],
        "numbers": [submit(abuse.dice.randrange(1 << 40), to(abuse.victim, b"x" * 100)) for _ in range(50)],
        "cursors": [Ack(1, 1 << 40), *(Ping(number) for number in range(100))],
    }
    message = masked(frames.encode_message(frames_of[abuse.dice.choice(list(frames_of))]))
    async with abuse.linked(abuse.flooder) as line:
        await line.pour(message, FLOOD_MESSAGES)


async def slow_reader(abuse: Abuse) -> None:
    """A device whose mailbox is full, and that takes its mail a kilobyte at a time."""
    async with abuse.linked(abuse.victim) as line:
        for _ in range(int(HELD_S / 0.2)):
            await line.reader.read(1024)
            await asyncio.sleep(0.2)


async def filler(abuse: Abuse) -> None:
    """What fills that mailbox: long messages, each with its number, until the server has no more room."""
    line = await abuse.feeder.dial()
    try:
        place = await line.take(frames.Welcome)
        for number in range(place.mark + 1, place.mark + 20):
            await line.send(submit(number, to(abuse.victim, abuse.dice.randbytes(8000)), floor=place.mark))
        mark = place.mark
        while mark < place.mark + 19:
            mark = (await line.until(frames.Accepted)).mark
    except ConnectionClosed:
        pass
    finally:
        line.websocket.transport.abort()


ATTACKS: Final[tuple[Attack, ...]] = (slow_head, half_open, garbage, requests, flood, slow_reader, filler)
"""Everything that is done."""
