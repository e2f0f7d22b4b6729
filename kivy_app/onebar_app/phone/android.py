"""Whether this is a phone, and its Java classes."""

import os
from typing import Any, Final

ON_ANDROID: Final = "ANDROID_ARGUMENT" in os.environ
"""Whether the app runs on Android: python-for-android sets this."""


def java(name: str) -> Any:
    """Return a class of Java.

    Raises:
        ImportError: This is no phone.
    """
    from jnius import autoclass

    return autoclass(name)


def activity() -> Any:
    """Return the app's activity."""
    return java("org.kivy.android.PythonActivity").mActivity
