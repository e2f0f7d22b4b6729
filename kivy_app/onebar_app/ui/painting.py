"""What rows and widgets paint with: boxes, texts and icons that can be moved and changed without being made anew."""

from typing import Any, Final

from kivy.graphics import BorderImage, Color, Rectangle

from onebar_app.text.layout import Layout
from onebar_app.text.raster import PAD_PX
from onebar_app.ui.look import look
from onebar_app.ui.textures import icon_texture, rounded_texture, text_texture

Corners = tuple[bool, bool, bool, bool]
ALL: Final[Corners] = (True, True, True, True)
"""Every corner is round."""


class Box:
    """A rectangle in one colour, with round corners or none. Made inside `with canvas`."""

    def __init__(self, radius: float = 0) -> None:
        self._radius = look.dp(radius)
        self.colour = Color(0, 0, 0, 0)
        if radius:
            border = (self._radius,) * 4
            self.shape: Any = BorderImage(border=border, texture=rounded_texture(self._radius), auto_scale="off")
        else:
            self.shape = Rectangle()
        self._size: tuple[float, float] = (0, 0)
        self._shown = False

    def put(self, x: float, y: float, width: float, height: float) -> None:
        """Move it."""
        self._size = (width, height)
        self.shape.pos, self.shape.size = (x, y), self._size if self._shown else (0, 0)

    def paint(self, colour: str, alpha: float = 1.0) -> None:
        """Give it a colour; an empty one hides it, so that nothing is spent on what cannot be seen."""
        self._shown = bool(colour)
        self.shape.size = self._size if self._shown else (0, 0)
        self.colour.rgba = look.rgba(colour, alpha) if colour else (0, 0, 0, 0)

    def corners(self, corners: Corners) -> None:
        """Choose which corners are round."""
        self.shape.texture = rounded_texture(self._radius, corners)


class Picture:
    """A texture on the screen. Made inside `with canvas`."""

    def __init__(self) -> None:
        self._colour = Color(1, 1, 1, 0)
        self._shape = Rectangle()

    def show(self, texture: Any, x: float, y: float, alpha: float = 1.0) -> None:
        """Put a texture in its own size; whole pixels keep it sharp."""
        self._colour.a = alpha
        self._shape.texture, self._shape.pos, self._shape.size = texture, (round(x), round(y)), texture.size

    def hide(self) -> None:
        """Show nothing."""
        self._colour.a, self._shape.size = 0, (0, 0)

    def text(
        self,
        layout: Layout,
        colour: str,
        x: float,
        top: float,
        width: float = 0,
        align: str = "start",
        link: str = "accent",
    ) -> None:
        """Show a text whose top left corner is at (x, top)."""
        if not layout.lines or not any(line.runs for line in layout.lines):
            self.hide()
            return
        texture = text_texture(layout, colour, round(width or layout.width), align, link)
        self.show(texture, x - PAD_PX, top - layout.height - PAD_PX)

    def icon(self, name: str, size: float, colour: str, x: float, y: float) -> None:
        """Show an icon whose bottom left corner is at (x, y); an empty name hides it."""
        if name:
            self.show(icon_texture(name, look.sp(size), colour), x, y)
        else:
            self.hide()
