"""What a message brings to be shown before its file is here: looked at when it comes, before any decoder sees it.

A hostile sender writes it, and apps hand it to their decoders unasked. So only what this SDK itself makes passes: a
simple WebP of a few pixels, a ThumbHash of an opaque picture. A kilobyte can else ask for 16,383 by 16,383 pixels, 1 GB
decoded.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from onebar.core.files import File
from onebar.errors import PreviewError

PREVIEW_PX_MAX: Final = 128
"""Longest side of a preview: this version makes them of 72 pixels, a later one may of more. 64 kB decoded."""

LIGHT_TERMS: Final = 7
"""Cosines of a ThumbHash along the longer side, of the lightness."""

COLOUR_TERMS: Final = 3
"""The same of the colours, along both sides; and the fewest of the lightness."""

THUMBHASH_HEADER_BYTES: Final = 5
"""Means, scales and shape."""

_WEBP_HEADER_BYTES: Final = 30  # RIFF, its size, WEBP, "VP8 ", its size, the frame's tag, start code and sides
_START_CODE: Final = b"\x9d\x01\x2a"

_log = logging.getLogger("onebar")


def harmless(message_no: int, file: File) -> File:
    """Return a file that came in without what might do harm before it is here; the log says what that was."""
    preview = _kept(message_no, "preview", file.preview, check_preview)
    thumbhash = _kept(message_no, "ThumbHash", file.thumbhash, check_thumbhash)
    if (preview, thumbhash) == (file.preview, file.thumbhash):
        return file
    return msgspec.structs.replace(file, preview=preview, thumbhash=thumbhash)


def check_preview(data: bytes) -> None:
    """Look at a preview: one lossy picture in a WebP, whose lengths are right, of at most 128 pixels a side (RFC 9649).

    Raises:
        PreviewError: It is something else.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise PreviewError("it is no WebP")
    if data[12:16] != b"VP8 " or len(data) < _WEBP_HEADER_BYTES:
        raise PreviewError("it is no simple WebP of one lossy picture")
    chunk = int.from_bytes(data[16:20], "little")
    if int.from_bytes(data[4:8], "little") != len(data) - 8 or 20 + chunk + chunk % 2 != len(data):
        raise PreviewError(f"its {len(data)} bytes are not those that its header speaks of")
    if data[20] & 1 or data[23:26] != _START_CODE:
        raise PreviewError("its picture is malformed")
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (26, 28))
    if not (0 < width <= PREVIEW_PX_MAX and 0 < height <= PREVIEW_PX_MAX):  # with the bits that ask to enlarge it
        raise PreviewError(
            f"it has {width} x {height} pixels, more than PREVIEW_PX_MAX = {PREVIEW_PX_MAX} a side, or none"
        )


def check_thumbhash(data: bytes) -> None:
    """Look at a ThumbHash: of an opaque picture, and as long as its shape asks for.

    Raises:
        PreviewError: It is something else.
    """
    if len(data) < THUMBHASH_HEADER_BYTES:
        raise PreviewError(f"it has {len(data)} bytes, fewer than its header")
    first, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    if first >> 23 or not second & 7:
        raise PreviewError("it is none of an opaque picture")
    if len(data) != thumbhash_bytes(*light_shape(second)):
        raise PreviewError(f"it has {len(data)} bytes, other than its shape asks for")


def light_shape(second: int) -> tuple[int, int]:
    """Return how many cosines across and down the lightness has, by the second number of a ThumbHash."""
    terms = max(COLOUR_TERMS, second & 7)
    return (LIGHT_TERMS, terms) if second >> 15 else (terms, LIGHT_TERMS)


def thumbhash_bytes(across: int, down: int) -> int:
    """Return the length of a ThumbHash whose lightness has so many cosines."""
    light, colour = (sum(1 for _ in waves(*shape)) - 1 for shape in ((across, down), (COLOUR_TERMS, COLOUR_TERMS)))
    return THUMBHASH_HEADER_BYTES + (light + 2 * colour + 1) // 2


def waves(across: int, down: int) -> Iterator[tuple[int, int]]:
    """Yield the frequencies (x, y) that a channel of a ThumbHash keeps: a triangle, the mean first."""
    for y in range(down):
        x = 0
        while x * down < across * (down - y):
            yield x, y
            x += 1


def _kept(message_no: int, what: str, data: bytes, check: Callable[[bytes], None]) -> bytes:
    if not data:
        return data
    try:
        check(data)
    except PreviewError as error:
        _log.warning("the %s of message %d was left out: %s", what, message_no, error)
        return b""
    return data
