import os
from collections.abc import AsyncIterator

import pytest_asyncio

from onebar_mockserver import MockServer

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # before anything here imports Locust: see onebar_loadtest.bridge


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MockServer]:
    async with MockServer() as server:
        yield server
