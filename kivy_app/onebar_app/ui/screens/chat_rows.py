"""A chat in a list of chats."""

from collections.abc import Callable
from typing import Final

from onebar.models import Standing
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.scrolling import RowView
from onebar_app.ui.widgets import AvatarFace
from onebar_app.view_models.chat_list import ChatRow

# In dp.
PAD: Final = 16
FACE: Final = 52


class ChatRowView(RowView):
    """Shows a chat: who, what was said last, when, and what is new."""

    def __init__(
        self,
        on_tap: Callable[[ChatRow], None],
        on_menu: Callable[[ChatRow], None],
        is_open: Callable[[ChatRow], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        self._on_tap, self._on_menu, self._is_open = on_tap, on_menu, is_open
        with self.canvas:
            self._shade = Box()
            self._face = AvatarFace(FACE)
            self._name, self._time, self._tick, self._icon, self._lead, self._text = (Picture() for _ in range(6))
            self._badge, self._count = Box(10.5 * look.text_size), Picture()
            self._pin, self._mute = Picture(), Picture()

    def measure(self, row: ChatRow, width: int) -> int:
        """Return the height."""
        del row, width
        return max(look.dp(FACE + 24), look.sp(54) + look.dp(16))

    def show(self, row: ChatRow, width: int, height: int) -> None:
        """Paint it, as if the language ran to the right; `_at` mirrors."""
        self._shade.put(0, 0, width, height)
        self.press(False)
        pad, face, middle = look.dp(PAD), look.dp(FACE), height / 2
        self._face.put(row.key, row.initials, self._at(width, pad, face), middle - face / 2)
        left, right = pad + face + look.dp(16), width - pad
        top = middle + look.sp(24)
        time = look.lay_out(row.time, 12.5)
        fresh = row.unread and not row.muted and row.standing is Standing.ACCEPTED
        self._time.text(
            time, "accent" if fresh else "quiet", self._at(width, right - time.width, time.width), top - look.sp(3)
        )
        marks = self._marks(row, width, right - time.width - look.dp(6), top)
        name = look.lay_out(row.name, 16.5, marks - left - look.dp(6), bold=True, lines_max=1)
        self._name.text(name, "text", self._at(width, left, name.width), top)
        self._second_line(row, width, left, right, top - look.sp(25))

    def _marks(self, row: ChatRow, width: int, right: float, top: float) -> float:
        side = look.sp(15)
        for picture, shown, icon in ((self._mute, row.muted, "bell-off"), (self._pin, row.pinned, "pin")):
            picture.icon(icon if shown else "", 15, "quiet", self._at(width, right - side, side), top - look.sp(20))
            right -= side + look.dp(4) if shown else 0
        return right

    def _second_line(self, row: ChatRow, width: int, left: float, right: float, top: float) -> None:
        right = self._show_badge(row, width, right, top)
        icon, tint = ("", "")
        if row.tick:
            icon, tint = row.tick, "danger" if row.failed else "read" if row.read else "quiet"
        side = look.sp(17)
        self._tick.icon(icon, 17, tint or "quiet", self._at(width, left, side), top - look.sp(19))
        left += side + look.dp(4) if icon else 0
        self._icon.icon(row.preview_icon, 16, "quiet", self._at(width, left, look.sp(16)), top - look.sp(18.5))
        left += look.sp(16) + look.dp(5) if row.preview_icon else 0
        lead = look.lay_out(look.words("draft") if row.draft else "", 15, lines_max=1)
        self._lead.text(lead, "accent", self._at(width, left, lead.width), top)
        left += lead.width + look.dp(5) if row.draft else 0
        layout = look.lay_out(row.preview, 15, right - left, lines_max=1)
        self._text.text(layout, "quiet", self._at(width, left, layout.width), top)

    def _show_badge(self, row: ChatRow, width: int, right: float, top: float) -> float:
        if not row.unread:
            self._badge.paint("")
            self._count.hide()
            return right
        count = look.lay_out(str(row.unread) if row.unread < 1000 else "999+", 12.5, bold=True)
        high = look.sp(21)
        wide = max(high, count.width + look.dp(12))
        x, y = self._at(width, right - wide, wide), top - look.sp(21)
        self._badge.put(x, y, wide, high)
        self._badge.paint("muted_fill" if row.muted else "fill")
        ink = "on_muted_fill" if row.muted else "on_fill"
        self._count.text(count, ink, x + (wide - count.width) / 2, y + (high + count.height) / 2)
        return right - wide - look.dp(8)

    @staticmethod
    def _at(width: int, x: float, own_width: float) -> float:
        return width - x - own_width if look.right_to_left else x

    def press(self, pressed: bool) -> None:
        """Feel the finger; a chat that is open beside the list is seen to be."""
        opened = self.row is not None and self._is_open(self.row)
        self._shade.paint("pressed" if pressed else "accent" if opened else "", 0.07 if pressed else 0.12)

    def tapped(self, x: float, y: float) -> None:
        """Open the chat."""
        del x, y
        self._on_tap(self.row)

    def long_pressed(self, x: float, y: float) -> None:
        """Show what can be done with it."""
        del x, y
        self._on_menu(self.row)
