"""The app's window, drawn into memory; where there is no OpenGL these tests say so and are skipped."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.app.stage import prepare

PROBE = """
from tests.app.stage import prepare
prepare()
from kivy.core.window import Window
raise SystemExit(Window is None)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.window)
            item.add_marker(pytest.mark.filterwarnings("default"))


@cache
def no_window() -> str:
    """Say why there can be no window, or nothing."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no window"])[-1]


@pytest.fixture(scope="session", autouse=True)
def window() -> None:
    reason = no_window()
    if reason:
        pytest.skip(f"the app needs OpenGL (apt-get install libgl1 libgl1-mesa-dri libegl1 libgles2): {reason}")
    prepare()
