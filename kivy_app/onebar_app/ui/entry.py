"""A line to type in that shows whatever is typed: Kivy's input with this app's text."""

from collections.abc import Callable
from typing import Any, Final

from kivy.uix.textinput import TextInput

from onebar_app.text.bidi import runs_right
from onebar_app.text.caret import caret_x, column_at
from onebar_app.text.layout import LINE_HEIGHT, Style, lay_out, measure
from onebar_app.text.raster import PAD_PX, draw_text
from onebar_app.ui.look import look
from onebar_app.ui.textures import shelf

LINES_MAX: Final = 5
"""The composer grows to this many lines, then it scrolls."""


_MASK: Final = "•"
_HINT_ASIDE: Final = 3  # dp between the caret and the hint


class Entry(TextInput):  # type: ignore[misc]
    """An input line, or several."""

    def __init__(
        self,
        hint: str,
        *,
        lines: bool = False,
        secret: bool = False,
        size: float = 16,
        kind: str = "text",
        on_change: Callable[[str], None] = lambda _: None,
        on_enter: Callable[[], None] = lambda: None,
    ) -> None:
        """Show an empty input.

        Args:
            hint: What it says while it is empty.
            lines: Whether Enter begins a line.
            secret: Whether what is typed is hidden.
            size: Of the text, in sp.
            kind: Which keyboard a phone shows: `text`, `number`, `tel`.
            on_change: Called with the text.
            on_enter: Called for Enter, in one line or with Control in several.
        """
        self._style = Style(look.sp(size))
        self.line_height_px = round(self._style.size_px * LINE_HEIGHT)
        self._enter = on_enter
        super().__init__(
            hint_text=hint,
            multiline=lines,
            password=secret,
            password_mask=_MASK,
            font_size=look.sp(size),
            background_normal="",
            background_active="",
            background_color=(0, 0, 0, 0),
            foreground_color=(1, 1, 1, 1),
            hint_text_color=(1, 1, 1, 1),
            cursor_color=look.rgba("accent"),
            selection_color=look.rgba("accent", 0.3),
            padding=(look.dp(14), look.dp(11)),
            write_tab=False,
            input_type=kind,
            keyboard_suggestions=kind == "text" and not secret,
            cursor_width=look.dp(2),
            halign="auto",
            text_validate_unfocus=False,
            use_bubble=False,
            use_handles=False,
        )
        self.on_text(self, "")
        self.bind(text=lambda _, text: on_change(text))

    def keyboard_on_key_down(self, window: Any, keycode: tuple[int, str], text: str, modifiers: list[str]) -> Any:
        """Take Enter for sending; with Shift it begins a line."""
        if keycode[1] in {"enter", "numpadenter"} and (not self.multiline or "shift" not in modifiers):
            self._enter()
            return True
        return super().keyboard_on_key_down(window, keycode, text, modifiers)

    @property
    def wanted_height(self) -> int:
        """How high it would be to show its lines, up to `LINES_MAX`."""
        return min(LINES_MAX, max(1, len(self._lines))) * self.line_height_px + 2 * look.dp(11)

    # Kivy draws and measures lines in these; they are all that knows of fonts (kivy/uix/textinput.py, 2.3.1).

    @property
    def _label_cached(self) -> "Entry":
        """Return what Kivy asks for the extents of a text."""
        return self

    @_label_cached.setter
    def _label_cached(self, _: object) -> None:
        """Keep this one."""

    def get_extents(self, text: str) -> tuple[int, int]:
        """Return the width and height of a line, in pixels."""
        return round(measure(text, self._style)), self.line_height_px

    def _shown(self, text: str, hint: bool = False) -> str:
        plain = text.replace("\n", "").replace("\t", " " * self.tab_width)
        return self.password_mask * len(plain) if self.password and not hint else plain

    def _create_line_label(self, text: str, hint: bool = False) -> Any:
        shown = self._shown(text, hint)
        colour = "quiet" if hint else "text"
        key = ("entry", shown, self._style, look.rgb(colour), hint and self.base_direction)

        def draw() -> Any:
            layout = lay_out(shown, self._style)
            width = max(1, round(measure(shown, self._style)))
            aside = look.dp(_HINT_ASIDE) if hint and self.base_direction == "ltr" else 0
            picture = draw_text(layout, look.rgb(colour), look.rgb(colour), width + aside, "right" if aside else "left")
            return picture.crop((PAD_PX, PAD_PX, PAD_PX + width + aside, PAD_PX + self.line_height_px))

        return shelf.get(key, draw, exact=True)  # Kivy cuts it by its size

    def _get_text_width(self, text: str, tab_width: int, _label_cached: object) -> int:
        del tab_width, _label_cached
        return round(measure(self._shown(text), self._style))

    def on_text(self, _: object, text: str) -> None:
        """Let it begin where its script begins."""
        towards_left = runs_right(text)
        self.base_direction = "rtl" if (look.right_to_left if towards_left is None else towards_left) else "ltr"

    def cursor_offset(self) -> float:
        """Return where the caret is on its line."""
        row, column = int(self.cursor_row), int(self.cursor_col)
        if row >= len(self._lines):
            return 0
        return round(caret_x(self._shown(self._lines[row]), column, self._style))

    def get_cursor_from_xy(self, x: float, y: float) -> tuple[int, int]:
        """Return column and row of a place."""
        _, row = super().get_cursor_from_xy(x, y)
        line = self._shown(self._lines[row])
        left, _, right, _ = self.padding
        room = self.width - left - right
        width = round(measure(line, self._style))
        shift = max(0, room - width) if self.base_direction == "rtl" else 0
        return column_at(line, x - self.x - left - shift + self.scroll_x, self._style), row
