"""Kivy's settings, which must be made before anything of it is imported. Import this first."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PHONE: Final = (400, 800)
"""Size of the window on a desktop, in dp: a common phone's."""
TOP: Final = 60
"""How far a window that is placed is from the screen's top edge, in pixels: below most desktops' bars."""


def prepare(
    width: int = PHONE[0],
    height: int = PHONE[1],
    *,
    density: float = 1.0,
    frames_s_max: int = 60,
    left: int | None = None,
) -> None:
    """Choose the window's size before there is one.

    Args:
        width: In dp.
        height: In dp.
        density: Pixels for one dp; phones have 2 to 3.5.
        frames_s_max: Frames of a second; 0: as many as can be drawn.
        left: How far from the screen's left edge, in pixels; None: in its middle.
    """
    os.environ.setdefault("KIVY_NO_ARGS", "1")
    os.environ.setdefault("KIVY_NO_CONSOLELOG", "1")
    os.environ.setdefault("KIVY_NO_FILELOG", "1")
    os.environ.setdefault("KIVY_LOG_MODE", "PYTHON")  # it leaves the logging of this process alone
    os.environ.setdefault("KIVY_HOME", tempfile.gettempdir() + "/onebar-kivy")
    if "ANDROID_ARGUMENT" not in os.environ:
        os.environ.setdefault("KIVY_CLIPBOARD", "sdl2")  # the others need programs that are mostly not there
    os.environ["KIVY_METRICS_DENSITY"] = str(density)
    logging.getLogger("kivy").setLevel(logging.WARNING)
    from kivy.config import Config

    for name, value in {
        "width": round(width * density),
        "height": round(height * density),
        "maxfps": frames_s_max,
        "multisamples": 0,
        "window_state": "visible",
        "minimum_width": 320,
        "minimum_height": 480,
    }.items():
        Config.set("graphics", name, str(value))
    if left is not None:
        for name, value in {"position": "custom", "left": left, "top": TOP}.items():
            Config.set("graphics", name, str(value))
    Config.set("input", "mouse", "mouse,disable_multitouch")
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "log_level", "warning")
    _import_quietly()


@contextmanager
def kivy_is_quiet() -> Iterator[None]:
    """Import what looks for libraries and programs: Kivy reports each that is not there as an error."""
    logging.getLogger("kivy").setLevel(logging.CRITICAL + 1)
    yield
    logging.getLogger("kivy").setLevel(logging.WARNING)


def _import_quietly() -> None:
    with kivy_is_quiet():
        import kivy.core.clipboard
        import kivy.core.window
        import kivy.input.providers
        import kivy.uix.textinput  # noqa: F401


def prepare_phone() -> None:
    """Choose what a phone needs: its window is the screen, and its density is known."""
    os.environ.setdefault("KIVY_NO_FILELOG", "1")
    from kivy.config import Config

    Config.set("graphics", "maxfps", "60")
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "log_level", "warning")
