from collections.abc import AsyncIterator

import pytest

from tests.sdk.testing.sockets import Listener, listening


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as listener:
        yield listener
