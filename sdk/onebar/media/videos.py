"""Videos: H.264 and AAC at 480p, ready to play before they have arrived whole, without a place or a time in them."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from onebar.media.containers import load_pyav, opened_container
from onebar.media.errors import MediaTooLargeError, UnsupportedMediaError
from onebar.media.offload import Stop
from onebar.media.photos import HASHED_PX, PREVIEW_PX, encode_preview
from onebar.media.pixels import fitting, scaled
from onebar.media.thumbhash import encode_thumbhash

SIDE_PX: Final = 848
"""Long side of a video: 480p."""

SAVER_SIDE_PX: Final = 640
"""Long side in data-saver mode: 360p."""

CRF: Final = 26
"""x264's quality: 43 dB on a phone's recording at 250 kbit/s."""

FRAMES_PER_S_MAX: Final = 30
"""More frames than that are left out."""

FRAMES_MAX: Final = 3_600 * 60
"""Most frames that are decoded: an hour at 60 a second."""

SMALL_BITS_PER_S: Final = 500_000
"""A video that has no more than this and fits the size is not encoded again: it would lose quality for few bytes."""

AUDIO_BITS_PER_S: Final = 48_000
"""AAC, mono: music is still music."""

AUDIO_RATE_HZ: Final = 48_000
"""What phones record."""

_TICKS_PER_S: Final = 90_000
_PLAYED_EVERYWHERE: Final = {"h264", "aac"}
_FASTSTART: Final = {"movflags": "+faststart", "fflags": "+bitexact"}
_TURNS: Final = {90: "transpose=cclock", -90: "transpose=clock", 180: "hflip,vflip", -180: "hflip,vflip"}


@dataclass(frozen=True, slots=True)
class Video:
    """A video ready to be sealed and sent; the file is where it was asked for."""

    file_bytes: int
    """The file's length."""
    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    duration_ms: int
    """How long it plays."""
    encoded: bool
    """Whether it was encoded anew; otherwise it was small already and only lost its metadata."""
    thumbhash: bytes
    """Of the first frame, as for photos."""
    preview: bytes
    """Of the first frame, as for photos."""

    def __repr__(self) -> str:
        """Show sizes, and nothing of what is seen."""
        return f"Video({self.width}x{self.height}, {self.duration_ms} ms, {self.file_bytes} bytes)"


def prepare_video(stop: Stop, source: Path, target: Path, side_px: int = SIDE_PX) -> Video:
    """Make a video ready to be sent and write it to `target`; blocking, for `Offload.run`.

    Args:
        stop: Ends it early; looked at for every frame.
        source: The recording's path.
        target: Where to write the MP4; there is no file if this raises.
        side_px: `SIDE_PX` or `SAVER_SIDE_PX`.

    Raises:
        MediaExtraMissingError: PyAV is not installed.
        UnsupportedMediaError: There is no picture in it, or its kind is not taken.
        MediaTooLargeError: Its frames are too large or too many.
        DamagedMediaError: It is malformed.
        MediaCancelledError: It was stopped.
    """
    try:
        return _prepare(stop, source, target, side_px)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _prepare(stop: Stop, source: Path, target: Path, side_px: int) -> Video:
    with opened_container(source) as recording:
        if not recording.streams.video:
            raise UnsupportedMediaError("there is no picture in this file")
        facts, playable = _look(recording, side_px)
    small = playable and facts.fits and facts.bits_per_s <= SMALL_BITS_PER_S
    if not small:
        with opened_container(source) as recording:
            _encode(stop, recording, target, facts)
    if small or (playable and target.stat().st_size >= source.stat().st_size):
        with opened_container(source) as recording:
            _copy(stop, recording, target)
        return _described(target, facts, encoded=False)
    return _described(target, facts, encoded=True)


@dataclass(frozen=True, slots=True)
class _Facts:
    width: int
    height: int
    turn: str
    fits: bool
    bits_per_s: int
    frames_per_s: Fraction
    thumbhash: bytes
    preview: bytes


