"""Only files that hold their own media are opened, and every failure has a name."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from onebar.media import containers
from onebar.media.containers import load_pyav, named_av_failures, opened_container
from onebar.media.errors import (
    DamagedMediaError,
    MediaError,
    MediaExtraMissingError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from tests.sdk.media.recorded import clip, tone


def test_a_recording_opens(tmp_path: Path) -> None:
    with opened_container(clip(tmp_path / "a.mp4")) as recording:
        assert len(recording.streams.video) == len(recording.streams.audio) == 1


@pytest.mark.parametrize("content", [b"", b"hello", bytes(5000)])
def test_what_is_no_recording_is_not_taken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError), opened_container(path):
        pass


def test_playlists_that_name_other_files_are_never_followed(tmp_path: Path) -> None:
    tone(tmp_path / "secret.wav", 0.1)
    for name, text in (
        ("list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", f"ffconcat version 1.0\nfile '{tmp_path}/secret.wav'\n"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(UnsupportedMediaError, match="taken are mov"), opened_container(path):
            pass


def test_a_missing_file_is_named_without_its_name(tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError, match="cannot be read: No such file") as told,
        opened_container(tmp_path / "holiday"),
    ):
        pass
    assert "holiday" not in str(told.value)


def test_long_files_and_large_frames_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "a.mp4")
    monkeypatch.setattr(containers, "FRAME_PIXELS_MAX", 320 * 240 - 1)
    with pytest.raises(MediaTooLargeError, match="FRAME_PIXELS_MAX = 76799"), opened_container(path):
        pass
    monkeypatch.setattr(containers, "CONTAINER_BYTES_MAX", 1000)
    with pytest.raises(MediaTooLargeError, match="CONTAINER_BYTES_MAX = 1000"), opened_container(path):
        pass


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "av":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MediaExtraMissingError, match=r"pip install 'onebar\[media\]'"):
        load_pyav()


def test_whatever_ffmpeg_raises_gets_a_name() -> None:
    for raised, named in (
        (MemoryError(), MediaTooLargeError),
        (RuntimeError("x"), DamagedMediaError),
        (UnsupportedMediaError("mine"), UnsupportedMediaError),
    ):
        with pytest.raises(named), named_av_failures():
            raise raised
