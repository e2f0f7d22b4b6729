"""The backend that clients talk to."""

from collections.abc import AsyncIterator

import pytest

from onebar_mockserver import MockServer


@pytest.fixture
async def server() -> AsyncIterator[MockServer]:
    async with MockServer() as running:
        yield running
