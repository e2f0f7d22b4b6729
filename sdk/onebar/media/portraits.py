"""The photo of a profile: the middle of a picture, square and small, without any metadata."""

from pathlib import Path
from typing import Final

from onebar.media.errors import MediaError
from onebar.media.offload import Stop
from onebar.media.photos import Codec, Recipe, encode_within
from onebar.media.pictures import inspect_picture, named_failures, read_picture
from onebar.media.pixels import plain_pixels, scaled

PORTRAIT_PX: Final = 256
"""Sides of the photo: a list shows a quarter of it, and a phone's info screen half of its width."""

DECODED_PX: Final = 1024
"""Long side of what it is cut from: the middle of a panorama has enough pixels then."""

RECIPE: Final = Recipe(Codec.JPEG, PORTRAIT_PX, 80, 30)
"""JPEG, because every app of the other side can show it; people at this size need 6 to 10 kB in quality 80."""


def prepare_portrait(stop: Stop, source: bytes | Path, bytes_max: int) -> bytes:
    """Make the photo of a profile ready to be told; blocking.

    Raises:
        UnsupportedMediaError: No picture, or of a kind that is not taken.
        MediaTooLargeError: Too many bytes, pixels or passes.
        DamagedMediaError: It is malformed or cut short.
        MediaBudgetError: It cannot be made as small as `bytes_max`.
        MediaCancelledError: It was stopped.
    """
    picture = plain_pixels(read_picture(source), DECODED_PX, stop.check)
    with named_failures():
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = scaled(picture.crop((left, top, left + side, top + side)), PORTRAIT_PX)
        return encode_within(square, RECIPE, bytes_max, stop)[1]


def harmless_portrait(photo: bytes) -> bytes:
    """Return a photo that somebody told, or nothing if an app had better not decode it; does not decode it.

    What this package makes is a JPEG of at most `PORTRAIT_PX`. Whatever else comes was made by another program, and a
    list of chats would decode it again and again.
    """
    try:
        facts = inspect_picture(photo)
    except MediaError:
        return b""
    small = max(facts.width, facts.height) <= PORTRAIT_PX
    return photo if small and facts.media_type == "image/jpeg" else b""
