"""The service fetches what waits, and keeps out of the app's way."""

import asyncio
from pathlib import Path

from onebar import Client, MessageReceived
from onebar_app.phone.service import sync
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone


async def test_what_waits_is_fetched(onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path) -> None:
    database, alice = tmp_path / "alice.db", "+12025550101"
    async with Client.open(database, server=onebar_server.url) as client:
        await client.register(alice, code=lambda: onebar_server.sms(alice))
    bob = await onebar_phone("+12025550102")
    await (await bob.chat(alice).send("wake up")).sent(20)
    assert await sync(database, onebar_server.url, None)
    async with Client.open(database, server=onebar_server.url) as client:
        async with asyncio.timeout(20):
            async for event in client.events():
                if isinstance(event, MessageReceived):
                    break
        assert not await sync(database, onebar_server.url, None, 0.0)
        await (await bob.chat(alice).send("and again")).sent(20)
        waiting = asyncio.create_task(sync(database, onebar_server.url, None))
    assert await waiting  # the app has ended: now it is the service's turn
    assert not await sync(tmp_path / "new.db", onebar_server.url, None)
