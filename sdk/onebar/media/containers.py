"""Opening a video or a sound that someone else made, with PyAV, which is the extra `media`.

Only formats that hold their own media are opened: FFmpeg knows others that name further files and addresses to read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from onebar.media.errors import (
    DamagedMediaError,
    MediaError,
    MediaExtraMissingError,
    MediaTooLargeError,
    UnsupportedMediaError,
)

if TYPE_CHECKING:
    from av.container import InputContainer

CONTAINER_BYTES_MAX: Final = 2 * 1024**3
"""Longest file: what can be sent at all (`onebar.crypto.attachments.FILE_BYTES_MAX`)."""

FRAME_PIXELS_MAX: Final = 8192 * 4352
"""Most pixels of a video's frame: 8K, the largest that phones record; decoders hold several of them."""

FORMATS: Final = "mov,mp4,3gp,matroska,webm,ogg,wav,mp3,aac,flac,amr,avi,mpegts,mpeg"
"""FFmpeg's names of what phones and computers record."""

_OPTIONS: Final = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


@contextmanager
def opened_container(source: Path) -> Iterator["InputContainer"]:
    """Open a video or a sound; what fails inside the block is named too.

    Raises:
        MediaExtraMissingError: PyAV is not installed.
        MediaError: The file cannot be read.
        MediaTooLargeError: It has more than `CONTAINER_BYTES_MAX`, or its frames are too large.
        UnsupportedMediaError: No video or sound, or of a kind that is not taken.
        DamagedMediaError: It is malformed or cut short.
    """
    av = load_pyav()
    _check_bytes(source)
    with named_av_failures():
        try:
            container = av.open(str(source), options=_OPTIONS)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            raise UnsupportedMediaError(
                f"this is no video or sound, or of a kind that is not taken; taken are {FORMATS}"
            ) from error
        with container:
            for stream in container.streams.video:
                _check_frames(stream)
            yield container


def load_pyav() -> Any:
    """Return the package `av`; Any, because it may not be installed.

    Raises:
        MediaExtraMissingError: It is not.
    """
    try:
        import av
    except ImportError as error:
        raise MediaExtraMissingError("videos and voice notes need PyAV: pip install 'onebar[media]'") from error
    av.logging.set_level(None)  # what FFmpeg has to say about hostile files is no business of the app's terminal
    return av


@contextmanager
def named_av_failures() -> Iterator[None]:
    """Give a name to whatever FFmpeg raises: on hostile input, that is anything."""
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise MediaTooLargeError("there is not enough memory for this file") from error
    except Exception as error:
        raise DamagedMediaError(f"the video or sound cannot be decoded ({type(error).__name__})") from error


def _check_bytes(source: Path) -> None:
    try:
        size = source.stat().st_size
    except OSError as error:
        raise MediaError(f"the video or sound cannot be read: {error.strerror}") from error
    if size > CONTAINER_BYTES_MAX:
        raise MediaTooLargeError(f"the file has {size} bytes, more than CONTAINER_BYTES_MAX = {CONTAINER_BYTES_MAX}")


def _check_frames(stream: Any) -> None:
    pixels = stream.codec_context.width * stream.codec_context.height
    if pixels > FRAME_PIXELS_MAX:
        raise MediaTooLargeError(f"a frame has {pixels} pixels, more than FRAME_PIXELS_MAX = {FRAME_PIXELS_MAX}")
    # Frames may grow in the middle of a stream: the decoder itself has to know.
    stream.codec_context.options = {"max_pixels": str(FRAME_PIXELS_MAX)}
