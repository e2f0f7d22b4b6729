"""Scanning the other side's code: with a camera where there is one, or from a picture."""

from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.graphics import Color, Line, Rectangle
from kivy.uix.widget import Widget
from PIL import Image

from onebar_app.ui.look import look
from onebar_app.ui.navigator import Screen, TopBar
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.screens.files import FilesScreen
from onebar_app.ui.sheets import Question
from onebar_app.ui.shell import Shell
from onebar_app.ui.window import kivy_is_quiet
from onebar_app.view_models.contact import Contact
from onebar_app.view_models.scan import Reader, Scan, Verdict

with kivy_is_quiet():
    from kivy.core.camera import Camera

EVERY_S: Final = 0.25
"""How often the camera's picture is looked at: looking takes 20 ms, and hands are slower."""

FRAME_PX: Final = (1280, 720)
"""What the camera is asked for."""


def scan(shell: Shell, contact: Contact, read: Reader) -> None:
    """Go to the camera; where there is none, choose a picture."""
    if Camera is None or not shell.before_camera():
        choose(shell, contact, read)
    else:
        shell.go(lambda: ScanScreen(shell, contact, read))


def choose(shell: Shell, contact: Contact, read: Reader) -> None:
    """Choose a picture of the code."""
    looking = Scan(shell.session, contact.phone, read)

    async def look_at(path: Path) -> None:
        await tell(shell, contact, read, await looking.look_at(path))

    shell.go(lambda: FilesScreen(shell, lambda path: shell.run(look_at(path))))


async def tell(shell: Shell, contact: Contact, read: Reader, verdict: Verdict) -> None:
    """Say what a picture came to. A wrong key is no passing word: it stays until it was read."""
    words = look.words
    if verdict is Verdict.SAME:
        await contact.look()
        shell.say(words("now_verified", name=contact.name))
    elif verdict is Verdict.DIFFERS:
        title, text = words("scan_differs_title"), words("scan_differs")
        shell.lay_over(Question(title, text, words("scan_again"), lambda _: scan(shell, contact, read)))
    else:
        shell.say(words(f"scan_{verdict.value}"))


def middle_of(texture: Any, ratio: float) -> list[float]:
    """Return where in a texture its middle of these proportions is, width by height, so that it fills a widget."""
    own = texture.width / texture.height
    parts = (min(1.0, ratio / own), min(1.0, own / ratio))
    coords = list(texture.tex_coords)
    for axis, part in enumerate(parts):
        places = coords[axis::2]
        middle = (min(places) + max(places)) / 2
        coords[axis::2] = [middle + (place - middle) * part for place in places]
    return coords


class _View(Widget):  # type: ignore[misc]
    """What the camera sees, filling the screen in its middle, and a frame to hold the code into."""

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._texture: Any = None
        self._said = hint
        with self.canvas:
            self._colour = Color(0, 0, 0, 1)
            self._ground = Rectangle()
            self._white = Color(1, 1, 1, 0)
            self._shape = Rectangle()
            Color(1, 1, 1, 0.9)
            self._frame = Line(width=look.dp(2))
            self._veil, self._hint = Box(16), Picture()
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, texture: Any) -> None:
        """Show a picture of the camera."""
        self._texture = texture
        self._redraw()

    def _redraw(self, *_: object) -> None:
        self._ground.pos, self._ground.size = self.pos, self.size
        if self._texture is not None:
            self._white.a = 1
            self._shape.texture, self._shape.size, self._shape.pos = self._texture, self.size, self.pos
            self._shape.tex_coords = middle_of(self._texture, self.width / max(1, self.height))
        side = min(self.width, self.height) * 0.7
        x, y = self.x + (self.width - side) / 2, self.y + (self.height - side) / 2
        self._frame.rounded_rectangle = (x, y, side, side, look.dp(20))
        layout = look.lay_out(self._said, 15, self.width - look.dp(64))
        left, top = self.x + (self.width - layout.width) / 2, y - look.dp(24)
        pad = look.dp(10)
        self._veil.put(left - pad, top - layout.height - pad, layout.width + 2 * pad, layout.height + 2 * pad)
        self._veil.paint("#000000", 0.6)
        self._hint.text(layout, "#ffffff", left, top, layout.width, "center")


class ScanScreen(Screen):
    """The camera, looking for the code of one chat."""

    def __init__(self, shell: Shell, contact: Contact, read: Reader) -> None:
        self._shell, self._contact, self._read = shell, contact, read
        self._scan = Scan(shell.session, contact.phone, read)
        self._view = _View(look.words("scan_hint", name=contact.name))
        super().__init__(self._view, ground="#000000")
        bar = TopBar(look.words("scan"), shell.back, "#000000", "#ffffff")
        bar.action("image", self._choose)
        self.top_bar.add_widget(bar)
        self.camera = Camera(index=0, resolution=FRAME_PX, stopped=True)
        self.camera.bind(on_texture=lambda *_: self._view.show(self.camera.texture))
        self.camera.start()
        self.on_leave(self.camera.stop)
        timer = Clock.schedule_interval(lambda _: self._look(), EVERY_S)
        self.on_leave(timer.cancel)
        self._told = Verdict.NONE

    def _choose(self) -> None:
        self._shell.back()
        choose(self._shell, self._contact, self._read)

    def _look(self) -> None:
        texture = self.camera.texture
        if texture is not None and not self._scan.busy:
            picture = Image.frombytes("RGBA", texture.size, texture.pixels)
            self._shell.run(self._look_at(picture))

    async def _look_at(self, picture: Image.Image) -> None:
        verdict = await self._scan.look_at(picture)
        if verdict in {Verdict.NONE, self._told} or self.parent is None:
            return  # a camera sees nothing most of the time, and the same thing again and again
        self._told = verdict
        if verdict in {Verdict.SAME, Verdict.DIFFERS}:
            self._shell.back()
        await tell(self._shell, self._contact, self._read, verdict)
