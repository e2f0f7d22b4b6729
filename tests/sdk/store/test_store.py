"""The store as a whole: the device's row, and what two connections see of each other."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from onebar.crypto.wrapping import WrappingKey
from onebar.errors import InputError, StoreError, WrongPassphraseError
from onebar.models import MessageState
from onebar.store import SqliteStore, open_store
from onebar.store.vault import key_path
from tests.sdk.store.conftest import BOBS_PHONE, receive, send
from tests.sdk.store.test_device import device


def test_a_reader_sees_committed_messages_only_and_is_told_to_look(path: Path) -> None:
    writer, reader = open_store(path), open_store(path)
    before = reader.data_version()
    with writer.transaction():
        message_no = send(writer)
        assert reader.history(BOBS_PHONE, 9) == []
        assert reader.data_version() == before
    assert reader.data_version() != before
    assert reader.state(message_no) is MessageState.QUEUED
    writer.close()
    reader.close()


def test_ones_own_commit_does_not_look_like_another_processs(path: Path) -> None:
    store = open_store(path)
    before = store.data_version()
    with store.transaction():
        send(store)
    assert store.data_version() == before
    store.close()


def dump(store: SqliteStore) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables; the full-text index is in tables of its own."""
    execute = store._database.connection.execute
    names = execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").fetchall()
    return {name: execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}


def test_a_turn_that_fails_leaves_no_trace_in_any_table(store: SqliteStore) -> None:
    before = dump(store)

    def turn() -> None:
        with store.transaction():
            send(store, key="k")
            receive(store, 7, 1, 1, 1, "hi", 1, 1)
            store.save_device(device())
            raise KeyError

    with pytest.raises(KeyError):
        turn()
    assert dump(store) == before


def test_a_lost_key_is_named_and_no_new_one_is_made(path: Path) -> None:
    open_store(path).close()
    key_path(path).unlink()
    with pytest.raises(StoreError, match=str(key_path(path))):
        open_store(path)
    assert not key_path(path).exists()


def test_a_passphrase_opens_what_was_made_with_it_and_nothing_else_does(path: Path) -> None:
    with closing(open_store(path, passphrase="open sesame")) as store, store.transaction():
        store.save_device(device())
    with pytest.raises(WrongPassphraseError):
        open_store(path, passphrase="open sesam")
    with pytest.raises(StoreError, match="needs a passphrase"):
        open_store(path)
    with closing(open_store(path, passphrase="open sesame")) as store:
        assert store.load_device() == device()


def test_a_vault_of_the_apps_own_needs_no_file(path: Path) -> None:
    vault = WrappingKey(b"k" * 32, os.urandom)
    with closing(open_store(path, vault=vault)) as store, store.transaction():
        store.save_device(device())
    assert not key_path(path).exists()
    with closing(open_store(path, vault=vault)) as store:
        assert store.load_device() == device()


def test_a_vault_and_a_passphrase_are_one_too_many(path: Path) -> None:
    with pytest.raises(InputError, match="not both"):
        open_store(path, vault=WrappingKey(b"k" * 32, os.urandom), passphrase="x")
    assert not path.exists()
