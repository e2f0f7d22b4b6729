"""Closes the databases of worlds that end with their test (Python 3.13 warns of a connection that nobody closed)."""

import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def databases_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what the test opened on its own thread; what it closed before stays closed."""
    real, here = sqlite3.connect, threading.get_ident()
    opened: list[sqlite3.Connection] = []

    def connect(*values: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*values, **options)
        if threading.get_ident() == here:
            opened.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    yield
    for connection in opened:
        connection.close()
