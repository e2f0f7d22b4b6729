"""A video comes out small, upright, ready to play, without place and time; a small one is left as it is."""

import random
import struct
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from onebar.media import videos
from onebar.media.errors import MediaCancelledError, MediaError, MediaTooLargeError, UnsupportedMediaError
from onebar.media.offload import Stop
from onebar.media.thumbhash import decode_thumbhash
from onebar.media.videos import Video, prepare_video
from tests.sdk.media.made import loaded, scene
from tests.sdk.media.recorded import boxes, clip, tone


def first_frame(path: Path) -> Image.Image:
    with av.open(str(path)) as file:
        picture = next(file.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
    assert isinstance(picture, Image.Image)
    return picture


def difference(first: Image.Image, second: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(first, second.resize(first.size))).mean)


def test_a_large_video_becomes_480p_h264_and_mono_aac(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "a.mp4", (1280, 720), frames=24), tmp_path / "b.mp4"
    video = prepare_video(Stop(), source, target)
    assert video.encoded
    assert video.file_bytes == target.stat().st_size < source.stat().st_size / 2
    assert (video.width, video.height) == (848, 476)
    assert video.duration_ms == pytest.approx(1000, abs=100)
    with av.open(str(target)) as file:
        picture, sound = file.streams.video[0].codec_context, file.streams.audio[0].codec_context
        assert (picture.name, picture.profile, picture.width, picture.height) == ("h264", "Main", 848, 476)
        assert (sound.name, sound.layout.name, sound.rate) == ("aac", "mono", 48_000)
        assert sum(1 for _ in file.decode(video=0)) == 24
    assert difference(first_frame(target), scene(1280, 720)) < 6
    assert repr(video) == f"Video(848x476, {video.duration_ms} ms, {video.file_bytes} bytes)"


@pytest.mark.parametrize("crf", ["10", "40"])
def test_it_plays_before_it_is_whole_and_tells_no_place_and_no_time(tmp_path: Path, crf: str) -> None:
    source, target = clip(tmp_path / "a.mp4", crf=crf), tmp_path / "b.mp4"
    with av.open(str(source)) as file:
        assert file.metadata["location"].startswith("+52.5")
    assert b"loci" in source.read_bytes()
    video = prepare_video(Stop(), source, target)
    assert video.encoded == (crf == "10")
    data = target.read_bytes()
    assert b"loci" not in data
    assert b"\xa9xyz" not in data
    names = boxes(data)
    assert names.index(b"moov") < names.index(b"mdat")
    with av.open(str(target)) as file:
        assert not {"location", "creation_time"} & file.metadata.keys()
        assert all("creation_time" not in stream.metadata for stream in file.streams)


def test_a_small_video_keeps_its_very_pictures(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "a.mp4", crf="40"), tmp_path / "b.mp4"
    video = prepare_video(Stop(), source, target)
    assert not video.encoded
    assert video.duration_ms > 400
    assert ImageChops.difference(first_frame(source), first_frame(target)).getbbox() is None


def test_the_saver_is_smaller(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", (1280, 720))
    saver = prepare_video(Stop(), source, tmp_path / "b.mp4", videos.SAVER_SIDE_PX)
    assert (saver.width, saver.height) == (640, 360)


def test_other_kinds_become_mp4_and_mute_ones_stay_mute(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "a.mkv", sound=False, codec="mpeg2video", format="matroska"), tmp_path / "b.mp4"
    assert prepare_video(Stop(), source, target).encoded
    with av.open(str(target)) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264"]


def test_more_than_thirty_frames_a_second_are_thinned_out(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "a.mp4", (640, 480), frames=60, rate=60, crf="1"), tmp_path / "b.mp4"
    assert prepare_video(Stop(), source, target).encoded
    with av.open(str(target)) as file:
        assert 28 <= sum(1 for _ in file.decode(video=0)) <= 32


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    video = prepare_video(Stop(), clip(tmp_path / "a.mp4", (1002, 334)), tmp_path / "b.mp4")
    assert (video.width, video.height) == (848, 282)


@pytest.mark.parametrize(("clockwise", "matrix"), [(90, (0, 1, -1, 0)), (180, (-1, 0, 0, -1)), (270, (0, -1, 1, 0))])
@pytest.mark.parametrize("crf", ["10", "40"])
def test_a_turned_phone_gives_an_upright_video(
    tmp_path: Path, clockwise: int, matrix: tuple[int, int, int, int], crf: str
) -> None:
    source, target = clip(tmp_path / "a.mp4", crf=crf), tmp_path / "b.mp4"
    data = bytearray(source.read_bytes())
    a, b, c, d = (number << 16 for number in matrix)  # 16.16 fixed point (ISO/IEC 14496-12, 6.2.2)
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    source.write_bytes(data)
    video = prepare_video(Stop(), source, target)
    upright = scene().rotate(-clockwise, expand=True)
    assert (video.width, video.height) == first_frame(target).size == upright.size
    assert difference(first_frame(target), upright) < 6
    assert difference(loaded(video.preview).convert("RGB"), upright) < 12


def test_previews_show_the_first_frame(tmp_path: Path) -> None:
    video = prepare_video(Stop(), clip(tmp_path / "a.mp4"), tmp_path / "b.mp4")
    assert difference(loaded(video.preview).convert("RGB"), scene()) < 12
    assert decode_thumbhash(video.thumbhash)[0] == 32


def test_errors_have_names_and_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "b.mp4"
    with pytest.raises(UnsupportedMediaError, match="no picture"):
        prepare_video(Stop(), tone(tmp_path / "a.wav", 0.2), target)
    stop = Stop()
    stop.ask()
    source = clip(tmp_path / "a.mp4")
    with pytest.raises(MediaCancelledError):
        prepare_video(stop, source, target)
    monkeypatch.setattr(videos, "FRAMES_MAX", 5)
    with pytest.raises(MediaTooLargeError, match="FRAMES_MAX = 5"):
        prepare_video(Stop(), source, target)
    assert not target.exists()


def test_changed_videos_are_a_video_or_a_named_error(tmp_path: Path) -> None:
    data, target = clip(tmp_path / "a.mp4", (96, 64)).read_bytes(), tmp_path / "b.mp4"
    dice = random.Random(20_261_124)
    outcomes: set[type] = set()
    for _ in range(30):
        hostile = bytearray(data[: dice.randrange(1, len(data))] if dice.random() < 0.4 else data)
        for _ in range(dice.randrange(1, 20)):
            hostile[dice.randrange(len(hostile))] = dice.randrange(256)
        path = tmp_path / "hostile.mp4"
        path.write_bytes(hostile)
        try:
            outcomes.add(type(prepare_video(Stop(), path, target)))
        except MediaError as error:
            outcomes.add(type(error))
            assert not target.exists()
    assert Video in outcomes
    assert len(outcomes) > 1
