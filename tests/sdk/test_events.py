"""Every event can be told from a row and shown in a log without what it says."""

import dataclasses
import inspect

import pytest

from onebar import events
from onebar.events import MESSAGE_EVENTS, DeviceRemoved, DeviceReplaced, Event, MessageEvent, Resync


def test_every_kind_of_message_event_is_known_by_the_name_of_its_rows() -> None:
    classes = [kind for _, kind in inspect.getmembers(events, inspect.isclass)]
    kinds = {kind for kind in classes if issubclass(kind, MessageEvent)} - {MessageEvent}
    assert set(MESSAGE_EVENTS.values()) == kinds
    assert all(name == kind.__name__ for name, kind in MESSAGE_EVENTS.items())


@pytest.mark.parametrize("kind", MESSAGE_EVENTS.values())
def test_a_log_shows_the_kind_and_message_only(kind: type[MessageEvent]) -> None:
    more = ["secret"] * (len(dataclasses.fields(kind)) - 3)
    event = kind(5, 7, "+4915112345671", *more)
    assert repr(event) == f"<{kind.__name__} 5: message 7>"


@pytest.mark.parametrize("event", [DeviceReplaced(1), DeviceRemoved(1, "account_gone"), Resync(1)])
def test_events_are_values_that_nobody_changes(event: Event) -> None:
    assert event == dataclasses.replace(event)
    assert event != dataclasses.replace(event, event_no=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.event_no = 9  # type: ignore[misc]
