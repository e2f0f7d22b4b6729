"""The embedded engine without its thread, and small tools around it."""

import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from onebar.crypto.keys import PeerKeys
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.sqlite.database import MIGRATIONS
from onebar_mockserver.sqlite.engine import SqliteEngine

T = TypeVar("T")


class InlineEngine(SqliteEngine):
    """The embedded engine in memory, without its thread: a coroutine on it never really waits."""

    def __init__(self, limits: ServerLimits) -> None:
        super().__init__(Path(), limits)
        self._thread.shutdown()
        connection = sqlite3.connect(":memory:", isolation_level=None)
        schema = Path(__file__).parents[2] / "mockserver" / "onebar_mockserver" / "sqlite"
        for name in MIGRATIONS:
            connection.executescript((schema / name).read_text())
        self.use(connection)

    def use(self, connection: sqlite3.Connection) -> None:
        """Go on with this database."""
        self._connection = self.connection = connection

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return work()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something that is not in this world")


def copy(source: sqlite3.Connection) -> sqlite3.Connection:
    """Copy a whole database."""
    target = sqlite3.connect(":memory:", isolation_level=None)
    source.backup(target)
    return target


def key_fields(keys: PeerKeys) -> tuple[bytes, bytes, bytes]:
    """Return the fields in the server's order."""
    return keys.identity_key, keys.box_key, keys.key_signature
