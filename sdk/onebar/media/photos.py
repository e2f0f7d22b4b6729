"""A photo on its way out: turned upright, in sRGB, no larger than a screen shows, without any metadata.

The order: size checked, decoded at a fraction of the size where the format allows it, turned as the camera was held,
colours to sRGB, resized, encoded. Encoders get a picture of three plain channels, so there is nothing to leak.
"""

import io
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from onebar.media.errors import MediaBudgetError
from onebar.media.jpeg import quantisation
from onebar.media.offload import Stop
from onebar.media.pictures import named_failures, read_picture
from onebar.media.pixels import plain_pixels, scaled
from onebar.media.thumbhash import encode_thumbhash

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEW_PX: Final = 72
"""Long side of the preview: a quarter of a chat's photo on a phone."""

PREVIEW_BYTES_MAX: Final = 1024
"""Longest preview: it travels inside the message, and 1 kB takes 0.4 s at 20 kbit/s."""

PREVIEW_QUALITIES: Final = (80, 65, 50, 35, 20, 0)
"""Tried one after another until the preview is short enough; each takes a millisecond."""

HASHED_PX: Final = 50
"""Long side of what the ThumbHash is made from: from twice as much comes the same hash in four times the time."""

AVIF_SPEED: Final = 8
"""libaom's effort: 6 makes files 8 % smaller in 2.5 times the time, 10 makes them 5 % larger in a quarter of it."""

SEARCH_STEPS: Final = 5
"""How often a photo is encoded to meet a byte budget at one size; after five the quality is known within two steps."""

SHRINK: Final = 0.7
"""What a photo's sides become if the lowest quality is still too large: half the pixels."""

BUDGET_PX_MIN: Final = 96
"""Long side below which a byte budget is given up: the preview, which travels anyway, has 72."""


class Codec(StrEnum):
    """What a photo is encoded as."""

    JPEG = "image/jpeg"
    """Everything can show it."""
    AVIF = "image/avif"
    """A fifth smaller at the same quality; only if every device of the recipients has announced that it can."""


class PhotoMode(StrEnum):
    """How much of a photo is kept."""

    STANDARD = "standard"
    """1600 pixels on the long side."""
    HD = "hd"
    """4096 pixels."""
    DATA_SAVER = "data_saver"
    """About half the bytes of `STANDARD`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a photo is made: the size of its long side, and the encoder's quality."""

    codec: Codec
    side_px: int
    quality: int
    quality_min: int
    """How low a byte budget may press it before the photo is made smaller instead."""


RECIPES: Final = {
    (PhotoMode.STANDARD, Codec.JPEG): Recipe(Codec.JPEG, 1600, 80, 40),
    (PhotoMode.STANDARD, Codec.AVIF): Recipe(Codec.AVIF, 1600, 66, 30),
    (PhotoMode.HD, Codec.JPEG): Recipe(Codec.JPEG, 4096, 80, 40),
    (PhotoMode.HD, Codec.AVIF): Recipe(Codec.AVIF, 4096, 66, 30),
    (PhotoMode.DATA_SAVER, Codec.JPEG): Recipe(Codec.JPEG, 1600, 52, 40),
    (PhotoMode.DATA_SAVER, Codec.AVIF): Recipe(Codec.AVIF, 1600, 50, 30),
}
"""STANDARD is what WhatsApp sends; AVIF's 66 has the SSIMULACRA2 of JPEG's 80 (`make bench-media`)."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo ready to be sealed and sent."""

    data: bytes
    """The file."""
    media_type: str
    """`image/jpeg` or `image/avif`."""
    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    thumbhash: bytes
    """About 21 bytes, at most 25, for every message."""
    preview: bytes
    """A WebP of 72 pixels and at most 1 kB, for a message on a good link."""

    def __repr__(self) -> str:
        """Show sizes, and nothing of what is in the picture."""
        return f"Photo({self.media_type}, {self.width}x{self.height}, {len(self.data)} bytes)"


