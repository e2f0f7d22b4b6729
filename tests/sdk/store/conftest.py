"""Stores to break, and the people in them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from onebar.core.records import Arrival, Contact, Device, Envelope, Peer, Status
from onebar.core.state import new_device
from onebar.crypto.keys import PeerKeys
from onebar.models import MessageState
from onebar.store import SqliteStore, open_store
from onebar.store.database import IN_MEMORY

US, THIS_DEVICE, OUR_TABLET = 1, 11, 12
BOB, BOBS_PHONE = 7, "+4915112345672"
EVE, EVES_PHONE = 8, "+4915112345673"


def peer(account: int, device: int, *, removed: bool = False, salt: bytes = b"") -> Peer:
    """A device of somebody; the store never looks into the keys."""
    return Peer(account, device, PeerKeys(b"i" + salt, b"b" + salt, b"s" + salt), removed)


def our_device() -> Device:
    """This device, once it is registered."""
    made = new_device(lambda size: b"\7" * size)
    return msgspec.structs.replace(made, status=Status.REGISTERED, account=US, device=THIS_DEVICE)


def know(store: SqliteStore, account: int, phone: str | None, *peers: Peer, key: bytes = b"key") -> None:
    """Store who somebody is, and some of their devices."""
    store.contacts.put(Contact(account, phone, key, b"list"))
    for found in peers:
        store.contacts.put_device(found)


@contextmanager
def memory_store(devices: int = 3) -> Iterator[SqliteStore]:
    """A store in memory that knows Bob and Eve with this many devices each."""
    store = open_store(IN_MEMORY)
    try:
        with store.transaction():
            store.save_device(our_device())
            know(store, BOB, BOBS_PHONE, *(peer(BOB, no) for no in range(1, devices + 1)))
            know(store, EVE, EVES_PHONE, *(peer(EVE, no) for no in range(1, devices + 1)))
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


def seal(
    store: SqliteStore,
    out_no: int,
    message_no: int,
    *devices: int,
    answers: int | None = None,
    own: Sequence[int] = (),
    account: int = BOB,
    audience: bytes = b"",
) -> Envelope:
    """Seal a message for devices of Bob, and some of ours, under a number."""
    envelope = Envelope(out_no, 0, b"sealed %d" % out_no)
    store.outbox.put_sealed(
        envelope, b"hash %d" % out_no, message_no, account, devices, own, answers, audience=audience
    )
    if answers is None:
        store.places.passed(message_no)
    return envelope


def receive(
    store: SqliteStore,
    account: int = BOB,
    device: int = 1,
    message_id: int = 1,
    chat_no: int = 1,
    text: str = "hi",
    sent_at_ms: int = 1,
    now_ms: int = 1,
    *,
    state: MessageState = MessageState.RECEIVED,
    content: bytes = b"",
) -> int | None:
    """A message comes in from the other side of its chat."""
    arrival = Arrival(account, account, device, message_id, chat_no, sent_at_ms, text, state, content)
    return store.inbox.add(arrival, now_ms)


def copy(store: SqliteStore, chat_no: int, text: str = "hi", *, chat: int = BOB, message_id: int = 0) -> int | None:
    """A copy of what our tablet sent comes in."""
    message_id = message_id or 9000 + chat_no
    arrival = Arrival(chat, US, OUR_TABLET, message_id, chat_no, 1, text, MessageState.SENT)
    return store.inbox.add(arrival, 1)


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
