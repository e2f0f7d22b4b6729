"""A few of Android's classes, as far as the app uses them, so that its own part runs."""

from types import SimpleNamespace
from typing import Any


def activity(**services: object) -> Any:
    """Return an activity with these system services."""
    return SimpleNamespace(getSystemService=services.get, getApplicationInfo=lambda: SimpleNamespace(icon=7))
