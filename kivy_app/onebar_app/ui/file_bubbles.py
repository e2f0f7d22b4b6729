"""Bubbles with photos, videos, voice notes and files, and the ring that says how far they are."""

from typing import Final

from kivy.graphics import Color, SmoothLine
from PIL import Image, ImageFilter

from onebar import Message
from onebar.models import Attachment, TransferState
from onebar_app.text.layout import Layout
from onebar_app.ui.bubbles import (
    INSET,
    META,
    ON_PHOTO,
    OVER,
    RADIUS,
    TEXT,
    WIDTH_PART,
    BubbleActions,
    ChatRowView,
    Meta,
    bubble_corners,
    meta_width,
    place_x,
    side,
)
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.textures import round_picture
from onebar_app.view_models.formats import duration, size
from onebar_app.view_models.pictures import Pictures
from onebar_app.view_models.rows import BubbleRow

PHOTO_WIDTH: Final = 272
"""Of a photo, in dp, where the screen has room for it."""
PHOTO_HEIGHT_MAX: Final = 340
"""Highest photo, in dp; higher ones are cut to it."""

FRAME: Final = 4  # dp of bubble around a photo
RING: Final = 48
"""Size of the ring, in dp: it can be touched."""
BARS: Final = 36  # of a waveform
BARS_HEIGHT: Final = 28
"""Of a waveform, in dp."""


def progress_text(attachment: Attachment) -> str:
    """Return how far a file is, in words."""
    state = attachment.state
    if state is TransferState.WAITING:
        done, total = size(attachment.bytes_done), size(attachment.bytes_total)
        return look.words("file_progress", done=done, total=total)
    if state is TransferState.FAILED:
        return look.words("file_failed")
    if state is TransferState.PAUSED:
        return look.words("file_paused", total=size(attachment.bytes_total))
    return size(attachment.file_bytes)


def ring_icon(attachment: Attachment) -> str:
    """Return what a tap on the ring does."""
    return {
        TransferState.WAITING: "pause",
        TransferState.PAUSED: "play",
        TransferState.OFFERED: "download",
        TransferState.FAILED: "refresh-cw",
    }.get(attachment.state, "")


class Ring:
    """A round button that says how far a file is. Made inside `with canvas`."""

    def __init__(self, colour: str, ink: str) -> None:
        self._ground_colour, self._ink = colour, ink
        self._ground, self._icon = Box(RING / 2), Picture()
        self._colour = Color(0, 0, 0, 0)
        self._line = SmoothLine(width=look.dp(1.4), cap="round")

    def put(self, icon: str, part: float, x: float, y: float, alpha: float = 1.0) -> None:
        """Paint it around (x, y); without an icon it is hidden."""
        across = look.dp(RING)
        self._ground.put(x - across / 2, y - across / 2, across, across)
        self._ground.paint(self._ground_colour if icon else "", alpha)
        icon_side = look.sp(22)
        self._icon.icon(icon, 22, self._ink, x - icon_side / 2, y - icon_side / 2)
        shown = bool(icon) and 0 < part < 1
        self._colour.rgba = look.rgba(self._ink) if shown else (0, 0, 0, 0)
        if shown:
            self._line.circle = (x, y, across / 2 - look.dp(3), 0, 360 * part)


def part_done(attachment: Attachment) -> float:
    """Return how much has moved, 0 to 1; a little at once, so that the ring is seen."""
    moving = attachment.state in {TransferState.WAITING, TransferState.PAUSED}
    return max(0.03, attachment.bytes_done / max(1, attachment.bytes_total)) if moving else 0.0


def photo_size(attachment: Attachment, width: int) -> tuple[int, int]:
    """Return how large a photo is shown."""
    across = min(look.dp(PHOTO_WIDTH), round(width * WIDTH_PART) - 2 * look.dp(FRAME))
    ratio = attachment.height / attachment.width if attachment.width and attachment.height else 0.75
    return across, max(look.dp(120), min(round(across * ratio), look.dp(PHOTO_HEIGHT_MAX)))


def _caption(row: BubbleRow, across: int) -> Layout | None:
    room = across - 2 * look.dp(INSET - FRAME)
    return look.lay_out(row.message.text, TEXT, room, links=True) if row.message.text else None


