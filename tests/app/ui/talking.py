"""A chat on the screen, in which somebody has said something."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from onebar import Client
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.stage import Stage
from tests.app.ui.test_conversation import ALICE, BOB, registered


@asynccontextmanager
async def talking(server: MockServer, phone: MakePhone, database: Path) -> AsyncIterator[tuple[Stage, Client, Client]]:
    """Show Alice's app after Bob's first message, which she has accepted; with her client and his."""
    bob = await phone(BOB)
    await registered(server, database)
    async with Client.open(database, server=server.url) as alice:
        await (await bob.chat(ALICE).send("Say something")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            yield stage, alice, bob
