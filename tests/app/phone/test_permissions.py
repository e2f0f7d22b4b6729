"""The user is asked once something is needed, and only where Android wants it."""

import pytest

from onebar_app.phone import permissions
from tests.app.phone.java import Permissions


@pytest.mark.parametrize(("level", "allowed", "asked"), [(33, False, 1), (34, True, 0), (32, False, 0)])
def test_notifications_are_asked_for_since_android_13(
    monkeypatch: pytest.MonkeyPatch, level: int, allowed: bool, asked: int
) -> None:
    android = Permissions({permissions.NOTIFICATIONS} if allowed else set())
    android.install(monkeypatch, permissions, level)
    permissions.ask_to_notify()
    assert android.asked == [[permissions.NOTIFICATIONS]] * asked


def test_what_is_held_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    android = Permissions({permissions.CAMERA})
    android.install(monkeypatch, permissions, 30)
    assert permissions.ask(permissions.CAMERA)
    assert not permissions.ask(permissions.MICROPHONE)
    assert android.asked == [[permissions.MICROPHONE]]
    assert permissions.sdk() == 30