def _look(recording: Any, side_px: int) -> tuple[_Facts, bool]:
    """Decode the first frame; return what is to be known, and whether every phone can play the recording as it is."""
    stream = recording.streams.video[0]
    first = next(recording.decode(stream), None)
    if first is None:
        raise UnsupportedMediaError("there is no picture in this file")
    turn = _TURNS.get(first.rotation, "")
    upright = (first.height, first.width) if turn.startswith("transpose") else (first.width, first.height)
    width, height = (max(2, side // 2 * 2) for side in fitting(upright, side_px))
    picture = first.to_image()
    if first.rotation:
        picture = picture.rotate(first.rotation, expand=True)
    small = scaled(picture, PREVIEW_PX)
    tiny = scaled(small, HASHED_PX)
    names = {other.codec_context.name for other in (stream, *recording.streams.audio[:1])}
    facts = _Facts(
        width,
        height,
        turn,
        max(upright) <= side_px,
        recording.bit_rate or SMALL_BITS_PER_S + 1,
        min(stream.guessed_rate or Fraction(FRAMES_PER_S_MAX), Fraction(FRAMES_PER_S_MAX)),
        encode_thumbhash(*tiny.size, tiny.tobytes()),
        encode_preview(small),
    )
    return facts, names <= _PLAYED_EVERYWHERE and not first.rotation  # copies would lose how it was held


def _encode(stop: Stop, recording: Any, target: Path, facts: _Facts) -> None:
    av = load_pyav()
    with av.open(str(target), "w", format="mp4", options=_FASTSTART) as made:
        options = {"crf": str(CRF), "preset": "veryfast", "profile": "main"}
        picture = made.add_stream("libx264", rate=facts.frames_per_s, options=options)
        picture.width, picture.height, picture.pix_fmt = facts.width, facts.height, "yuv420p"
        picture.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        shrink = _Shrink(av, recording.streams.video[0], facts)
        streams = [recording.streams.video[0]]
        if recording.streams.audio:
            streams.append(recording.streams.audio[0])
            sound = made.add_stream("aac", rate=AUDIO_RATE_HZ, layout="mono")
            sound.bit_rate = AUDIO_BITS_PER_S
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=AUDIO_RATE_HZ, frame_size=1024)
        for frame in recording.decode(streams):
            stop.check()
            if isinstance(frame, av.VideoFrame):
                for smaller in shrink.frames(frame):
                    made.mux(picture.encode(smaller))
            else:
                for part in resampler.resample(frame):
                    made.mux(sound.encode(part))
        made.mux(picture.encode(None))
        if len(streams) > 1:
            for part in resampler.resample(None):
                made.mux(sound.encode(part))
            made.mux(sound.encode(None))


class _Shrink:
    """Turns and scales frames, and leaves out what is more than 30 a second."""

    def __init__(self, av: Any, stream: Any, facts: _Facts) -> None:
        self._graph = av.filter.Graph()
        first = last = self._graph.add_buffer(template=stream)
        steps = [*filter(None, facts.turn.split(",")), f"scale={facts.width}:{facts.height}", "format=yuv420p"]
        for step in steps:
            name, _, arguments = step.partition("=")
            following = self._graph.add(name, arguments or None)
            last.link_to(following)
            last = following
        last.link_to(self._graph.add("buffersink"))
        self._graph.configure()
        self._input = first
        self._count = 0
        self._due_s = float("-inf")

    def frames(self, frame: Any) -> list[Any]:
        """Return the frame, made smaller, or nothing."""
        self._count += 1
        if self._count > FRAMES_MAX:
            raise MediaTooLargeError(f"the video has more than FRAMES_MAX = {FRAMES_MAX} frames")
        if frame.time is None or frame.time < self._due_s:
            return []
        self._due_s = max(frame.time, self._due_s) + 0.95 / FRAMES_PER_S_MAX  # recorders' clocks waver
        self._input.push(frame)
        smaller = self._graph.pull()
        smaller.pict_type = 0  # the encoder chooses where its own key frames are
        return [smaller]


def _copy(stop: Stop, recording: Any, target: Path) -> None:
    """Write the same pictures and sounds into a new file; tags, and tracks of places and times, stay behind."""
    av = load_pyav()
    kept = [recording.streams.video[0], *recording.streams.audio[:1]]
    with av.open(str(target), "w", format="mp4", options=_FASTSTART) as made:
        copies = {stream.index: made.add_stream_from_template(stream) for stream in kept}
        for copy in copies.values():
            copy.metadata.clear()
        for packet in recording.demux(kept):
            stop.check()
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                made.mux(packet)


def _described(target: Path, facts: _Facts, *, encoded: bool) -> Video:
    with opened_container(target) as made:
        duration_ms = (made.duration or 0) // 1000
    size = target.stat().st_size
    return Video(size, facts.width, facts.height, duration_ms, encoded, facts.thumbhash, facts.preview)
