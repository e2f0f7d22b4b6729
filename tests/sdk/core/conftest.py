"""Links as they stand after a dial, the settings of a device, and an empty store."""

from collections.abc import Iterator

import pytest

from onebar.config import Config
from onebar.core.link import Link
from onebar.store import SqliteStore, open_store
from onebar.store.database import IN_MEMORY
from tests.databases import databases_are_closed


@pytest.fixture
def link() -> Link:
    return Link(link_no=1, flight=b"the flight", epoch=5, cursor=7, floor=3, position=3, dialed_at_s=100.0)


@pytest.fixture
def config() -> Config:
    return Config("chat.example", welcome_timeout_s=15, answer_timeout_s=10, attentive_s=(), keepalive_s=30)


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = open_store(IN_MEMORY)
    yield opened
    opened.close()


__all__ = ["databases_are_closed"]
