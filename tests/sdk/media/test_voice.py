"""A voice note is Opus, small, mono, without tags, and knows its waveform."""

import random
from array import array
from itertools import pairwise
from pathlib import Path

import av
import pytest

from onebar.media import voice
from onebar.media.errors import (
    DamagedMediaError,
    MediaCancelledError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from onebar.media.offload import Stop
from onebar.media.voice import SAVER_BITS_PER_S, WAVEFORM_BARS, VoiceNote, prepare_voice_note, waveform
from tests.sdk.media.recorded import clip, tone


def played(note: VoiceNote, path: Path) -> tuple[int, float]:
    """How many samples it has, and the frequency that is heard."""
    path.write_bytes(note.data)
    samples = array("h")
    with av.open(str(path)) as file:
        assert (file.format.name, file.streams.audio[0].codec_context.name) == ("ogg", "opus")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        for frame in file.decode(audio=0):
            for part in resampler.resample(frame):
                samples.extend(array("h", bytes(part.planes[0])[: 2 * part.samples]))
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    rises = sum(1 for before, after in pairwise(middle) if before < 0 <= after)
    return len(samples), rises * 48_000 / len(middle)


def test_a_tone_comes_out_as_the_same_tone(tmp_path: Path) -> None:
    note = prepare_voice_note(Stop(), tone(tmp_path / "a.wav", 2.0, hz=440))
    samples, hz = played(note, tmp_path / "a.ogg")
    assert note.duration_ms == pytest.approx(2000, abs=60)
    assert samples == pytest.approx(96_000, abs=2 * 2_880)
    assert hz == pytest.approx(440, abs=5)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_any_sampling_rate_will_do(tmp_path: Path, rate: int) -> None:
    note = prepare_voice_note(Stop(), tone(tmp_path / "a.wav", 1.0, hz=300, rate=rate))
    assert note.duration_ms == pytest.approx(1000, abs=60)
    assert played(note, tmp_path / "a.ogg")[1] == pytest.approx(300, abs=5)


def test_packets_are_60_ms_and_the_rate_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    dice = random.Random(5)
    tone(path, 6.0)
    data = bytearray(path.read_bytes())
    data[44:] = array("h", [dice.randrange(-9000, 9000) for _ in range((len(data) - 44) // 2)]).tobytes()
    path.write_bytes(data)
    note = prepare_voice_note(Stop(), path)
    saver = prepare_voice_note(Stop(), path, SAVER_BITS_PER_S)
    assert 10_000 < len(note.data) * 8 / 6 < 19_000
    assert len(saver.data) < 0.85 * len(note.data)
    (tmp_path / "a.ogg").write_bytes(note.data)
    with av.open(str(tmp_path / "a.ogg")) as file:
        packets = [packet for packet in file.demux(audio=0) if packet.size]
        durations = {float((packet.duration or 0) * packet.time_base) for packet in packets[1:-1]}
    assert durations == {0.06}


def test_the_sound_of_a_video_makes_a_voice_note_too_and_no_tag_stays(tmp_path: Path) -> None:
    note = prepare_voice_note(Stop(), clip(tmp_path / "a.mp4"))
    assert note.duration_ms > 400
    assert b"creation_time" not in note.data
    assert b"+52.52" not in note.data


def test_the_waveform_shows_where_it_is_loud(tmp_path: Path) -> None:
    bars = prepare_voice_note(Stop(), tone(tmp_path / "a.wav", 2.0, silence_s=2.0)).waveform
    assert len(bars) == WAVEFORM_BARS
    assert min(bars[2:28]) > 240
    assert max(bars[36:]) < 10


def test_waveforms_of_any_length() -> None:
    assert waveform(array("H")) == bytes(64)
    assert waveform(array("H", [0, 0, 0])) == bytes(64)
    assert waveform(array("H", [100])) == b"\xff" * 64
    assert waveform(array("H", range(64))) == bytes(255 * n // 63 for n in range(64))
    assert len(waveform(array("H", range(1000)))) == 64


def test_errors_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedMediaError, match="no sound"):
        prepare_voice_note(Stop(), clip(tmp_path / "mute.mp4", sound=False))
    stop = Stop()
    stop.ask()
    with pytest.raises(MediaCancelledError):
        prepare_voice_note(stop, tone(tmp_path / "a.wav", 0.5))
    monkeypatch.setattr(voice, "VOICE_S_MAX", 1)
    with pytest.raises(MediaTooLargeError, match="VOICE_S_MAX = 1"):
        prepare_voice_note(Stop(), tone(tmp_path / "b.wav", 1.5))


def test_changed_recordings_are_a_note_or_a_named_error(tmp_path: Path) -> None:
    whole = {".wav": tone(tmp_path / "a.wav", 0.4).read_bytes(), ".mp4": clip(tmp_path / "a.mp4").read_bytes()}
    whole[".ogg"] = prepare_voice_note(Stop(), tmp_path / "a.wav").data
    dice = random.Random(20_261_124)
    outcomes: set[type] = set()
    for suffix, data in whole.items():
        for _ in range(15):
            hostile = bytearray(data[: dice.randrange(1, len(data))] if dice.random() < 0.4 else data)
            for _ in range(dice.randrange(1, 20)):
                hostile[dice.randrange(len(hostile))] = dice.randrange(256)
            path = tmp_path / f"hostile{suffix}"
            path.write_bytes(hostile)
            try:
                outcomes.add(type(prepare_voice_note(Stop(), path)))
            except MediaError as error:
                outcomes.add(type(error))
    assert VoiceNote in outcomes
    assert outcomes & {DamagedMediaError, UnsupportedMediaError}


def test_it_shows_no_content(tmp_path: Path) -> None:
    note = prepare_voice_note(Stop(), tone(tmp_path / "a.wav", 0.3))
    assert repr(note) == f"VoiceNote({note.duration_ms} ms, {len(note.data)} bytes)"
