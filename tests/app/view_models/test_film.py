"""A video is decoded a little ahead, from anywhere in it; what is none is refused."""

import io
import sys
import time
import wave
from pathlib import Path

import pytest

from onebar_app.view_models import film as module
from onebar_app.view_models.film import FRAMES_AHEAD, Film, FilmError, Frame, can_play
from tests.sdk.media.recorded import clip, tone

PATIENCE_S = 20


def next_frame(film: Film) -> Frame:
    """Wait for the decoder's thread; fail loudly."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        frame = film.first()
        if frame is not None:
            return frame
    raise TimeoutError("no frame came")


def test_frames_come_in_order_scaled_and_then_end(tmp_path: Path) -> None:
    film = Film(clip(tmp_path / "a.mp4", (320, 240), 12), 160)
    film.play_from(0.0)
    frames = [next_frame(film) for _ in range(12)]
    assert [frame.at_s for frame in frames] == sorted({frame.at_s for frame in frames})
    assert {(frame.width, frame.height, len(frame.rgb)) for frame in frames} == {(160, 120, 160 * 120 * 3)}
    assert film.first() is None
    film.close()
    assert len(film._frames) == 0
    assert "rgb" not in repr(frames[0])


def test_it_waits_a_few_frames_ahead_and_leaves_out_what_is_late(tmp_path: Path) -> None:
    film = Film(clip(tmp_path / "a.mp4", frames=60), 64)
    film.play_from(0.0)
    with film._changed:
        assert film._changed.wait_for(lambda: len(film._frames) == FRAMES_AHEAD, PATIENCE_S)
    assert film.frame(-1.0) is None
    last = film._frames[-1].at_s
    late = film.frame(last)
    assert late is not None
    assert late.at_s == last
    film.close()
    film.close()


def test_it_begins_anywhere(tmp_path: Path) -> None:
    film = Film(clip(tmp_path / "a.mp4", frames=60), 64)
    for part in (0.5, 0.0, 0.9):
        film.play_from(film.duration_s * part)
        assert next_frame(film).at_s == pytest.approx(film.duration_s * part, abs=0.1)
    film.play_from(film.duration_s + 1)
    with film._changed:
        assert film._changed.wait_for(lambda: film.ended, PATIENCE_S)
    film.close()


def test_sound_comes_in_pieces_of_the_right_length(tmp_path: Path) -> None:
    film = Film(clip(tmp_path / "a.mp4", frames=60), 64)
    assert film.has_sound
    for at_s, length_s in ((0.0, 0.5), (1.0, 0.25)):
        with wave.open(io.BytesIO(film.sound(at_s, length_s))) as piece:
            assert piece.getframerate() == module.SOUND_HZ
            assert piece.getnframes() == round(length_s * module.SOUND_HZ)
    assert film.sound(film.duration_s + 60, 1.0) == b""
    silent = Film(clip(tmp_path / "b.mp4", sound=False), 64)
    assert silent.sound(0.0, 1.0) == b""


def test_what_is_no_video_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, playlist = tmp_path / "a.mp4", tmp_path / "b.mp4"
    text.write_text("no video")
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    for path in (text, playlist, tone(tmp_path / "c.wav", 0.2)):
        with pytest.raises(FilmError):
            Film(path, 64)
    with monkeypatch.context() as patch:
        patch.setattr(module, "FRAME_PIXELS_MAX", 100)
        with pytest.raises(FilmError, match="100"):
            Film(clip(tmp_path / "d.mp4"), 64)
    assert can_play()
    monkeypatch.setitem(sys.modules, "av", None)
    assert not can_play()
    with pytest.raises(FilmError, match=r"onebar\[media\]"):
        Film(text, 64)


def test_a_video_that_is_cut_short_plays_up_to_there(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mkv", frames=60)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 2 // 3])
    film = Film(whole, 64)
    film.play_from(0.0)
    end = time.monotonic() + PATIENCE_S
    while not film.ended:
        film.first()
        assert time.monotonic() < end
    film.close()
