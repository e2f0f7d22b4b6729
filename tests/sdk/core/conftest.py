"""Links as they stand after a dial, and the settings of a device."""

import pytest

from onebar.config import Config
from onebar.core.link import Link


@pytest.fixture
def link() -> Link:
    return Link(link_no=1, flight=b"the flight", epoch=5, cursor=7, position=3, dialed_at_s=100.0)


@pytest.fixture
def config() -> Config:
    return Config("chat.example", welcome_timeout_s=15, answer_timeout_s=10, keepalive_s=30)
