"""The rows of a chat: bubbles, days, and what stands between them."""

from dataclasses import dataclass
from typing import Final

from onebar import Message
from onebar_app.text.clusters import only_emoji
from onebar_app.text.layout import Layout
from onebar_app.theme import DARK
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.scrolling import RowView
from onebar_app.view_models.chat_list import said, tick_of
from onebar_app.view_models.formats import clock
from onebar_app.view_models.rows import BubbleRow, DayRow, NoticeRow, UnreadRow

WIDTH_PART: Final = 0.8
"""A bubble takes at most this part of the chat's width, so that its side can be seen."""
WIDTH_MAX: Final = 480
"""Nor more than this, in dp: longer lines are hard to read."""
TEXT: Final = 16
"""Size of messages, in sp."""
LARGE: Final = 44
"""Size of a message of one to three emoji."""
ON_PHOTO: Final = "#ffffff"
"""What is written on a photo, whose lower edge is dark in both themes."""
META: Final = 12
"""Size of the time, in sp."""

# In dp.
EDGE: Final = 12  # between a bubble and the screen
INSET: Final = 12  # dp between a bubble and its text
OVER: Final = 7  # dp above and below the text
RADIUS: Final = 18


@dataclass(frozen=True, slots=True)
class Shape:
    """How a bubble with a text is set."""

    text: Layout
    width: int
    height: int
    above: int
    """Free space above it."""
    meta_inline: bool
    bare: bool
    """Whether it is only emoji, without a ground."""


def side(message: Message) -> str:
    """Return whose colours a message has."""
    return "ours" if message.outgoing else "theirs"


def meta_width(message: Message) -> int:
    """Return the width of time and tick."""
    time = look.lay_out(clock(message.sent_at_ms), META).width
    return round(time) + (look.sp(16) + look.dp(4) if message.outgoing else 0)


def text_of(message: Message) -> str:
    """Return what a bubble says."""
    return message.text or said(message, look.words)


def shape(row: BubbleRow, width: int) -> Shape:
    """Work out how a bubble with a text is set."""
    message = row.message
    text = text_of(message)
    bare = only_emoji(text, 3)
    room = min(round(width * WIDTH_PART), look.dp(WIDTH_MAX)) - 2 * look.dp(INSET)
    layout = look.lay_out(text, LARGE if bare else TEXT, room, links=True)
    meta, gap = meta_width(message), look.dp(10)
    last = layout.lines[-1].width if layout.lines else 0.0
    turned = bool(layout.lines) and layout.lines[-1].right_to_left != look.right_to_left
    one_line = len(layout.lines) == 1
    inline = not bare and last + gap + meta <= room and (one_line or not turned)
    wanted = max(layout.width, (layout.width if turned else last) + gap + meta if inline else meta)
    inline = inline and wanted <= room
    inside = max(layout.width, meta) if not inline else wanted
    height = layout.height + 2 * look.dp(OVER) + (0 if inline else look.sp(META * 1.36))
    if message.state.failed:
        height += look.sp(18)
    above = look.dp(10 if row.first else 2)
    return Shape(layout, round(inside) + 2 * look.dp(INSET), height, above, inline, bare)


class Meta:
    """Time and tick of a message. Made inside `with canvas`."""

    def __init__(self) -> None:
        self._time, self._tick = Picture(), Picture()

    def put(self, message: Message, right: float, bottom: float, colour: str = "", *, left: float = 0) -> None:
        """Paint them to end at `right`, or in Arabic to begin at `left`."""
        ink = colour or f"quiet_on_{side(message)}"
        layout = look.lay_out(clock(message.sent_at_ms), META)
        icon = look.sp(16) if message.outgoing else 0
        width = layout.width + (icon + look.dp(4) if icon else 0)
        x = left if look.right_to_left else right - width
        self._time.text(layout, ink, x, bottom + layout.height)
        name = tick_of(message) if message.outgoing else ""
        special = {"read": "read", "expired": "danger_on_ours", "rejected": "danger_on_ours"}.get(message.state.value)
        tint = ink if special is None else getattr(DARK, special) if ink == ON_PHOTO else special
        self._tick.icon(name, 16, tint, x + layout.width + look.dp(4), bottom + (layout.height - icon) / 2)

    def hide(self) -> None:
        """Show nothing."""
        self._time.hide()
        self._tick.hide()


def bubble_corners(row: BubbleRow) -> tuple[bool, bool, bool, bool]:
    """Return which corners are round: a group looks like one, with its sharp corners on its own side."""
    top, bottom = row.first, row.last
    at_right = row.message.outgoing != look.right_to_left
    return (True, top, bottom, True) if at_right else (top, True, True, bottom)


class ChatRowView(RowView):
    """What all rows of a chat know: the screen that they are on."""

    def __init__(self, actions: "BubbleActions") -> None:
        super().__init__()
        self.actions = actions
        with self.canvas:
            self._glow = Box()

    def glow(self, row: BubbleRow, width: int, height: int) -> None:
        """Paint a light behind the message that a search has led to."""
        self._glow.put(0, 0, width, height)
        self._glow.paint("accent" if row.key == self.actions.found else "", 0.22)


class BubbleActions:
    """What bubbles ask of their chat."""

    found = 0
    """Number of the message that a search has led to, for a moment; 0: none."""
    playing = 0
    """Number of the message whose sound is played; 0: none."""

    def tapped(self, message: Message, link: str) -> None:
        """Open a link, a photo, or try again what failed."""

    def menu(self, message: Message) -> None:
        """Show what can be done with a message."""

    def transfer(self, message: Message) -> None:
        """Pause a file, or go on."""

    def play(self, message: Message) -> None:
        """Play a voice note, or stop."""


