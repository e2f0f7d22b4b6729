from collections.abc import Iterator

import pytest

from tests.mockserver.sqlite.setting import Setting


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    made.connection.close()
