"""From any picture to plain pixels: upright, opaque, sRGB, three bytes each, and nothing else that it carried."""

import io
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from onebar.media.pictures import opened_picture

if TYPE_CHECKING:
    from PIL.Image import Image

PROFILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Longest colour profile that is read: those of cameras have 500 bytes, those of printing presses 2 MB."""

STRIP_ROWS: Final = 64
"""Rows, after reduction, that are worked on at once: 2 MB of a wide picture."""

_ORIENTATION: Final = 0x0112
"""The EXIF tag that says how the camera was held."""

_WHITE: Final = (255, 255, 255)


def plain_pixels(data: bytes, side_px: int, check: Callable[[], None]) -> "Image":
    """Decode a picture and scale it so that its longer side is at most `side_px`; `check` may end it between steps.

    Raises:
        MediaError: It cannot or must not be decoded; the subclass says why.
    """
    with opened_picture(data) as picture:
        target = fitting(picture.size, side_px)
        picture.draft(picture.mode, target)  # JPEG decodes at a fraction of the size, for a fraction of the cost
        picture.load()
        check()
        orientation, profile = _orientation(picture), picture.info.get("icc_profile")
        plain = _reduced(picture, target)
        check()
        plain = _upright(plain, orientation)
        plain = _to_srgb(plain, profile)
        check()
        plain = scaled(plain, side_px)
        plain.info = {}  # comments, EXIF and profiles travel in here, and some encoders write them unasked
        return plain


def scaled(picture: "Image", side_px: int) -> "Image":
    """Return a picture whose longer side is at most `side_px`; it never grows."""
    from PIL.Image import Resampling

    target = fitting(picture.size, side_px)
    return picture if target == picture.size else picture.resize(target, Resampling.LANCZOS, reducing_gap=2.0)


def fitting(size: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Return the size with this longer side, or the size itself if it is smaller."""
    longer = max(size)
    if longer <= side_px:
        return size
    width, height = (max(1, round(side * side_px / longer)) for side in size)
    return width, height


def _orientation(picture: "Image") -> int:
    # Cameras write broken EXIF; a photo that then lies on its side is better than none.
    with suppress(Exception):
        return int(picture.getexif().get(_ORIENTATION, 1))
    return 1


def _upright(picture: "Image", orientation: int) -> "Image":
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _opaque(picture: "Image") -> "Image":
    """Return the picture on white, with the channels that its colour profile speaks of."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits of grey
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        coloured = picture.convert("RGBA")
        plain = Image.new("RGB", picture.size, _WHITE)
        plain.paste(coloured, mask=coloured.getchannel("A"))
        return plain
    return picture if picture.mode in ("RGB", "L", "CMYK") else picture.convert("RGB")


def _reduced(picture: "Image", target: tuple[int, int]) -> "Image":
    """Make the picture opaque, and do for any format what `draft` did for JPEG, as far as twice the target.

    It goes strip by strip: whole copies of 50 megapixels would take 200 MB each.
    """
    from PIL import Image

    factor = max(1, min(picture.width // (2 * target[0]), picture.height // (2 * target[1])))
    reduced = None
    for top in range(0, picture.height, factor * STRIP_ROWS):
        bottom = min(picture.height, top + factor * STRIP_ROWS)
        strip = _opaque(picture.crop((0, top, picture.width, bottom)))
        strip = strip.reduce(factor) if factor > 1 else strip
        if reduced is None:
            reduced = Image.new(strip.mode, (strip.width, -(-picture.height // factor)))
        reduced.paste(strip, (0, top // factor))
    assert reduced is not None, "a picture has at least one row"
    return reduced


def _to_srgb(picture: "Image", profile: object) -> "Image":
    from PIL import ImageCms

    if isinstance(profile, bytes) and len(profile) <= PROFILE_BYTES_MAX:
        # A profile that is malformed or speaks of other channels is ignored, as viewers do.
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            known = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, known, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return picture.convert("RGB")
