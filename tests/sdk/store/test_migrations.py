"""A database of schema 1 goes on: its secrets are wrapped and leave no trace, and nothing else is lost."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from onebar.chats import ChatSummary
from onebar.core.records import Contact, Device, Status
from onebar.errors import StoreError
from onebar.models import MessageState
from onebar.store import open_store
from onebar.store.database import APPLICATION_ID, IN_MEMORY, SCHEMA_VERSION, Database
from onebar.store.migrations import MIGRATIONS
from onebar.store.vault import key_path, open_file_vault
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, know, peer

SCHEMA_2: Final = Path(__file__).with_name("schema_2.sql")
SCHEMA_1: Final = Path(__file__).with_name("schema_1.sql")
SECRETS: Final = [letter * 32 for letter in (b"i", b"b", b"j", b"c")]


@pytest.fixture
def old(path: Path) -> Path:
    """A database of schema 1 of a phone that crashed: the device's secrets are in the log, and nothing is folded in."""
    writing = path.with_name("before the crash.db")
    with closing(sqlite3.connect(writing, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(SCHEMA_1.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA journal_mode = WAL")
        fill(connection)
        for suffix in ("", "-wal"):
            shutil.copy(f"{writing}{suffix}", f"{path}{suffix}")
    for left in path.parent.glob("before the crash*"):
        left.unlink()
    return path


def fill(connection: sqlite3.Connection) -> None:
    device = (1, "registered", "+4915112345671", 1, 11, *SECRETS, 3, 4, 5, 6, b"hash", 2, -7)
    connection.execute(f"INSERT INTO device VALUES ({', '.join('?' * 16)})", device)
    connection.execute("INSERT INTO contact VALUES (?, ?), (?, NULL)", (BOB, BOBS_PHONE, EVE))
    connection.execute("INSERT INTO peer_device VALUES (?, 1, x'01', x'02', x'03', 0)", (BOB,))
    connection.execute("INSERT INTO chat VALUES (1, ?, 2, 3), (2, ?, 0, 0)", (BOBS_PHONE, EVES_PHONE))
    message = (
        "INSERT INTO message (chat_id, place, account, device, chat_no, message_id, state, text, sent_at_ms, out_no)"
    )
    connection.execute(f"{message} VALUES (1, 1, 0, 0, 1, 5, 'sent', 'to Bob', 1, 1)")
    connection.execute(f"{message} VALUES (1, 2, 7, 1, 1, 6, 'received', 'from Bob', 1, NULL)")
    connection.execute(f"{message} VALUES (1, 3, 0, 0, 2, 7, 'queued', 'draft', 1, NULL)")
    connection.execute("INSERT INTO envelope VALUES (1, 0, x'aa', x'bb', 1, 1, ?, NULL, 0)", (BOB,))
    connection.execute("INSERT INTO envelope_device VALUES (1, 1), (1, 2)")
    connection.execute("INSERT INTO top_up VALUES (1, 3, 0, ?)", (BOB,))


def on_disk(path: Path) -> bytes:
    """All bytes of the database and its log."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))


def test_the_plain_secrets_are_wrapped_and_gone_from_file_and_log(old: Path) -> None:
    assert all(secret in on_disk(old) for secret in SECRETS)
    with closing(open_store(old)) as store:
        device = store.load_device()
        assert device
        assert [device.identity_seed, device.box_secret, device.next_identity_seed, device.next_box_secret] == SECRETS
        assert not any(secret in on_disk(old) for secret in SECRETS)
    assert not any(secret in on_disk(old) for secret in SECRETS)


def test_the_device_gets_an_account_key_of_its_own_and_goes_on_where_it_was(old: Path) -> None:
    with closing(open_store(old)) as store:
        device = store.load_device()
    with closing(open_store(old)) as store:
        assert store.load_device() == device
    assert device
    assert len(device.account_seed) == 32
    identity_seed, box_secret, next_identity_seed, next_box_secret = SECRETS
    assert device == Device(
        status=Status.REGISTERED,
        phone="+4915112345671",
        account=1,
        device=11,
        account_seed=device.account_seed,
        identity_seed=identity_seed,
        box_secret=box_secret,
        next_identity_seed=next_identity_seed,
        next_box_secret=next_box_secret,
        connection_no=3,
        epoch=4,
        cursor=5,
        floor=6,
        floor_hash=b"hash",
        out_no=2,
        clock_offset_ms=-7,
        read_receipts=True,
    )


def test_messages_and_what_waits_are_kept_and_nothing_is_unread(old: Path) -> None:
    with closing(open_store(old)) as store:
        assert [message.text for message in store.history(BOBS_PHONE, 9)] == ["to Bob", "from Bob", "draft"]
        [last] = store.history(BOBS_PHONE, 1)
        assert store.chats() == [ChatSummary(BOBS_PHONE, 3, 0, last=last)]
        assert [draft.text for draft in store.outbox.drafts(9)] == ["draft"]
        assert [envelope.sealed for envelope in store.outbox.outstanding(0, 9)] == []
        assert [(due.account, due.device) for due in store.outbox.top_ups(9)] == [(BOB, 3)]
        assert store.outbox.delivered(1, 1, BOB, 2) == [1]
        assert store.outbox.read(BOB, 1) == [1]
        assert store.state(1) is MessageState.READ


def test_contacts_keep_their_numbers_and_have_yet_to_show_their_keys(old: Path) -> None:
    with closing(open_store(old)) as store:
        assert store.contacts.contact(BOB) == Contact(BOB, BOBS_PHONE, b"", b"")
        assert store.contacts.contact(EVE) == Contact(EVE, None, b"", b"")
        assert store.contacts.devices(BOB) == []
        know(store, BOB, BOBS_PHONE, peer(BOB, 1))
        assert store.contacts.devices(BOB) == [peer(BOB, 1)]


def shape(connection: sqlite3.Connection) -> dict[str, object]:
    tables = connection.execute("SELECT name, sql LIKE '%STRICT%', sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema")
    return {
        name: (
            rest,
            connection.execute(f"PRAGMA table_xinfo({name})").fetchall(),
            connection.execute(f"PRAGMA index_xinfo({name})").fetchall(),
        )
        for name, *rest in tables.fetchall()
    }


def test_an_upgraded_database_has_the_same_tables_as_a_new_one(old: Path) -> None:
    with closing(open_store(old)) as upgraded, closing(open_store(IN_MEMORY)) as new:
        assert shape(upgraded._database.connection) == shape(new._database.connection)


def test_a_database_without_a_device_needs_no_secret(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(SCHEMA_1.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    with closing(open_store(path)) as store:
        assert store.load_device() is None


def test_an_upgrade_that_fails_in_the_middle_leaves_the_old_database_and_can_be_done_again(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = MIGRATIONS[1]

    def fail(connection: sqlite3.Connection, vault: object) -> None:
        step(connection, vault)  # type: ignore[arg-type]
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setitem(MIGRATIONS, 1, fail)
        with pytest.raises(StoreError):
            open_store(old)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT identity_seed FROM device").fetchone() == (SECRETS[0],)
    with closing(open_store(old)) as store:
        assert store.load_device()


def test_secrets_are_never_wrapped_by_nobody(old: Path) -> None:
    with pytest.raises(StoreError, match="vault"):
        Database(old)
    assert not key_path(old).exists()


def test_the_schema_of_this_version_has_a_migration_from_each_before_it() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))


@pytest.fixture
def second(path: Path) -> Path:
    """A database of schema 2: Bob's second message was not read, and nothing of Eve's."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(SCHEMA_2.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
        chats = [(1, BOBS_PHONE, 3, 1, 1), (2, EVES_PHONE, 1, 0, 0)]
        connection.executemany(
            "INSERT INTO chat (chat_id, phone, messages, read_place, read_chat_no) VALUES (?, ?, ?, ?, ?)", chats
        )
        rows = [(1, 1, BOB, 1, "read"), (1, 2, BOB, 2, "new"), (1, 3, 0, 1, "mine"), (2, 4, EVE, 1, "hi")]
        connection.executemany(
            "INSERT INTO message (chat_id, place, account, device, chat_no, message_id, state, text, sent_at_ms)"
            " VALUES (?1, ?2, ?3, ?3 > 0, ?4, ?2, 'received', ?5, 1)",
            rows,
        )
    open_file_vault(path, os.urandom, create=True)
    return path


def test_what_was_unread_in_schema_2_is_unread(second: Path) -> None:
    with closing(open_store(second)) as store:
        assert [(chat.phone, chat.unread) for chat in store.chats()] == [(EVES_PHONE, 1), (BOBS_PHONE, 1)]
        assert [message.text for message in store.history(BOBS_PHONE, 9) if message.unread] == ["new"]
        assert [chat.muted_until for chat in store.chats()] == [None, None]


def test_a_database_of_schema_2_gets_the_tables_of_a_new_one(second: Path) -> None:
    with closing(open_store(second)) as upgraded, closing(open_store(IN_MEMORY)) as new:
        assert shape(upgraded._database.connection) == shape(new._database.connection)
