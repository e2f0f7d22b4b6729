"""Pictures of texts and icons on the graphics card, the ones that were used last."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

from kivy.graphics.texture import Texture
from PIL import Image, ImageDraw, ImageOps

from onebar_app.text.layout import Layout
from onebar_app.text.raster import draw_icon, draw_text
from onebar_app.ui.look import look

BYTES_MAX: Final = 32 * 1024 * 1024
"""What is kept: about five screens full of text on a phone of high density."""

SPARE_MAX: Final = 8
"""Textures of one size that wait to be used again: as many rows leave the screen in a quick flick's frame."""

_ACROSS: Final = 64  # sizes are rounded up to these, so that a texture fits the next text as well
_HIGH: Final = 16
_POINTING: Final = frozenset({"arrow-left", "chevron-right", "send-horizontal"})  # they point where reading goes
_SMOOTH: Final = 4  # corners are drawn so many times larger and scaled down
_OURS: Final = 2  # references to a texture that nothing shows any more: the shelf's and the question's


class TextureShelf:
    """Textures by what they show. Those that are dropped are used again: drivers free them late."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._spare: dict[tuple[int, int], list[Any]] = {}
        self._bytes = 0

    def get(self, key: Hashable, draw: Callable[[], Image.Image], *, exact: bool = False) -> Any:
        """Return what was kept, or draw it.

        Args:
            key: What it shows.
            draw: Draws it.
            exact: Whether it must have the picture's own size; else there may be nothing on its right and on its top.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        picture = draw()
        texture = upload(picture) if exact else self._upload(picture)
        self._kept[key] = texture
        self._bytes += texture.width * texture.height * 4
        while self._bytes > BYTES_MAX and len(self._kept) > 1:
            self._drop()
        return texture

    def clear(self) -> None:
        """Forget everything: another theme, another text size."""
        self._kept.clear()
        self._spare.clear()
        self._bytes = 0

    def _drop(self) -> None:
        _, texture = self._kept.popitem(last=False)
        self._bytes -= texture.width * texture.height * 4
        spare = self._spare.setdefault(tuple(texture.size), [])
        if len(spare) < SPARE_MAX and sys.getrefcount(texture) <= _OURS:
            spare.append(texture)

    def _upload(self, picture: Image.Image) -> Any:
        size = (-(-picture.width // _ACROSS) * _ACROSS, -(-picture.height // _HIGH) * _HIGH)
        padded = Image.new("RGBA", size)
        padded.paste(picture, (0, size[1] - picture.height))
        spare = self._spare.get(size)
        return upload(padded, spare.pop() if spare else None)


shelf = TextureShelf()
"""The one shelf of this process."""


def upload(picture: Image.Image, into: Any = None) -> Any:
    """Put a picture on the graphics card, upright; into a texture of its size, or into a new one."""
    texture = into
    if texture is None:
        texture = Texture.create(size=picture.size, colorfmt="rgba")
        texture.flip_vertical()
    texture.blit_buffer(picture.convert("RGBA").tobytes(), colorfmt="rgba", bufferfmt="ubyte")
    return texture


def text_texture(layout: Layout, colour: str, width_px: int, align: str, link: str = "accent") -> Any:
    """Return the picture of a text; `PAD_PX` larger on each side."""
    ink, link_ink = look.rgb(colour), look.rgb(link)
    key = ("text", layout, ink, link_ink, width_px, align)
    return shelf.get(key, lambda: draw_text(layout, ink, link_ink, width_px, align))


def icon_texture(name: str, size_px: int, colour: str) -> Any:
    """Return the picture of an icon."""
    ink, turned = look.rgb(colour), look.right_to_left and name in _POINTING

    def draw() -> Image.Image:
        picture = draw_icon(name, size_px, ink)
        return ImageOps.mirror(picture) if turned else picture

    return shelf.get(("icon", name, size_px, ink, turned), draw)


def rounded_texture(radius_px: int, corners: tuple[bool, bool, bool, bool] = (True, True, True, True)) -> Any:
    """Return a white box with smooth corners, for `BorderImage` with borders of `radius_px`.

    Args:
        radius_px: Of the corners.
        corners: Which are round: top left, top right, bottom right, bottom left. The others are a quarter as round.
    """

    def draw() -> Image.Image:
        side, scale = 2 * radius_px + 2, _SMOOTH
        mask = Image.new("L", (side * scale, side * scale), 255)
        pen = ImageDraw.Draw(mask)
        full = side * scale
        for (left, top), is_round in zip(((0, 0), (1, 0), (1, 1), (0, 1)), corners, strict=True):
            radius = (radius_px if is_round else max(1, radius_px // 4)) * scale
            x, y = (full - radius) * left, (full - radius) * top
            pen.rectangle((x, y, x + radius, y + radius), 0)
            centre_x, centre_y = (full - radius if left else radius), (full - radius if top else radius)
            pen.ellipse((centre_x - radius, centre_y - radius, centre_x + radius - 1, centre_y + radius - 1), 255)
        white = Image.new("RGBA", (side, side), (255, 255, 255, 255))
        white.putalpha(mask.resize((side, side), Image.Resampling.BOX))
        return white

    return shelf.get(("rounded", radius_px, corners), draw, exact=True)


def round_picture(key: Hashable, picture: Callable[[], Image.Image], size: tuple[int, int], radius_px: int) -> Any:
    """Return a picture cut to a size, with round corners."""

    def draw() -> Image.Image:
        source = picture().convert("RGBA")
        scale = max(size[0] / source.width, size[1] / source.height)
        fitted = source.resize((max(1, round(source.width * scale)), max(1, round(source.height * scale))))
        left, top = (fitted.width - size[0]) // 2, (fitted.height - size[1]) // 2
        cut = fitted.crop((left, top, left + size[0], top + size[1]))
        mask = Image.new("L", (size[0] * _SMOOTH, size[1] * _SMOOTH))
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius_px * _SMOOTH, 255)
        cut.putalpha(mask.resize(size, Image.Resampling.BOX))
        return cut

    return shelf.get(("picture", key, size, radius_px), draw)
