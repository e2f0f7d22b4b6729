"""The store is what the protocol asks for, and nothing that passes between them shows a secret."""

import inspect

import pytest

from onebar.core import ports
from onebar.core.records import Device, Status
from onebar.store import SqliteStore


@pytest.mark.parametrize("part", ["outbox", "inbox", "contacts", "events", "sessions", "prekeys", "standings"])
def test_the_adapter_has_every_method_with_the_same_parameters(store: SqliteStore, part: str) -> None:
    port, adapter = getattr(ports, part.capitalize()), getattr(store, part)
    methods = [name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")]
    assert methods
    for name in methods:
        wanted = inspect.signature(getattr(port, name))
        without_self = wanted.replace(parameters=list(wanted.parameters.values())[1:])
        assert inspect.signature(getattr(adapter, name)) == without_self, name


def test_the_store_has_all_that_its_port_names(store: SqliteStore) -> None:
    wanted: ports.Store = store  # mypy proves it; this line runs it
    names = {name for name in vars(ports.Store) if not name.startswith("_")}
    assert names
    assert [name for name in names if not hasattr(wanted, name)] == []


def test_a_device_shows_its_ids_and_status_only() -> None:
    device = Device(
        Status.REGISTERED,
        "+4915112345671",
        7,
        9,
        b"secret",
        b"secret",
        b"secret",
        b"secret",
        b"secret",
        1,
        2,
        3,
        4,
        b"h",
        5,
        6,
    )
    assert repr(device) == "<Device 7/9 registered>"
