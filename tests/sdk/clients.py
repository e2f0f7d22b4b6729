"""Clients that talk to a real backend, and what a test asks of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from onebar import Client, Config, Event, MessageReceived
from onebar.drivers.stream import EventStream
from onebar_mockserver import MockServer

ALICE, BOB, CAROL = "+12025550101", "+12025550102", "+12025550103"
PATIENCE_S = 15.0
HASTY = Config(backoff_s_min=0.02, backoff_s_max=0.1)
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody there


@asynccontextmanager
async def registered(path: Path, phone: str, server: MockServer, config: Config = HASTY) -> AsyncIterator[Client]:
    async with Client.open(path, server=server.url, config=config) as client:
        await client.register(phone, code=lambda: server.sms(phone))
        yield client


@asynccontextmanager
async def pair(folder: Path, server: MockServer) -> AsyncIterator[tuple[Client, Client]]:
    async with (
        registered(folder / "alice.db", ALICE, server) as alice,
        registered(folder / "bob.db", BOB, server) as bob,
    ):
        yield alice, bob


async def next_of(stream: EventStream, kind: type[Event]) -> Event:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = await anext(stream)
            if isinstance(event, kind):
                return event


async def texts(stream: EventStream, count: int) -> list[str]:
    found = []
    for _ in range(count):
        event = await next_of(stream, MessageReceived)
        assert isinstance(event, MessageReceived)
        found.append(event.text)
    return found
