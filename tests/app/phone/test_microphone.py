"""Android's recorder is told what to write; who may not use it is asked."""

from pathlib import Path
from typing import Any

import pytest

from onebar_app.phone import microphone, permissions
from onebar_app.phone.microphone import PhoneMicrophone
from tests.app.phone.java import Permissions


class Recorder:
    """`MediaRecorder`, as far as it is used."""

    made: "list[Recorder]" = []  # noqa: RUF012 - emptied by each test

    def __init__(self, busy: bool = False, silent: bool = False) -> None:
        self.calls: dict[str, object] = {}
        self._busy, self._silent = busy, silent
        Recorder.made.append(self)

    def __getattr__(self, name: str) -> Any:
        def note(value: object = None) -> None:
            self.calls[name] = value

        return note

    def prepare(self) -> None:
        if self._busy:
            raise RuntimeError("JavaException: IOException")

    def stop(self) -> None:
        self.calls["stop"] = None
        if self._silent:
            raise RuntimeError("JavaException: stop failed")

    def getMaxAmplitude(self) -> int:  # noqa: N802 - Java's name
        return 3277


def phone(monkeypatch: pytest.MonkeyPatch, level: int = 34, allowed: bool = True, **options: bool) -> Permissions:
    Recorder.made.clear()
    android = Permissions({permissions.MICROPHONE} if allowed else set())
    android.install(monkeypatch, permissions, level)
    monkeypatch.setattr(microphone, "java", lambda _: lambda: Recorder(**options))
    return android


def test_opus_in_ogg_is_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone(monkeypatch)
    recorder = PhoneMicrophone()
    assert recorder.level() == 0.0
    recorder.start(tmp_path / f"a{recorder.suffix}")
    (made,) = Recorder.made
    assert (made.calls["setOutputFormat"], made.calls["setAudioEncoder"], made.calls["setAudioChannels"]) == (11, 7, 1)
    assert made.calls["setOutputFile"] == str(tmp_path / "a.ogg")
    assert recorder.level() == pytest.approx(0.6, abs=0.01)
    recorder.stop()
    recorder.stop()
    assert {"start", "stop", "release"} <= set(made.calls)


def test_who_may_not_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    android = phone(monkeypatch, allowed=False)
    with pytest.raises(PermissionError):
        PhoneMicrophone().start(tmp_path / "a.ogg")
    assert android.asked == [[permissions.MICROPHONE]]
    assert not Recorder.made


def test_an_old_android_a_busy_microphone_and_silence_are_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone(monkeypatch, 28)
    with pytest.raises(OSError, match="Android 10"):
        PhoneMicrophone().start(tmp_path / "a.ogg")
    phone(monkeypatch, busy=True)
    with pytest.raises(OSError, match="not free"):
        PhoneMicrophone().start(tmp_path / "a.ogg")
    assert "release" in Recorder.made[0].calls
    phone(monkeypatch, silent=True)
    recorder = PhoneMicrophone()
    recorder.start(tmp_path / "a.ogg")
    with pytest.raises(OSError, match="nothing was recorded"):
        recorder.stop()
    assert "release" in Recorder.made[0].calls
