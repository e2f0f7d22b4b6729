"""The microphone through SDL, which is given a file in place of a device."""

import subprocess
import sys
import wave
from pathlib import Path

from onebar_app.demo import hum

RECORD = """
import sys, time
from pathlib import Path
from onebar_app.ui.microphone import DesktopMicrophone
microphone = DesktopMicrophone()
try:
    microphone.start(Path(sys.argv[1]))
except OSError as error:
    print(f"refused: {error}")
    raise SystemExit(1)
loudest, end = 0.0, time.monotonic() + 20
while loudest == 0.0 and time.monotonic() < end:
    time.sleep(0.02)
    loudest = max(loudest, microphone.level())
microphone.stop()
microphone.stop()
print(loudest)
"""


def record(path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    quiet = {"KIVY_NO_ARGS": "1", "KIVY_NO_CONSOLELOG": "1", "KIVY_NO_FILELOG": "1", "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", RECORD, str(path)], env=quiet | env, capture_output=True, text=True, timeout=60
    )


def test_what_is_heard_is_written(tmp_path: Path) -> None:
    heard = tmp_path / "heard.raw"
    heard.write_bytes(hum(10.0)[44:])  # without the header of a WAV
    out = tmp_path / "note.wav"
    done = record(out, SDL_AUDIODRIVER="disk", SDL_DISKAUDIOFILEIN=str(heard), HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert 0.1 < float(done.stdout) <= 1
    with wave.open(str(out)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16_000)
        frames = sound.readframes(sound.getnframes())
    assert len(frames) > 1000
    assert frames == heard.read_bytes()[: len(frames)]


def test_no_microphone_is_an_error_with_a_reason(tmp_path: Path) -> None:
    done = record(tmp_path / "note.wav", SDL_AUDIODRIVER="no-such-driver", HOME=str(tmp_path))
    assert "refused: there is no sound here" in done.stdout
