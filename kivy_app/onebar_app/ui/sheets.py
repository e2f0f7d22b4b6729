"""What is laid over a screen: menus, questions, and short words about what happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kivy.animation import Animation
from kivy.clock import Clock
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.widget import Widget

from onebar_app.ui.entry import Entry
from onebar_app.ui.look import look
from onebar_app.ui.painting import Picture
from onebar_app.ui.widgets import Column, Fill, Row, Tappable, Text, WordButton, grounded

TOAST_S: Final = 4.0
"""How long a word about what happened stays: long enough to read a sentence twice."""

SHEET_WIDTH: Final = 480
"""Widest sheet, in dp: on a tablet it stands in the middle."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu."""

    text: str
    icon: str
    act: Callable[[], None]
    danger: bool = False
    chosen: bool = False


class Overlay(FloatLayout):  # type: ignore[misc]
    """Covers the screen; a tap beside it closes it."""

    def __init__(self, on_close: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        veil = Fill("veil")
        veil.opacity = 0.5
        self.add_widget(veil)
        self._on_close = on_close
        self.card = Column(size_hint=(None, None), padding=look.dp(8))
        grounded(self.card, "surface", 20)
        self.add_widget(self.card)
        self.card.bind(minimum_height=self.card.setter("height"))
        self.card.bind(height=self._place)
        self.bind(size=self._place, pos=self._place)

    def _place(self, *_: object) -> None:
        self.card.width = min(self.width - look.dp(24), look.dp(SHEET_WIDTH))
        self.card.center_x = self.x + self.width / 2
        wide = self.width > look.dp(SHEET_WIDTH + 100)
        self.card.y = self.y + ((self.height - self.card.height) / 2 if wide or self.is_question else look.dp(12))

    is_question = False

    def close(self) -> None:
        """Take it away."""
        if self.parent is not None:
            self.parent.remove_widget(self)
            self._on_close()

    def on_touch_down(self, touch: Any) -> bool:
        """Close at a tap beside the card; let nothing through."""
        if not self.card.collide_point(*touch.pos):
            self.close()
            return True
        super().on_touch_down(touch)
        return True

    def on_touch_move(self, touch: Any) -> bool:
        """Let nothing through."""
        super().on_touch_move(touch)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Let nothing through."""
        super().on_touch_up(touch)
        return True


class _ChoiceLine(Tappable):
    def __init__(self, choice: Choice, on_tap: Callable[[], object]) -> None:
        super().__init__(on_tap, radius=12, size_hint_y=None, height=max(look.dp(52), look.sp(44)))
        self._choice = choice
        with self.canvas:
            self._icon, self._text, self._mark = Picture(), Picture(), Picture()
        self.bind(pos=self._redraw, size=self._redraw)

    def _redraw(self, *_: object) -> None:
        choice, side, pad = self._choice, look.sp(22), look.dp(16)
        rtl = look.right_to_left
        ink = "danger" if choice.danger else "text"
        y = (self.y + self.height / 2) - side / 2
        self._icon.icon(
            choice.icon,
            22,
            ink if choice.danger else "quiet",
            (self.x + self.width) - pad - side if rtl else self.x + pad,
            y,
        )
        left = pad + (side + pad if choice.icon else 0)
        layout = look.lay_out(choice.text, 16, self.width - left - 2 * pad - side, lines_max=1)
        x = (self.x + self.width) - left - layout.width if rtl else self.x + left
        self._text.text(layout, ink, x, (self.y + self.height / 2) + layout.height / 2)
        self._mark.icon(
            "check" if choice.chosen else "",
            22,
            "accent",
            self.x + pad if rtl else (self.x + self.width) - pad - side,
            y,
        )


class Menu(Overlay):
    """A list of choices."""

    def __init__(self, choices: Sequence[Choice], title: str = "") -> None:
        super().__init__()
        if title:
            heading = Row(size_hint_y=None, height=look.sp(44), padding=(look.dp(16), 0))
            heading.add_widget(Text(title, 14, "quiet", bold=True, fills=True, lines_max=1))
            self.card.add_widget(heading)
        for choice in choices:
            self.card.add_widget(_ChoiceLine(choice, lambda choice=choice: self._choose(choice)))  # type: ignore[misc]

    def _choose(self, choice: Choice) -> None:
        self.close()
        choice.act()


class Question(Overlay):
    """A question with one thing to do and a way out, and a line to type if it needs one."""

    is_question = True

    def __init__(
        self,
        title: str,
        text: str,
        yes: str,
        act: Callable[[str], object],
        *,
        danger: bool = False,
        hint: str = "",
        typed: str = "",
        secret: bool = False,
        kind: str = "text",
    ) -> None:
        super().__init__()
        self._act = act
        self.card.padding, self.card.spacing = look.dp(20), look.dp(12)
        self.card.add_widget(Text(title, 19, bold=True))
        if text:
            self.card.add_widget(Text(text, 15, "quiet"))
        self.entry: Entry | None = None
        if hint:
            self.entry = Entry(hint, secret=secret, kind=kind, on_enter=self._yes)
            self.entry.text, self.entry.size_hint_y, self.entry.height = typed, None, self.entry.wanted_height
            grounded(self.entry, "field", 12)
            self.card.add_widget(self.entry)
            Clock.schedule_once(lambda _: setattr(self.entry, "focus", True), 0.1)
        buttons = Row(size_hint_y=None, height=look.dp(48), spacing=look.dp(8))
        buttons.add_widget(Widget())
        buttons.add_widget(WordButton(look.words("cancel"), self.close, "quiet", hugs=True))
        buttons.add_widget(WordButton(yes, self._yes, "danger" if danger else "filled", hugs=True))
        self.card.add_widget(buttons)

    def _yes(self) -> None:
        typed = self.entry.text if self.entry is not None else ""
        self.close()
        self._act(typed)


class Toast(Tappable):
    """A sentence about what happened, which goes by itself."""

    def __init__(self, text: str) -> None:
        super().__init__(self.close, radius=12, size_hint=(None, None))
        self._layout = None
        self._said = text
        with self.canvas:
            self._picture = Picture()
        self._ground = grounded(self, "text", 12)
        self.bind(pos=self._redraw)
        self._timer = Clock.schedule_once(lambda _: self._fade(), TOAST_S)

    def place(self, parent: Widget) -> None:
        """Stand at the bottom of a screen."""
        width = min(parent.width - look.dp(32), look.dp(SHEET_WIDTH))
        layout = look.lay_out(self._said, 15, width - look.dp(32))
        self.size = (width, layout.height + look.dp(24))
        self.pos = (parent.center_x - width / 2, parent.y + look.dp(88))
        self._redraw()

    def close(self) -> None:
        """Go."""
        self._timer.cancel()
        if self.parent is not None:
            self.parent.remove_widget(self)

    def _fade(self) -> None:
        gone = Animation(opacity=0, duration=0.2 if look.animated else 0)
        gone.bind(on_complete=lambda *_: self.close())
        gone.start(self)

    def _redraw(self, *_: object) -> None:
        pad = look.dp(16)
        layout = look.lay_out(self._said, 15, self.width - 2 * pad)
        x = (self.x + self.width) - pad - layout.width if look.right_to_left else self.x + pad
        self._picture.text(layout, "surface", x, (self.y + self.height) - look.dp(12))
