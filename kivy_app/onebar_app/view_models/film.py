"""A video file, decoded a few frames ahead of who looks at it; and its sound, piece by piece. Needs PyAV."""

import io
import threading
import wave
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FRAMES_AHEAD: Final = 6
"""Frames that wait to be shown: a fifth of a second at 30 a second, 17 MB at 1280 x 720."""

SOUND_HZ: Final = 48_000
"""What most videos have, so that nothing is resampled twice."""

FRAME_PIXELS_MAX: Final = 8192 * 4352
"""Largest frame that is decoded: 8K, as phones record it. Decoders hold several, and hostile files ask for more."""

FORMATS: Final = "mov,mp4,3gp,matroska,webm"
"""FFmpeg's names of what is opened: formats that hold their own media, and not lists of addresses to read."""

CODECS: Final = "h264,hevc,vp8,vp9,av1,libdav1d,mpeg4,h263,aac,opus,libopus,vorbis,mp3,mp3float,amrnb,pcm_s16le"
"""FFmpeg's decoders that a video may use: what phones record and apps send. Each further one is more to attack."""

_OPTIONS: Final = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "codec_whitelist": CODECS}


class FilmError(Exception):
    """The file is no video that can be played here."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video."""

    at_s: float
    width: int
    height: int
    rgb: bytes = field(repr=False)
    """Three bytes a pixel, the top row first."""


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import av
    except ImportError as missing:
        raise FilmError("playing videos needs PyAV: pip install onebar[media]") from missing
    try:
        with av.open(str(path), options=_OPTIONS) as container:
            yield container
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise FilmError("the video is damaged, or of a kind that is not played") from error


def can_play() -> bool:
    """Whether videos can be played on this device."""
    try:
        import av  # noqa: F401 - whether it can be imported is the question
    except ImportError:
        return False
    return True


class Film:
    """A video. A thread of its own decodes it; `frame` never waits for it."""

    def __init__(self, path: Path, side_px_max: int) -> None:
        """Look at a video; blocking.

        Args:
            path: The file; it must stay until `close`.
            side_px_max: The longest side that a frame is scaled down to.

        Raises:
            FilmError: It cannot be played.
        """
        self._path, self._side_px_max = path, side_px_max
        self.duration_s = 0.0
        self.has_sound = False
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._run = 0  # a thread whose number is another one stops
        self._decoded_all = False
        self._thread: threading.Thread | None = None
        with _opened(path) as container:
            if not container.streams.video:
                raise FilmError("there is no picture in this file")
            stream = container.streams.video[0]
            if stream.width * stream.height > FRAME_PIXELS_MAX:
                raise FilmError(f"its frames have more than FRAME_PIXELS_MAX = {FRAME_PIXELS_MAX} pixels")
            self.has_sound = bool(container.streams.audio)
            self.duration_s = float(container.duration or 0) / 1_000_000

    @property
    def ended(self) -> bool:
        """Whether the last frame was given out."""
        return self._decoded_all and not self._frames

    def play_from(self, at_s: float) -> None:
        """Decode from a place on."""
        with self._changed:
            self._run += 1
            self._frames.clear()
            self._decoded_all = False
            self._changed.notify_all()
            run = self._run
        before = self._thread
        self._thread = threading.Thread(target=self._decode, args=(run, at_s, before), name="onebar-film", daemon=True)
        self._thread.start()

    def frame(self, now_s: float) -> Frame | None:
        """Return the newest frame that is due and was not given out yet; those that are late are left out."""
        due: Frame | None = None
        with self._changed:
            while self._frames and self._frames[0].at_s <= now_s:
                due = self._frames.popleft()
            self._changed.notify_all()
        return due

    def first(self) -> Frame | None:
        """Return the next frame, whenever it is due: what a paused film shows after a jump."""
        with self._changed:
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
        return frame

    def sound(self, at_s: float, length_s: float) -> bytes:
        """Return a piece of the sound as WAV, empty if there is none there; blocking.

        Raises:
            FilmError: It is damaged.
        """
        if not self.has_sound:
            return b""
        out = io.BytesIO()
        with _opened(self._path) as container, wave.open(out, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(SOUND_HZ)
            wanted = round(length_s * SOUND_HZ)
            for part in _samples(container, at_s):
                sound.writeframes(part[: 2 * wanted])
                wanted -= len(part) // 2
                if wanted <= 0:
                    break
            empty = not sound.getnframes()
        return b"" if empty else out.getvalue()

    def close(self) -> None:
        """Stop decoding; blocking for as long as one frame takes."""
        with self._changed:
            self._run += 1
            self._frames.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _decode(self, run: int, at_s: float, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        with suppress(FilmError), _opened(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if at_s > 0:
                container.seek(int(at_s * 1_000_000), backward=True)
            for frame in container.decode(stream):
                place = float(frame.time or 0.0)
                if place < at_s - 0.001:
                    if run != self._run:
                        return
                    continue  # between the key frame before and what was asked for
                if not self._give(run, _picture(frame, place, self._side_px_max)):
                    return
        with self._changed:
            if run == self._run:
                self._decoded_all = True  # a damaged film ends where the damage is
                self._changed.notify_all()

    def _give(self, run: int, frame: Frame) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: run != self._run or len(self._frames) < FRAMES_AHEAD)
            if run != self._run:
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True


def _picture(frame: Any, at_s: float, side_px_max: int) -> Frame:
    scale = min(1.0, side_px_max / max(frame.width, frame.height))
    width, height = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    picture = frame.reformat(width=width, height=height, format="rgb24").to_image()
    if frame.rotation:
        picture = picture.rotate(frame.rotation, expand=True)
    return Frame(at_s, picture.width, picture.height, picture.tobytes())


def _samples(container: Any, at_s: float) -> Iterator[bytes]:
    """Yield the sound from a place on, as 16 bits in one channel."""
    import av

    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SOUND_HZ)
    if at_s > 0:
        container.seek(int(at_s * 1_000_000), backward=True)
    skip: int | None = None
    for frame in container.decode(stream):
        if skip is None:  # what is between the place that can be jumped to and what was asked for
            skip = 2 * max(0, round((at_s - float(frame.time or 0.0)) * SOUND_HZ))
        for part in resampler.resample(frame):
            content = bytes(part.planes[0])[: 2 * part.samples]
            cut = min(skip, len(content))
            skip -= cut
            if cut < len(content):
                yield content[cut:]
