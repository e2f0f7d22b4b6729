"""The store as a whole: the device's row, and what two connections see of each other."""

import os
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from onebar.core.records import Device, Status
from onebar.core.state import new_device
from onebar.crypto.wrapping import WrappingKey
from onebar.errors import InputError, StoreError
from onebar.models import MessageState
from onebar.store import SqliteStore, open_store
from onebar.store.device_secrets import SECRETS
from onebar.store.vault import WrongPassphraseError, key_path
from tests.sdk.store.conftest import BOBS_PHONE, receive, send


def device() -> Device:
    """A device in which no two fields are alike, so that swapped columns show."""
    names = [field.name for field in msgspec.structs.fields(Device)]
    made = new_device(lambda size: b"\7" * size)
    values: dict[str, object] = {}
    for no, name in enumerate(names, 1):
        old = getattr(made, name)
        if isinstance(old, bool):
            values[name] = not old
        else:
            values[name] = no if isinstance(old, int) else b"%d" % no if isinstance(old, bytes) else f"+{no}"
    return msgspec.structs.replace(made, **{**values, "status": Status.REPLACING})


def test_every_field_of_the_device_comes_back_as_it_was(path: Path) -> None:
    first = open_store(path)
    assert first.load_device() is None
    with first.transaction():
        first.save_device(device())
    first.close()
    again = open_store(path)
    assert again.load_device() == device()
    again.close()


def test_there_is_only_ever_one_device(store: SqliteStore) -> None:
    with store.transaction():
        store.save_device(device())
        store.save_device(msgspec.structs.replace(device(), status=Status.REMOVED, clock_offset_ms=-(2**40)))
    found = store.load_device()
    assert found
    assert (found.status, found.clock_offset_ms) == (Status.REMOVED, -(2**40))


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


def test_a_turn_that_fails_leaves_no_trace_in_any_table(store: SqliteStore) -> None:
    before = "\n".join(store._database.connection.iterdump())

    def turn() -> None:
        with store.transaction():
            send(store, key="k")
            receive(store, 7, 1, 1, 1, "hi", 1, 1)
            store.save_device(device())
            raise KeyError

    with pytest.raises(KeyError):
        turn()
    assert "\n".join(store._database.connection.iterdump()) == before


def test_no_secret_of_the_device_is_on_disk_as_it_is(path: Path) -> None:
    long = {name: name.encode() * 4 for name in SECRETS}
    with closing(open_store(path)) as store:
        with store.transaction():
            store.save_device(msgspec.structs.replace(device(), **long))
        assert store.checkpoint()
        data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert not any(secret in data for secret in long.values())


def test_a_guest_reads_the_device_that_the_holder_saved(path: Path) -> None:
    with closing(open_store(path)) as holder, closing(open_store(path, create=False)) as guest:
        with holder.transaction():
            holder.save_device(device())
        assert guest.load_device() == device()


def test_a_lost_key_is_named_and_no_new_one_is_made(path: Path) -> None:
    open_store(path).close()
    key_path(path).unlink()
    with pytest.raises(StoreError, match=str(key_path(path))):
        open_store(path)
    assert not key_path(path).exists()


def test_the_key_of_another_database_is_found_out(path: Path) -> None:
    with closing(open_store(path)) as store, store.transaction():
        store.save_device(device())
    key_path(path).write_bytes(key_path(path).read_bytes()[:-1] + b"?")
    with closing(open_store(path)) as store, pytest.raises(StoreError, match="another key"):
        store.load_device()


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
