"""The engine and the store have what a home needs of them."""

import pytest

from onebar.core.engine import Engine
from onebar.drivers.home_ports import DeviceEngine, Drafts, LocalStore
from onebar.store import SqliteStore, open_store
from onebar.store.outbox import SqliteOutbox


@pytest.mark.parametrize(("port", "kind"), [(DeviceEngine, Engine), (Drafts, SqliteOutbox)])
def test_each_name_of_a_port_is_there(port: type, kind: type) -> None:
    names = {name for name in vars(port) if not name.startswith("_")}
    assert names
    assert [name for name in names if not hasattr(kind, name)] == []


def test_a_store_is_one_for_a_guest() -> None:
    store: SqliteStore = open_store(":memory:")
    guests: LocalStore = store  # mypy proves it; this runs it
    names = {name for name in vars(LocalStore) if not name.startswith("_")}
    assert [name for name in names if not hasattr(guests, name)] == []
    store.close()
