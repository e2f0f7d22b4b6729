from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits
from tests.mockserver.rawclient import Phone, register

UNHURRIED = ServerLimits(rates={})
"""Tests with raw frames say more at once than any rate allows, and wait for nothing."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MockServer]:
    async with MockServer(tmp_path / "data", limits=UNHURRIED) as running:
        yield running


@pytest.fixture
async def alice(server: MockServer) -> Phone:
    return await register(server, "+4915112345671")


@pytest.fixture
async def bob(server: MockServer) -> Phone:
    return await register(server, "+4915112345672")
