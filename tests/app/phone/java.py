"""A few of Android's classes, as far as the app uses them, so that its own part runs."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def activity(**services: object) -> Any:
    """Return an activity with these system services."""
    return SimpleNamespace(getSystemService=services.get, getApplicationInfo=lambda: SimpleNamespace(icon=7))


class Permissions:
    """python-for-android's `android.permissions`, for a user who has allowed these."""

    def __init__(self, allowed: set[str]) -> None:
        self.allowed = allowed
        self.asked: list[list[str]] = []

    def install(self, monkeypatch: pytest.MonkeyPatch, module: Any, level: int) -> None:
        """Let a module of the app find them, on Android of this API."""
        found = ModuleType("android.permissions")
        found.check_permission = self.allowed.__contains__  # type: ignore[attr-defined]
        found.request_permissions = self.asked.append  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "android.permissions", found)
        monkeypatch.setattr(module, "java", lambda _: SimpleNamespace(SDK_INT=level))