def prepare_photo(
    stop: Stop,
    source: bytes | Path,
    mode: PhotoMode = PhotoMode.STANDARD,
    codec: Codec = Codec.JPEG,
    bytes_max: int | None = None,
) -> Photo:
    """Make a photo ready to be sent; blocking, for `Offload.run`.

    Args:
        stop: Ends it early; looked at between the steps, the longest of which is one encoding.
        source: A file's bytes or its path.
        mode: How much of it is kept.
        codec: What to encode it as.
        bytes_max: On a very slow link, the most bytes it may have: first the quality goes down, then the size.

    Raises:
        UnsupportedMediaError: No picture, or of a kind that is not taken.
        MediaTooLargeError: Too many bytes, pixels or passes.
        DamagedMediaError: It is malformed or cut short.
        MediaBudgetError: It cannot be made as small as `bytes_max`.
        MediaCancelledError: It was stopped.
    """
    recipe = RECIPES[mode, codec]
    stop.check()
    picture = plain_pixels(read_picture(source), recipe.side_px, stop.check)
    with named_failures():
        if bytes_max is None:
            data = encode_photo(picture, recipe)
        else:
            picture, data = encode_within(picture, recipe, bytes_max, stop)
        stop.check()
        small = scaled(picture, PREVIEW_PX)
        tiny = scaled(small, HASHED_PX)
        thumbhash = encode_thumbhash(*tiny.size, tiny.tobytes())
        return Photo(data, codec, picture.width, picture.height, thumbhash, encode_preview(small))


def encode_photo(picture: "Image", recipe: Recipe) -> bytes:
    """Encode a picture of plain pixels."""
    file = io.BytesIO()
    if recipe.codec is Codec.AVIF:
        picture.save(file, "AVIF", quality=recipe.quality, speed=AVIF_SPEED, subsampling="4:2:0", max_threads=1)
    else:
        table = quantisation(recipe.quality)
        picture.save(file, "JPEG", qtables=[table, table], subsampling="4:2:0", progressive=True, optimize=True)
    return file.getvalue()


def can_make_avif() -> bool:
    """Whether this Pillow can encode AVIF: those of some phones cannot."""
    from PIL import features

    return bool(features.check("avif"))


def encode_preview(picture: "Image") -> bytes:
    """Encode a picture of at most 72 pixels a side as WebP, in at most 1 kB."""
    for quality in PREVIEW_QUALITIES:
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= PREVIEW_BYTES_MAX:
            break
    else:  # noise; half the sides always fit
        return encode_preview(scaled(picture, max(picture.size) // 2))
    return file.getvalue()


def encode_within(picture: "Image", recipe: Recipe, bytes_max: int, stop: Stop) -> tuple["Image", bytes]:
    """Encode as well as the budget allows; first the quality goes down, then the size."""
    while True:
        if data := _best_within(picture, recipe, bytes_max, stop):
            return picture, data
        side_px = round(max(picture.size) * SHRINK)
        if side_px < BUDGET_PX_MIN:
            raise MediaBudgetError(
                f"the photo does not fit into {bytes_max} bytes even at {max(picture.size)} pixels; allow more,"
                " or send its preview only"
            )
        picture = scaled(picture, side_px)


def _best_within(picture: "Image", recipe: Recipe, bytes_max: int, stop: Stop) -> bytes:
    """Return the file of the best quality that fits, or nothing."""

    def encoded(quality: int) -> bytes:
        stop.check()
        data = encode_photo(picture, replace(recipe, quality=quality))
        return data if len(data) <= bytes_max else b""

    if best := encoded(recipe.quality):
        return best
    low, high = recipe.quality_min, recipe.quality
    if not (best := encoded(low)):
        return b""
    for _ in range(SEARCH_STEPS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        if better := encoded(middle):
            low, best = middle, better
        else:
            high = middle
    return best
