"""Opening a picture that someone else made: looked at before it is decoded, and every failure has a name.

Pillow is imported on first use: most runs of an app never need it.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from onebar.media.errors import DamagedMediaError, MediaError, MediaTooLargeError, UnsupportedMediaError
from onebar.media.jpeg import count_scans

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_MAX: Final = 50_000_000
"""Most pixels of a picture: the best phones' full resolution; decoded it takes 200 MB at worst."""

SIDE_PX_MAX: Final = 32_768
"""Longest side: twice that of a panorama; beyond it some formats change their meaning."""

PICTURE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longest file: four times the 16 MB that messengers take, because the camera's original is what comes in."""

SCANNED_PIXELS_MAX: Final = 12 * PIXELS_MAX
"""Most pixels times passes of a JPEG. Progressive ones have about ten passes; a hostile file of 10 kB can demand
thousands of them over 50 megapixels, each 0.3 s long, and Pillow has no limit of its own."""

MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what some phones make: a JPEG with a second one behind it
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "HEIF": "image/heic",
}
"""The formats that are opened, by Pillow's names. HEIF only where the app has registered pillow-heif."""

_HEIF: Final = re.compile(rb".{4}ftyp(hei[cmxs]|hev[cmx]|mif1|msf1)", re.DOTALL)
_KNOWN: Final = re.compile(rb"\xff\xd8|\x89PNG|RIFF.{4}WEBP|.{4}ftypavi[fs]|GIF8|BM", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture says about itself before it is decoded."""

    width: int
    """Pixels across, as stored: the camera may have been turned."""
    height: int
    """Pixels down, as stored."""
    media_type: str
    """Such as `image/jpeg`."""


def inspect_picture(source: bytes | Path) -> PictureFacts:
    """Look at a picture without decoding it; safe for whatever was received.

    Raises:
        UnsupportedMediaError: No picture, or of a kind that is not taken.
        MediaTooLargeError: Too many bytes, pixels or passes.
        DamagedMediaError: It is malformed.
    """
    with opened_picture(read_picture(source)) as picture:
        return PictureFacts(picture.width, picture.height, MEDIA_TYPES[str(picture.format)])


def read_picture(source: bytes | Path) -> bytes:
    """Return a picture's bytes.

    Raises:
        MediaTooLargeError: There are more than `PICTURE_BYTES_MAX`.
        MediaError: The file cannot be read.
    """
    data = _contents(source) if isinstance(source, Path) else source
    if len(data) > PICTURE_BYTES_MAX:
        raise MediaTooLargeError(f"the picture has more than PICTURE_BYTES_MAX = {PICTURE_BYTES_MAX} bytes")
    return data


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(PICTURE_BYTES_MAX + 1)
    except OSError as error:
        raise MediaError(f"the picture cannot be read: {error.strerror}") from error


@contextmanager
def opened_picture(data: bytes) -> Iterator["Image"]:
    """Open a picture, not decoded yet; what fails inside the block is named too.

    Raises:
        UnsupportedMediaError: No picture, or of a kind that is not taken.
        MediaTooLargeError: Too many pixels or passes, or its decoder wants too much memory.
        DamagedMediaError: It is malformed.
    """
    with named_failures(), _open(data) as picture:
        _check_size(picture, data)
        yield picture


@contextmanager
def named_failures() -> Iterator[None]:
    """Give a name to whatever a decoder raises: on hostile input, that is anything."""
    from PIL import Image

    try:
        yield
    except MediaError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaTooLargeError(f"the picture has more than PIXELS_MAX = {PIXELS_MAX} pixels") from error
    except MemoryError as error:
        raise MediaTooLargeError("there is not enough memory for this picture") from error
    except Exception as error:
        raise DamagedMediaError(f"the picture cannot be decoded ({type(error).__name__})") from error


def _open(data: bytes) -> "Image":
    from PIL import Image, UnidentifiedImageError

    Image.init()
    formats = [name for name in MEDIA_TYPES if name in Image.OPEN]
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        if _KNOWN.match(data):
            raise DamagedMediaError("the picture is malformed or cut short") from None
        if _HEIF.match(data):
            raise UnsupportedMediaError(
                "this is a HEIC picture; convert it to JPEG (phones can), or install and register pillow-heif"
            ) from None
        taken = ", ".join(sorted(name for name in formats if name != "MPO"))
        raise UnsupportedMediaError(f"this is no picture, or of a kind that is not taken; taken are {taken}") from None


def _check_size(picture: "Image", data: bytes) -> None:
    width, height = picture.size
    if width * height > PIXELS_MAX:
        raise MediaTooLargeError(f"the picture has {width} x {height} pixels, more than PIXELS_MAX = {PIXELS_MAX}")
    if max(width, height) > SIDE_PX_MAX:
        raise MediaTooLargeError(f"the picture is {width} x {height}, longer than SIDE_PX_MAX = {SIDE_PX_MAX}")
    if picture.format in ("JPEG", "MPO") and (scans := count_scans(data)) * width * height > SCANNED_PIXELS_MAX:
        raise MediaTooLargeError(f"the JPEG wants {scans} passes over {width} x {height} pixels: it is made to do harm")