class MediaView(ChatRowView):
    """A photo or a video, with its caption."""

    def __init__(self, actions: BubbleActions, pictures: Pictures) -> None:
        super().__init__(actions)
        self._pictures = pictures
        with self.canvas:
            self._ground, self._photo, self._blank = Box(RADIUS), Picture(), Box(RADIUS - FRAME)
            self._text, self._meta = Picture(), Meta()
            self._veil = Box(12)
            self._over, self._said = Meta(), Picture()
            self._ring = Ring("#000000", "#ffffff")
        self._frame = (0.0, 0.0, 0.0, 0.0)

    def measure(self, row: BubbleRow, width: int) -> int:
        """Return the height."""
        across, high = photo_size(_attachment(row.message), width)
        caption = _caption(row, across)
        below = caption.height + look.dp(OVER + 4) + look.sp(META * 1.36) if caption else 0
        return high + 2 * look.dp(FRAME) + below + look.dp(10 if row.first else 2)

    def show(self, row: BubbleRow, width: int, height: int) -> None:
        """Paint it."""
        self.glow(row, width, height)
        message, attachment = row.message, _attachment(row.message)
        across, high = photo_size(attachment, width)
        bubble_width, frame = across + 2 * look.dp(FRAME), look.dp(FRAME)
        x, bubble_height = place_x(message, bubble_width, width), height - look.dp(10 if row.first else 2)
        self._ground.put(x, 0, bubble_width, bubble_height)
        self._ground.corners(bubble_corners(row))
        self._ground.paint(side(message))
        left, bottom = x + frame, bubble_height - frame - high
        self._frame = (left, bottom, across, high)
        self._paint_photo(message, left, bottom, across, high)
        icon = ring_icon(attachment) or ("play" if attachment.kind == "video" else "")
        self._ring.put(icon, part_done(attachment), left + across / 2, bottom + high / 2, 0.55)
        told = progress_text(attachment) if ring_icon(attachment) else ""
        told = told or (duration(attachment.duration_ms) if attachment.kind == "video" else "")
        layout = look.lay_out(told, META)
        self._said.text(layout, "#ffffff", left + look.dp(16), bottom + high - look.dp(12))
        self._pill(layout, left, bottom + high)
        self._paint_words(row, across, left)

    def _pill(self, layout: Layout, left: float, top: float) -> None:
        self._veil.put(
            left + look.dp(8), top - look.dp(16) - layout.height, layout.width + look.dp(16), layout.height + look.dp(8)
        )
        self._veil.paint("#000000" if layout.width else "", 0.6)

    def _paint_words(self, row: BubbleRow, across: int, left: float) -> None:
        caption, inset = _caption(row, across), look.dp(INSET - FRAME)
        message = row.message
        if caption is None:
            self._text.hide()
            self._meta.hide()
            shown = self._photo_shown
            right = left + across - look.dp(10)
            self._over.put(message, right, look.dp(FRAME + 8), ON_PHOTO if shown else "", left=left + look.dp(10))
            return
        self._over.hide()
        ours = side(message)
        top = look.dp(OVER) + caption.height + look.sp(META * 1.36)
        self._text.text(caption, f"on_{ours}", left + inset, top, across - 2 * inset, "start", f"link_on_{ours}")
        self._meta.put(message, left + across - inset, look.dp(OVER - 2), left=left + inset)

    def _paint_photo(self, message: Message, left: float, bottom: float, across: int, high: int) -> None:
        kind, picture = self._pictures.get(message, lambda: self._again(message))
        self._photo_shown = picture is not None
        self._blank.put(left, bottom, across, high)
        if picture is None:
            self._photo.hide()
            self._blank.paint("field")
            return
        self._blank.paint("")
        key = (kind, message.message_no)
        texture = round_picture(key, lambda: _shaded(picture, kind), (across, high), look.dp(RADIUS - FRAME))
        self._photo.show(texture, left, bottom)

    _photo_shown = False

    def _again(self, message: Message) -> None:
        if self.row is not None and self.row.message.message_no == message.message_no:
            self.show(self.row, round(self.width), round(self.height))

    def tapped(self, x: float, y: float) -> None:
        """Pause, go on, or open."""
        left, bottom, across, high = self._frame
        message = self.row.message
        near = abs(x - left - across / 2) < look.dp(RING) and abs(y - bottom - high / 2) < look.dp(RING)
        if ring_icon(_attachment(message)) and near:
            self.actions.transfer(message)
        else:
            self.actions.tapped(message, "")

    def long_pressed(self, x: float, y: float) -> None:
        """Show the menu."""
        del x, y
        self.actions.menu(self.row.message)


def _shaded(picture: Image.Image, kind: str) -> Image.Image:
    """Return a picture whose lower edge is darker, so that the time can be read on it; a preview is soft."""
    if kind == "preview":
        picture = picture.resize((picture.width * 3, picture.height * 3)).filter(ImageFilter.GaussianBlur(3))
    shade = Image.linear_gradient("L").resize(picture.size).point(lambda value: max(0, value - 170) * 2)
    dark = Image.new("RGB", picture.size, (0, 0, 0))
    return Image.composite(dark, picture.convert("RGB"), shade)


def _attachment(message: Message) -> Attachment:
    assert message.attachment is not None
    return message.attachment


