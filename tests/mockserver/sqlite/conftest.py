from collections.abc import Iterator

import pytest

from tests.databases import databases_are_closed
from tests.mockserver.sqlite.setting import Setting


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    made.connection.close()


__all__ = ["databases_are_closed"]
