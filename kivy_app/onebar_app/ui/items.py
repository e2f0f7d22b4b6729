"""Rows of settings and the like: an icon, a title, a line below it, and what is at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from onebar_app.text.layout import Layout, Marks
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.scrolling import RowView
from onebar_app.ui.widgets import AvatarFace

PAD: Final = 16
"""Free space at both ends of a row, in dp."""
AVATAR: Final = 40
"""Of an avatar in a row, in dp."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a group."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Says something in a paragraph."""

    key: str
    text: str
    centred: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to see or to change."""

    key: str
    title: str
    text: str = ""
    icon: str = ""
    slot: int = 0
    """Room for the icon, in dp, where avatars stand in the same list; 0: its own width."""
    phone: str = ""
    """Whose avatar is shown in place of an icon."""
    letters: str = ""
    end: str = ""
    """What is at the end: `on` and `off` for a switch, the name of an icon, or nothing."""
    value: str = ""
    danger: bool = False
    dense: bool = False
    """Whether it is low: one of many figures."""
    marks: Marks = ()
    """Where the text is marked, such as words that were searched for."""
    act: Callable[[], None] | None = field(default=None, compare=False)
    menu: Callable[[], None] | None = field(default=None, compare=False)
    """What a long press does."""


class HeadingView(RowView):
    """Shows a heading."""

    def __init__(self) -> None:
        super().__init__()
        with self.canvas:
            self._text = Picture()

    def measure(self, row: Heading, width: int) -> int:
        """Return the height."""
        del row, width
        return look.sp(20) + look.dp(24)

    def show(self, row: Heading, width: int, height: int) -> None:
        """Paint it."""
        del height
        layout = look.lay_out(row.text, 14, width - 2 * look.dp(PAD), bold=True, lines_max=1)
        x = width - look.dp(PAD) - layout.width if look.right_to_left else look.dp(PAD)
        self._text.text(layout, "accent", x, look.dp(8) + layout.height)


class NoteView(RowView):
    """Shows a note."""

    def __init__(self) -> None:
        super().__init__()
        with self.canvas:
            self._text = Picture()

    def measure(self, row: Note, width: int) -> int:
        """Return the height."""
        return look.lay_out(row.text, 14, width - 2 * look.dp(PAD)).height + look.dp(16)

    def show(self, row: Note, width: int, height: int) -> None:
        """Paint it."""
        room = width - 2 * look.dp(PAD)
        layout = look.lay_out(row.text, 14, room)
        align = "center" if row.centred else "right" if look.right_to_left else "left"
        self._text.text(layout, "quiet", look.dp(PAD), height - look.dp(6), room, align)


class ItemView(RowView):
    """Shows an item."""

    def __init__(self) -> None:
        super().__init__()
        with self.canvas:
            self._shade = Box()
            self._icon, self._title, self._text, self._value = Picture(), Picture(), Picture(), Picture()
            self._track, self._knob, self._end = Box(11), Box(8), Picture()
            self._face = AvatarFace(AVATAR)
        self._blank = True

    def measure(self, row: Item, width: int) -> int:
        """Return the height."""
        title, text = self._layouts(row, width)
        inside = title.height + (text.height + look.dp(2) if text else 0)
        return max(look.dp(40 if row.dense else 64 if row.phone else 56), inside + look.dp(16 if row.dense else 20))

    def _layouts(self, row: Item, width: int) -> tuple[Layout, Layout | None]:
        room = width - 2 * look.dp(PAD) - self._indent(row) - self._end_width(row)
        title = look.lay_out(row.title, 16, room, lines_max=2)
        return title, look.lay_out(row.text, 14, room, lines_max=3, marks=row.marks) if row.text else None

    @staticmethod
    def _indent(row: Item) -> int:
        wide = look.dp(AVATAR) if row.phone else max(look.sp(24), look.dp(row.slot)) if row.icon else 0
        return wide + look.dp(16) if wide else 0

    @staticmethod
    def _end_width(row: Item) -> int:
        value = look.lay_out(row.value, 15, lines_max=1).width + look.dp(8) if row.value else 0
        return round(value) + (look.dp(56) if row.end in {"on", "off"} else look.sp(24) + look.dp(8) if row.end else 0)

    def show(self, row: Item, width: int, height: int) -> None:
        """Paint it."""
        title, text = self._layouts(row, width)
        pad, rtl, middle = look.dp(PAD), look.right_to_left, height / 2
        self._shade.put(0, 0, width, height)
        self._shade.paint("")
        indent = self._indent(row)
        ink = "danger" if row.danger else "text"
        side = look.sp(24)
        inset = pad + max(0, look.dp(row.slot) - side) // 2
        self._icon.icon(
            row.icon if not row.phone else "",
            24,
            ink if row.danger else "quiet",
            width - inset - side if rtl else inset,
            middle - side / 2,
        )
        if row.phone:
            face = look.dp(AVATAR)
            self._face.put(row.phone, row.letters, width - pad - face if rtl else pad, middle - face / 2)
        inside = title.height + (text.height + look.dp(2) if text else 0)
        top = middle + inside / 2
        self._title.text(
            title,
            ink,
            width - pad - indent - title.width if rtl else pad + indent,
            top,
            title.width,
            "right" if rtl else "left",
        )
        if text:
            x = width - pad - indent - text.width if rtl else pad + indent
            self._text.text(text, "quiet", x, top - title.height - look.dp(2), text.width, "right" if rtl else "left")
        else:
            self._text.hide()
        self._show_end(row, width, middle)

    def _show_end(self, row: Item, width: int, middle: float) -> None:
        pad, rtl, is_switch = look.dp(PAD), look.right_to_left, row.end in {"on", "off"}
        track, thick, knob = look.dp(40), look.dp(24), look.dp(18)
        x = pad if rtl else width - pad - track
        self._track.put(x, middle - thick / 2, track, thick)
        self._track.paint(("fill" if row.end == "on" else "muted_fill") if is_switch else "")
        inset = look.dp(3)
        to_right = (row.end == "on") != rtl
        self._knob.put(x + track - inset - knob if to_right else x + inset, middle - knob / 2, knob, knob)
        self._knob.paint(("on_fill" if row.end == "on" else "on_muted_fill") if is_switch else "")
        side = look.sp(20)
        icon = "" if is_switch else row.end
        self._end.icon(
            icon, 20, "accent" if icon == "check" else "quiet", pad if rtl else width - pad - side, middle - side / 2
        )
        if row.value:
            layout = look.lay_out(row.value, 15, lines_max=1)
            beside = pad + (look.sp(24) + look.dp(8) if row.end else 0)
            self._value.text(
                layout, "quiet", beside if rtl else width - beside - layout.width, middle + layout.height / 2
            )
        else:
            self._value.hide()

    def tapped(self, x: float, y: float) -> None:
        """Do it."""
        del x, y
        if self.row.act is not None:
            self.row.act()

    def long_pressed(self, x: float, y: float) -> None:
        """Show its menu."""
        del x, y
        if self.row.menu is not None:
            self.row.menu()

    def press(self, pressed: bool) -> None:
        """Feel the finger."""
        acts = self.row is not None and self.row.act is not None
        self._shade.paint("pressed" if pressed and acts else "", 0.07)


ITEM_KINDS: Final = {Heading: HeadingView, Note: NoteView, Item: ItemView}
"""What a page of items is made of."""
