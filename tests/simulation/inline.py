"""The embedded engine without its thread, and small tools around it."""

import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from onebar.crypto.keys import PeerKeys
from onebar.store.database import IN_MEMORY, Database, add_functions
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.sqlite.database import MIGRATIONS
from onebar_mockserver.sqlite.engine import SqliteEngine

T = TypeVar("T")


class InlineEngine(SqliteEngine):
    """The embedded engine in memory, without its thread: a coroutine on it never really waits."""

    def __init__(self, limits: ServerLimits) -> None:
        super().__init__(Path(), limits)
        self._thread.shutdown()
        self.use(from_bytes(_empty_backend()))

    def use(self, connection: sqlite3.Connection) -> None:
        """Go on with this database."""
        self._connection = self.connection = connection

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return work()


@cache
def _empty_backend() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema = Path(__file__).parents[2] / "mockserver" / "onebar_mockserver" / "sqlite"
    for name in MIGRATIONS:
        connection.executescript((schema / name).read_text())
    return to_bytes(connection)


@cache
def _empty_device() -> bytes:
    return to_bytes(Database(":memory:").connection)


def new_database() -> Database:
    """Make a device's database in memory; copying an empty one is twenty times as fast as the schema."""
    database = Database.__new__(Database)
    database._path, database.searchable = IN_MEMORY, True
    database.connection = from_bytes(_empty_device())
    return database


def to_bytes(connection: sqlite3.Connection) -> bytes:
    """Take the image of a database and close it."""
    with closing(connection):
        return connection.serialize()


def from_bytes(image: bytes) -> sqlite3.Connection:
    """Make a database of an image."""
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    if image[18:20] == b"\2\2":  # of a file: it would look for a write-ahead log (SQLite file format §1.3.3)
        image = image[:18] + b"\1\1" + image[20:]
    connection.deserialize(image)
    add_functions(connection)
    return connection


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
    return from_bytes(source.serialize())


def key_fields(keys: PeerKeys) -> tuple[bytes, bytes, bytes]:
    """Return the fields in the server's order."""
    return keys.identity_key, keys.box_key, keys.key_signature
