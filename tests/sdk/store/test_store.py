"""The store as a whole: the device's row, and what two connections see of each other."""

from pathlib import Path

import msgspec
import pytest

from onebar.core.records import Device, Status
from onebar.core.state import new_device
from onebar.models import MessageState
from onebar.store import SqliteStore, open_store
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
