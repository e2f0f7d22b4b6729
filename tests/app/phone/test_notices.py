"""A notification goes to its channel."""

from types import SimpleNamespace
from typing import Any

import pytest

from onebar_app.phone import notices
from tests.app.phone.java import activity


class Builder:
    """Android's, as far as it is used."""

    def __init__(self, context: object, channel: str) -> None:
        self.said = {"channel": channel}
        del context

    def __getattr__(self, name: str) -> Any:
        def keep(value: object) -> "Builder":
            self.said[name] = str(value)
            return self

        return keep

    def build(self) -> dict[str, str]:
        return self.said


def test_who_wrote_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[int, dict[str, str]]] = []
    manager = SimpleNamespace(
        createNotificationChannel=lambda _: None, notify=lambda number, it: shown.append((number, it))
    )
    classes = {"android.app.NotificationChannel": lambda *_: None, "android.app.Notification$Builder": Builder}
    monkeypatch.setattr(notices, "activity", lambda: activity(notification=manager))
    monkeypatch.setattr(notices, "java", classes.__getitem__)
    notices.show("Bob", "2 new messages", 9)
    ((number, said),) = shown
    assert (number, said["channel"], said["setContentTitle"]) == (9, notices.CHANNEL, "Bob")
