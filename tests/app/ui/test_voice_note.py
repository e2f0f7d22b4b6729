"""A voice note with a finger: record, drop, record, send."""

from pathlib import Path
from typing import Any

from onebar_app.demo import hum
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.ui.talking import talking
from tests.app.ui.test_conversation import BOB, open_chat


class Hummer:
    """A microphone that hears somebody hum."""

    suffix = ".wav"

    def start(self, path: Path) -> None:
        self._path = path

    def level(self) -> float:
        return 0.7

    def stop(self) -> None:
        self._path.write_bytes(hum(1.0))


async def test_it_is_recorded_dropped_recorded_again_and_sent(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path
) -> None:
    async with talking(onebar_server, onebar_phone, tmp_path / "alice.db") as (stage, _, _):
        await open_chat(stage, BOB)
        screen: Any = stage.screen
        screen.recording._microphone = Hummer()
        await stage.tap_on(screen.composer.button)
        await stage.until(lambda: screen.recorder is not None and screen.recording.levels)
        assert not screen.composer
        await stage.tap_on(screen.recorder.bin)
        await stage.until(lambda: screen.composer is not None)
        assert len(screen.chat.messages) == 1

        await stage.tap_on(screen.composer.button)
        await stage.until(lambda: screen.recording.duration_s > 0.8)
        assert screen.recorder.time.text.startswith("0:0")
        await stage.tap_on(screen.recorder.send)
        await stage.until(lambda: len(screen.chat.messages) == 2)
        assert screen.chat.messages[-1].attachment.kind == "voice"
        await stage.until(lambda: screen.composer is not None)
        await stage.until(lambda: not list(tmp_path.glob("*.plain/*")))


async def test_without_a_microphone_it_says_so(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path
) -> None:
    from onebar_app.ui.sheets import Toast

    async with talking(onebar_server, onebar_phone, tmp_path / "alice.db") as (stage, _, _):
        await open_chat(stage, BOB)
        stage.screen.recording._microphone = None
        await stage.tap_on(stage.screen.composer.button)
        await stage.until(lambda: list(stage.widgets(Toast)))
        assert next(stage.widgets(Toast))._said == "No microphone was found."
        assert stage.screen.composer is not None