class TextBubble:
    """The painted parts of a bubble with a text. Made inside `with canvas`."""

    def __init__(self) -> None:
        self.ground = Box(RADIUS)
        self.shade = Box(RADIUS)
        self.text, self.failed = Picture(), Picture()
        self.meta = Meta()

    def put(self, row: BubbleRow, width: int) -> tuple[Shape, float]:
        """Paint a message; return how it is set and where it begins."""
        message, form = row.message, shape(row, width)
        x = place_x(message, form.width, width)
        ours = side(message)
        quiet = message.state.value in {"unreadable", "unsupported"}
        for box in (self.ground, self.shade):
            box.put(x, 0, form.width, form.height)
            box.corners(bubble_corners(row))
        self.ground.paint("" if form.bare else ours)
        inset, top = look.dp(INSET), form.height - look.dp(OVER)
        room = form.width - 2 * inset
        ink = "text" if form.bare else f"quiet_on_{ours}" if quiet else f"on_{ours}"
        beside_time = len(form.text.lines) == 1 and form.meta_inline
        wide = (
            round(form.text.width) if beside_time else room
        )  # one line stands opposite the time, whichever way it runs
        left = x + inset + (room - wide if look.right_to_left else 0)
        self.text.text(form.text, ink, left, top, wide, "start", f"link_on_{ours}")
        bottom = look.dp(OVER) - look.dp(2) + (look.sp(18) if message.state.failed else 0)
        self.meta.put(message, x + form.width - inset, bottom, "quiet" if form.bare else "", left=x + inset)
        if message.state.failed:
            layout = look.lay_out(look.words("failed_tap"), META, room, bold=True, lines_max=1)
            at = x + form.width - inset - layout.width if look.right_to_left else x + inset
            self.failed.text(layout, "danger_on_ours", at, bottom)
        else:
            self.failed.hide()
        return form, x


def place_x(message: Message, bubble_width: int, width: int) -> int:
    """Return where a bubble begins: ours are where the line ends."""
    at_right = message.outgoing != look.right_to_left
    return width - look.dp(EDGE) - bubble_width if at_right else look.dp(EDGE)


class BubbleView(ChatRowView):
    """A message with a text."""

    def __init__(self, actions: BubbleActions) -> None:
        super().__init__(actions)
        with self.canvas:
            self._bubble = TextBubble()
        self._form: Shape | None = None
        self._x = 0.0

    def measure(self, row: BubbleRow, width: int) -> int:
        """Return the height."""
        form = shape(row, width)
        return form.height + form.above

    def show(self, row: BubbleRow, width: int, height: int) -> None:
        """Paint it."""
        self.glow(row, width, height)
        self._form, self._x = self._bubble.put(row, width)

    def press(self, pressed: bool) -> None:
        """Feel the finger."""
        self._bubble.shade.paint("pressed" if pressed else "", 0.06)

    def tapped(self, x: float, y: float) -> None:
        """Open a link, or try again."""
        self.actions.tapped(self.row.message, self._link_at(x, y))

    def long_pressed(self, x: float, y: float) -> None:
        """Show the menu."""
        del x, y
        self.actions.menu(self.row.message)

    def _link_at(self, x: float, y: float) -> str:
        form = self._form
        if form is None:
            return ""
        down = form.height - look.dp(OVER) - y
        number = int(down // max(1, form.text.line_height))
        if not 0 <= number < len(form.text.lines):
            return ""
        along = x - self._x - look.dp(INSET)
        return next((run.link for run in form.text.lines[number].runs if run.x <= along <= run.x + run.width), "")


class ChipView(ChatRowView):
    """A few words in the middle: a day, what is new, or something about the chat."""

    def __init__(self, actions: BubbleActions) -> None:
        super().__init__(actions)
        with self.canvas:
            self._line, self._chip, self._icon, self._text = Box(), Box(13), Picture(), Picture()

    def measure(self, row: DayRow | UnreadRow | NoticeRow, width: int) -> int:
        """Return the height."""
        return self._layout(row, width).height + look.dp(10) + look.dp(16)

    @staticmethod
    def _layout(row: DayRow | UnreadRow | NoticeRow, width: int) -> Layout:
        return look.lay_out(
            row.text, 13, min(width - look.dp(96), look.dp(WIDTH_MAX)), bold=not isinstance(row, NoticeRow)
        )

    def show(self, row: DayRow | UnreadRow | NoticeRow, width: int, height: int) -> None:
        """Paint it."""
        layout = self._layout(row, width)
        icon = row.icon if isinstance(row, NoticeRow) else ""
        lead = look.sp(15) + look.dp(8) if icon else 0
        chip_width, chip_height = layout.width + lead + look.dp(24), layout.height + look.dp(10)
        x, y = (width - chip_width) / 2, (height - chip_height) / 2
        new = isinstance(row, UnreadRow)
        self._line.put(0, y, width, chip_height)
        self._line.paint("chip" if new else "", 0.6)
        self._chip.put(x, y, chip_width, chip_height)
        self._chip.paint("" if new else "chip")
        rtl = look.right_to_left
        left = x + look.dp(12) + (0 if rtl else lead)
        self._text.text(
            layout, "accent" if new else "on_chip", left, y + chip_height - look.dp(5), layout.width, "center"
        )
        at = x + chip_width - look.dp(12) - look.sp(15) if rtl else x + look.dp(12)
        self._icon.icon(icon, 15, "on_chip", at, y + (chip_height - look.sp(15)) / 2)
