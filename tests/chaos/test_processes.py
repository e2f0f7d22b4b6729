import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.chaos.processes import Child

# For one start of one interpreter; only a hang reaches it.
PATIENCE_S = 20.0

pytestmark = pytest.mark.process


class Listener:
    """Collects what a child says."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.trouble: asyncio.Queue[str] = asyncio.Queue()

    def child(self, module: str, arguments: list[str], folder: Path) -> Child:
        return Child("child", module, arguments, folder, self.lines.put_nowait, self.trouble.put_nowait)


async def test_a_killed_child_has_said_what_it_wrote_and_starts_again(tmp_path: Path) -> None:
    listener = Listener()
    arguments = ["--database", str(tmp_path / "a.db"), "--server", "http://127.0.0.1:9"]
    child = listener.child("tests.chaos.phone", arguments, tmp_path)
    for _ in range(2):
        await child.start()
        line = await asyncio.wait_for(listener.lines.get(), PATIENCE_S)
        assert json.loads(line) == {"is": "open", "registered": False}
        await asyncio.wait_for(child.kill(), PATIENCE_S)
        assert not child.running.is_set()
    assert child.starts == 2
    assert listener.trouble.empty()


async def test_the_end_of_its_input_ends_a_phone_cleanly(tmp_path: Path) -> None:
    listener = Listener()
    arguments = ["--database", str(tmp_path / "a.db"), "--server", "http://127.0.0.1:9"]
    child = listener.child("tests.chaos.phone", arguments, tmp_path)
    await child.start()
    await asyncio.wait_for(listener.lines.get(), PATIENCE_S)
    assert await child.stop(by_signal=False) == 0
    assert (tmp_path / "child.stderr").read_text() == ""


async def test_a_child_that_ends_by_itself_is_trouble(tmp_path: Path) -> None:
    listener = Listener()
    child = listener.child("tests.chaos.phone", ["--nonsense"], tmp_path)
    await child.start()
    trouble = await asyncio.wait_for(listener.trouble.get(), PATIENCE_S)
    assert "exit code 2" in trouble
    assert "--nonsense" in trouble or "required" in trouble
    await child.kill()


async def test_sigterm_stops_a_child(tmp_path: Path) -> None:
    listener = Listener()
    child = listener.child("http.server", ["--bind", "127.0.0.1", "0"], tmp_path)
    await child.start()
    assert await child.stop(by_signal=True) == -signal.SIGTERM
    assert listener.trouble.empty()
