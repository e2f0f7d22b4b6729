"""This device comes back as it was saved, to whoever has the key, and its secrets are never on disk as they are."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from onebar.core.records import Device, Status
from onebar.core.state import new_device
from onebar.errors import StoreError
from onebar.store import SqliteStore, open_store
from onebar.store.device_secrets import SECRETS
from onebar.store.vault import key_path


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


def test_the_key_of_another_database_is_found_out(path: Path) -> None:
    with closing(open_store(path)) as store, store.transaction():
        store.save_device(device())
    key_path(path).write_bytes(key_path(path).read_bytes()[:-1] + b"?")
    with closing(open_store(path)) as store, pytest.raises(StoreError, match="another key"):
        store.load_device()


def test_only_what_differs_is_saved_where_it_is_known_what_is_stored(store: SqliteStore) -> None:
    said: list[str] = []
    with store.transaction():
        store.save_device(device())
    after = msgspec.structs.replace(device(), cursor=99, next_box_secret=b"s" * 32)
    store._database.connection.set_trace_callback(said.append)
    with store.transaction():
        store.save_device(device(), device())
        store.save_device(after, device())
    store._database.connection.set_trace_callback(None)
    (update,) = [sql for sql in said if "device" in sql]
    assert update.startswith("UPDATE device SET next_box_secret = ")
    assert "cursor = 99" in update
    assert store.load_device() == after
