"""A phone's own recording is taken as it is, without its tags; whatever else is refused by name."""

import io
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.media import ogg
from onebar.media.errors import DamagedMediaError, MediaError, MediaTooLargeError, UnsupportedMediaError
from onebar.media.ogg import plain_opus
from tests.sdk.media.recorded import phone_note, tone


def heard(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r") as sound:
        assert (sound.format.name, sound.streams.audio[0].codec_context.name) == ("ogg", "opus")
        assert not {"location", "title", "encoder"} & {name.lower() for name in sound.streams.audio[0].metadata}
        return sum(frame.samples for frame in sound.decode(audio=0))


@pytest.mark.parametrize("title", ["here", "x" * 200_000])
def test_tags_go_and_the_sound_stays(tmp_path: Path, title: str) -> None:
    data = phone_note(tmp_path / "a.wav", location="+48.1+11.5", title=title)
    plain, duration_ms = plain_opus(data)
    assert b"+48.1" in data
    assert b"+48.1" not in plain
    assert b"xxx" not in plain
    assert heard(plain) == heard_all(data)
    assert duration_ms == pytest.approx(1000, abs=30)
    assert plain_opus(plain) == (plain, duration_ms)


def heard_all(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r") as sound:
        return sum(frame.samples for frame in sound.decode(audio=0))


def test_what_is_no_opus_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in (b"", b"no sound" * 9, tone(tmp_path / "b.wav", 0.1).read_bytes()):
        with pytest.raises(UnsupportedMediaError):
            plain_opus(other)
    with pytest.raises(UnsupportedMediaError, match="one channel"):
        plain_opus(phone_note(tmp_path / "c.wav", layout="stereo"))
    with pytest.raises(UnsupportedMediaError, match="no Opus"):
        plain_opus(phone_note(tmp_path / "d.wav", codec="flac"))
    data = phone_note(tmp_path / "e.wav")
    monkeypatch.setattr(ogg, "OPUS_BYTES_MAX", len(data) - 1)
    with pytest.raises(MediaTooLargeError, match="OPUS_BYTES_MAX"):
        plain_opus(data)


def test_what_is_cut_or_changed_is_refused(tmp_path: Path) -> None:
    data = phone_note(tmp_path / "a.wav", 0.2)
    for cut in (10, 30, 60, len(data) // 2, len(data) - 1):
        with pytest.raises(MediaError):
            plain_opus(data[:cut])
    with pytest.raises(DamagedMediaError, match="checksum"):
        plain_opus(data[:-1] + bytes((data[-1] ^ 1,)))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_anything_else_is_an_error_of_ours(data: bytes) -> None:
    for hostile in (data, b"OggS" + data):
        with pytest.raises(MediaError):
            plain_opus(hostile)
