"""The app's own small widgets."""

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

from kivy.graphics import InstructionGroup
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from onebar_app.theme import AVATARS
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.textures import round_picture
from onebar_app.view_models.formats import hue_number

TOUCH: Final = 48
"""Smallest side of what can be touched, in dp (WCAG 2.5.5, Android's guideline)."""


class Row(BoxLayout):  # type: ignore[misc]
    """Widgets beside each other, in the direction of the language."""

    def __init__(self, **options: Any) -> None:
        super().__init__(orientation="horizontal", **options)

    def add_widget(self, widget: Widget, *args: Any, **options: Any) -> None:
        """Add at the end of the row, which is on the left in Arabic."""
        if look.right_to_left and not args:
            options.setdefault("index", len(self.children))
        super().add_widget(widget, *args, **options)


class Column(BoxLayout):  # type: ignore[misc]
    """Widgets below each other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(orientation="vertical", **options)


def padding_at(begin: float, top: float, end: float, bottom: float) -> tuple[int, int, int, int]:
    """Return the padding of a row, in pixels, from dp; `begin` is where reading begins."""
    left, right = (end, begin) if look.right_to_left else (begin, end)
    return look.dp(left), look.dp(top), look.dp(right), look.dp(bottom)


class Fill(Widget):  # type: ignore[misc]
    """A ground in one colour."""

    def __init__(self, colour: str, **options: Any) -> None:
        super().__init__(**options)
        with self.canvas:
            box = Box()
        box.paint(colour)
        self.bind(pos=lambda *_: box.put(*self.pos, *self.size), size=lambda *_: box.put(*self.pos, *self.size))


def grounded(widget: Widget, colour: str, radius: float = 0, alpha: float = 1.0) -> Box:
    """Paint a ground behind a widget that grows with it."""
    box = Box(radius)
    ground = InstructionGroup()
    ground.add(box.colour)
    ground.add(box.shape)
    widget.canvas.before.insert(0, ground)  # below what the widget paints there itself, such as a caret
    box.paint(colour, alpha)
    widget.bind(pos=lambda *_: box.put(*widget.pos, *widget.size), size=lambda *_: box.put(*widget.pos, *widget.size))
    return box


class Text(Widget):  # type: ignore[misc]
    """A text. Its height follows from its width; a text that `hugs` is as wide as it must be."""

    def __init__(
        self,
        text: str = "",
        size: float = 16,
        colour: str = "text",
        *,
        bold: bool = False,
        align: str = "edge",
        lines_max: int = 0,
        hugs: bool = False,
        fills: bool = False,
    ) -> None:
        """Show a text.

        Args:
            text: What it says.
            size: In sp.
            colour: Of the theme.
            bold: Whether it is semi-bold.
            align: `edge`: where the language begins; `start`: where each line begins; `center`.
            lines_max: Most lines, 0: any.
            hugs: Whether it takes its own width.
            fills: Whether it takes the height it is given, and stands in the middle of it.
        """
        super().__init__(size_hint=(None if hugs else 1, 1 if fills else None))
        self.text = text
        self._size, self._colour, self._bold, self._align, self._lines_max = size, colour, bold, align, lines_max
        self._hugs, self._fills = hugs, fills
        with self.canvas:
            self._picture = Picture()
        self.bind(size=self._redraw, pos=self._redraw)
        self._redraw()

    def say(self, text: str, colour: str = "") -> None:
        """Show another text."""
        if (text, colour or self._colour) != (self.text, self._colour):
            self.text, self._colour = text, colour or self._colour
            self._redraw()

    def _redraw(self, *_: object) -> None:
        room = float("inf") if self._hugs else max(1, round(self.width))
        layout = look.lay_out(self.text, self._size, room, bold=self._bold, lines_max=self._lines_max)
        if self._hugs:
            self.setter("width")(self, round(layout.width + 1))
        if not self._fills:
            self.setter("height")(self, layout.height if self.text else 0)
        align = self._align
        if align == "edge":
            align = "right" if look.right_to_left else "left"
        top = (self.y + self.height) - (self.height - layout.height) / 2
        self._picture.text(layout, self._colour, self.x, top, round(self.width), align)


class Tappable(Widget):  # type: ignore[misc]
    """Something that is tapped; it shows that it feels the finger."""

    def __init__(self, on_tap: Callable[[], object], radius: float = 0, **options: Any) -> None:
        super().__init__(**options)
        self.on_tap = on_tap
        self.enabled = True
        with self.canvas.after:
            self._shade = Box(radius)
        self.bind(pos=self._place, size=self._place)

    def _place(self, *_: object) -> None:
        self._shade.put(*self.pos, *self.size)

    def on_touch_down(self, touch: Any) -> bool:
        """Take the finger."""
        if not self.enabled or touch.is_mouse_scrolling or not self.collide_point(*touch.pos):
            return bool(super().on_touch_down(touch))
        touch.grab(self)
        self._shade.paint("pressed", 0.1)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Act, if the finger is still there."""
        if touch.grab_current is not self:
            return bool(super().on_touch_up(touch))
        touch.ungrab(self)
        self._shade.paint("")
        if self.collide_point(*touch.pos):
            self.on_tap()
        return True