class FileView(ChatRowView):
    """A voice note or a file."""

    def __init__(self, actions: BubbleActions) -> None:
        super().__init__(actions)
        with self.canvas:
            self._ground, self._shade = Box(RADIUS), Box(RADIUS)
            self._name, self._said, self._text, self._meta = Picture(), Picture(), Picture(), Meta()
            self._bars = [Box(1.5) for _ in range(BARS)]
            self._ring = Ring("fill", "on_fill")

    def measure(self, row: BubbleRow, width: int) -> int:
        """Return the height."""
        caption = self._caption(row, width)
        below = caption.height + look.dp(8) if caption else 0
        inside = max(look.dp(RING), self._upper(row, width) + look.dp(2) + look.sp(META * 1.36))
        return inside + look.dp(2 * OVER + 4) + below + look.dp(10 if row.first else 2)

    def _bubble_width(self, width: int) -> int:
        return min(round(width * WIDTH_PART), look.dp(300))

    def _room(self, width: int) -> int:
        """Return the width beside the ring."""
        return self._bubble_width(width) - look.dp(2 * INSET + RING + 10)

    def _upper(self, row: BubbleRow, width: int) -> int:
        """Return the height of what is beside the ring above the time: the sound's bars, or the file's name."""
        attachment = _attachment(row.message)
        return look.dp(BARS_HEIGHT) if attachment.kind == "voice" else self._name_of(attachment, width).height

    def _name_of(self, attachment: Attachment, width: int) -> Layout:
        name = attachment.name or look.words("kind_file")
        return look.lay_out(name, 15, self._room(width), bold=True, lines_max=2)

    def _caption(self, row: BubbleRow, width: int) -> Layout | None:
        room = self._bubble_width(width) - 2 * look.dp(INSET)
        return look.lay_out(row.message.text, TEXT, room, links=True) if row.message.text else None

    def show(self, row: BubbleRow, width: int, height: int) -> None:
        """Paint it."""
        self.glow(row, width, height)
        message, attachment = row.message, _attachment(row.message)
        ours, inset, rtl = side(message), look.dp(INSET), look.right_to_left
        across, high = self._bubble_width(width), height - look.dp(10 if row.first else 2)
        x = place_x(message, across, width)
        for box in (self._ground, self._shade):
            box.put(x, 0, across, high)
            box.corners(bubble_corners(row))
        self._ground.paint(ours)
        caption, lower, room = self._caption(row, width), look.sp(META * 1.36), self._room(width)
        bottom = look.dp(OVER + 2)
        if caption:
            self._text.text(
                caption,
                f"on_{ours}",
                x + inset,
                bottom + caption.height,
                across - 2 * inset,
                "start",
                f"link_on_{ours}",
            )
            bottom += caption.height + look.dp(8)
        else:
            self._text.hide()
        middle, half = (bottom + high - look.dp(OVER + 2)) / 2, look.dp(RING) / 2
        voice = attachment.kind == "voice"
        playing = self.actions.playing == message.message_no
        idle = ("pause" if playing else "play") if voice else "file"
        ring_x = x + across - inset - half if rtl else x + inset + half
        self._ring.put(ring_icon(attachment) or idle, part_done(attachment), ring_x, middle)
        left = x + inset if rtl else x + across - inset - room
        upper = self._upper(row, width)
        low = middle - (upper + look.dp(2) + lower) / 2
        self._paint_upper(row, width, left, low + lower + look.dp(2) + upper / 2)
        self._meta.put(message, left + room, low, left=left)
        told = duration(attachment.duration_ms) if voice and not ring_icon(attachment) else progress_text(attachment)
        layout = look.lay_out(told, META, room - meta_width(message) - look.dp(6), lines_max=1)
        at = left + room - layout.width if rtl else left
        self._said.text(layout, f"quiet_on_{ours}", at, low + layout.height)

    def _paint_upper(self, row: BubbleRow, width: int, left: float, middle: float) -> None:
        attachment, room, ours = _attachment(row.message), self._room(width), side(row.message)
        voice, step = attachment.kind == "voice", room / BARS
        for number, bar in enumerate(self._bars):
            wave = attachment.waveform
            loud = wave[number * len(wave) // BARS] / 255 if wave else 0.1
            high = max(look.dp(3), round(loud * look.dp(BARS_HEIGHT)))
            at = left + room - (number + 1) * step if look.right_to_left else left + number * step
            bar.put(at, middle - high / 2, look.dp(3), high)
            bar.paint(f"quiet_on_{ours}" if voice else "")
        if voice:
            self._name.hide()
            return
        layout = self._name_of(attachment, width)
        x = left + room - layout.width if look.right_to_left else left
        self._name.text(layout, f"on_{ours}", x, middle + layout.height / 2)

    def tapped(self, x: float, y: float) -> None:
        """Pause, go on, play or open."""
        del x, y
        message = self.row.message
        attachment = _attachment(message)
        if ring_icon(attachment):
            self.actions.transfer(message)
        elif attachment.kind == "voice":
            self.actions.play(message)
        else:
            self.actions.tapped(message, "")

    def long_pressed(self, x: float, y: float) -> None:
        """Show the menu."""
        del x, y
        self.actions.menu(self.row.message)

    def press(self, pressed: bool) -> None:
        """Feel the finger."""
        self._shade.paint("pressed" if pressed else "", 0.06)
