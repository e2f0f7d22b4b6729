"""Stores to break, and the people in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onebar.core.records import Envelope, Peer
from onebar.crypto.keys import PeerKeys
from onebar.store import SqliteStore, open_store
from onebar.store.database import IN_MEMORY

BOB, BOBS_PHONE = 7, "+4915112345672"
EVE, EVES_PHONE = 8, "+4915112345673"


def peer(account: int, device: int, *, removed: bool = False, salt: bytes = b"") -> Peer:
    """A device of somebody; the store never looks into the keys."""
    return Peer(account, device, PeerKeys(b"i" + salt, b"b" + salt, b"s" + salt), removed)


@contextmanager
def memory_store(devices: int = 3) -> Iterator[SqliteStore]:
    """A store in memory that knows Bob and Eve with this many devices each."""
    store = open_store(IN_MEMORY)
    try:
        with store.transaction():
            store.contacts.put(BOB, BOBS_PHONE, [peer(BOB, no) for no in range(1, devices + 1)])
            store.contacts.put(EVE, EVES_PHONE, [peer(EVE, no) for no in range(1, devices + 1)])
        yield store
    finally:
        store.close()


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with memory_store() as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "onebar.db"


def send(
    store: SqliteStore,
    text: str = "hi",
    phone: str = BOBS_PHONE,
    key: str | None = None,
    at_ms: int = 1,
    born_ms: int | None = None,
) -> int:
    """Add a draft."""
    return store.outbox.add(phone, text, key, 1, at_ms, born_ms)


def seal(store: SqliteStore, out_no: int, message_no: int, *devices: int, answers: int | None = None) -> Envelope:
    """Seal a message for devices of Bob under a number."""
    envelope = Envelope(out_no, 0, b"sealed %d" % out_no)
    store.outbox.put_sealed(envelope, b"hash %d" % out_no, message_no, BOB, devices, answers)
    return envelope


def count(store: SqliteStore, table: str) -> int:
    """How many rows a table has."""
    row = store._database.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0])


def texts(path: Path) -> list[str]:
    """Open a database and tell what waits in it."""
    store = open_store(path)
    found = [message.text for message in store.outbox_messages()]
    store.close()
    return found


@pytest.fixture
def used(path: Path) -> Path:
    """A database with one message, closed."""
    store = open_store(path)
    with store.transaction():
        send(store, "kept")
    store.close()
    return path
