"""Sessions without a window."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from onebar import Client
from onebar_app.messenger import Messenger
from onebar_app.view_models.session import Session
from onebar_app.words import Words
from onebar_mockserver.pytest_plugin import MakePhone

ALICE, BOB = "+12025550101", "+12025550102"

MakeSession = Callable[[Client], Awaitable[Session]]


@pytest.fixture
async def alice(onebar_phone: MakePhone) -> Client:
    return await onebar_phone(ALICE)


@pytest.fixture
async def bob(onebar_phone: MakePhone) -> Client:
    return await onebar_phone(BOB)


@pytest.fixture
async def session(alice: Client, tmp_path: Path) -> AsyncIterator[Session]:
    """Alice's."""
    made = Session(Messenger(alice, tmp_path / "alice.app.json"), Words("en"), tmp_path / "onebar-phone-1.db")
    async with AsyncExitStack() as stack:
        made.start()
        stack.push_async_callback(made.close)
        yield made