class IconButton(Tappable):
    """An icon that is tapped."""

    def __init__(self, icon: str, on_tap: Callable[[], object], colour: str = "text", size: float = 24) -> None:
        super().__init__(on_tap, radius=TOUCH / 2, size_hint=(None, None), size=(look.dp(TOUCH), look.dp(TOUCH)))
        self._name, self._colour, self._size = icon, colour, size
        with self.canvas:
            self._icon = Picture()
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, icon: str, colour: str = "") -> None:
        """Show another icon."""
        self._name, self._colour = icon, colour or self._colour
        self._redraw()

    def _redraw(self, *_: object) -> None:
        side = look.sp(self._size)
        self._icon.icon(
            self._name,
            self._size,
            self._colour,
            (self.x + self.width / 2) - side / 2,
            (self.y + self.height / 2) - side / 2,
        )


class WordButton(Tappable):
    """A button with words: `filled` for what the screen is for, `quiet` or `danger` for the rest."""

    def __init__(self, text: str, on_tap: Callable[[], object], kind: str = "filled", *, hugs: bool = False) -> None:
        super().__init__(
            on_tap, radius=24, size_hint=(None if hugs else 1, None), height=max(look.dp(TOUCH), look.sp(44))
        )
        self.text, self.kind, self._hugs = text, kind, hugs
        with self.canvas:
            self._box, self._picture = Box(24), Picture()
        self.bind(pos=self._redraw, size=self._redraw)
        self._redraw()

    def say(self, text: str, *, enabled: bool = True) -> None:
        """Show other words; a button that is not enabled looks so."""
        self.text, self.enabled = text, enabled
        self._redraw()

    def _redraw(self, *_: object) -> None:
        filled = self.kind == "filled"
        layout = look.lay_out(self.text, 16, bold=True, lines_max=1)
        if self._hugs:
            self.width = layout.width + look.dp(40)
        self._box.put(*self.pos, *self.size)
        self._box.paint(("fill" if self.enabled else "muted_fill") if filled else "", 1)
        ink = (
            ("on_fill" if self.enabled else "on_muted_fill")
            if filled
            else "danger"
            if self.kind == "danger"
            else "accent"
        )
        top = (self.y + self.height / 2) + layout.height / 2
        self._picture.text(
            layout, ink if self.enabled or filled else "quiet", (self.x + self.width / 2) - layout.width / 2, top
        )


class Avatar(Widget):  # type: ignore[misc]
    """A circle with the letters of a name, or a figure."""

    def __init__(self, size: float) -> None:
        super().__init__(size_hint=(None, None), size=(look.dp(size), look.dp(size)))
        self._look: tuple[str, str] = ("", "")
        with self.canvas:
            self.face = AvatarFace(size)
        self.bind(pos=self._redraw)

    def show(self, phone: str, letters: str) -> None:
        """Show somebody."""
        self._look = (phone, letters)
        self._redraw()

    def _redraw(self, *_: object) -> None:
        self.face.put(*self._look, *self.pos)


_FACES: Final["WeakSet[AvatarFace]"] = WeakSet()


class AvatarFace:
    """What an avatar is painted with, a photo or letters; rows use it without a widget. Made inside `with canvas`."""

    def __init__(self, size: float) -> None:
        self._size = size
        self._box, self._picture, self._photo = Box(size / 2), Picture(), Picture()
        self._put: tuple[str, str, float, float] | None = None
        _FACES.add(self)

    def again(self) -> None:
        """Paint it where it is: somebody has another photo."""
        if self._put is not None:
            self.put(*self._put)

    def put(self, phone: str, letters: str, x: float, y: float) -> None:
        """Paint it with its bottom left corner at (x, y)."""
        self._put = (phone, letters, x, y)
        side = look.dp(self._size)
        found = look.portraits.get(phone) if look.portraits is not None else None
        if found is not None:
            version, picture = found
            key = ("portrait", phone, version)
            self._photo.show(round_picture(key, lambda: picture, (side, side), side // 2), x, y)
            self._box.paint("")
            self._picture.hide()
            return
        self._photo.hide()
        self._box.put(x, y, side, side)
        self._box.paint(AVATARS[hue_number(phone, len(AVATARS))])
        size = self._size * 0.38 / look.text_size
        if letters:
            layout = look.lay_out(letters, size, bold=True)
            left, top = x + (side - layout.width) / 2, y + (side + layout.height) / 2
            self._picture.text(layout, "#ffffff", left, top)
        else:
            icon = look.sp(size * 1.25)
            self._picture.icon("user", size * 1.25, "#ffffff", x + (side - icon) / 2, y + (side - icon) / 2)


def repaint_faces() -> None:
    """Paint all avatars again: somebody has another photo."""
    for face in list(_FACES):
        face.again()
