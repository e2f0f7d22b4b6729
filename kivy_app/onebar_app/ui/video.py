"""A video as large as it fits: tap it to pause, drag along the line to go somewhere else."""

import time
from typing import Any, Final

from kivy.clock import Clock
from kivy.graphics import Color, Rectangle
from kivy.graphics.texture import Texture
from kivy.uix.widget import Widget
from PIL import Image

from onebar_app.ui.file_bubbles import Ring
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.textures import upload
from onebar_app.view_models.film import Frame
from onebar_app.view_models.formats import duration
from onebar_app.view_models.playback import Playback

# In dp.
BAR: Final = 64  # height of what is at the bottom: all of it can be dragged
EDGE: Final = 20
TRACK: Final = 4
KNOB: Final = 16


class VideoView(Widget):  # type: ignore[misc]
    """Shows a playback. Time runs to the right in every language, as on every other player."""

    def __init__(self, playback: Playback) -> None:
        super().__init__()
        self.playback = playback
        self._texture: Any = None
        self._finger: Any = None
        self._timer: Any = None
        with self.canvas:
            self._white = Color(1, 1, 1, 0)
            self._shape = Rectangle()
            self._veil = Box()
            self._track, self._done, self._knob = Box(TRACK / 2), Box(TRACK / 2), Box(KNOB / 2)
            self._passed, self._whole = Picture(), Picture()
            self._ring, self._said = Ring("#000000", "#ffffff"), Picture()
        self.bind(pos=self._redraw, size=self._redraw)

    def start(self, small: Image.Image | None) -> None:
        """Follow the playback; until its first frame is there, the preview is shown."""
        if small is not None:
            self._texture = upload(small)
        self._unwatch = self.playback.watch(self._redraw)
        self._timer = Clock.schedule_interval(lambda _: self._tick(), 0)
        self._redraw()

    def stop(self) -> None:
        """Stop following."""
        self._unwatch()
        self._timer.cancel()

    @property
    def seek_bar(self) -> tuple[float, float, float]:
        """Where the line is: its left end, its middle's height, its length."""
        edge = look.dp(EDGE)
        return self.x + edge, self.y + look.dp(BAR) * 0.66, max(1.0, self.width - 2 * edge)

    def on_touch_down(self, touch: Any) -> bool:
        """Take the finger."""
        if not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        self._finger = touch if touch.y < self.y + look.dp(BAR) else None
        self._seek(touch)
        return True

    def on_touch_move(self, touch: Any) -> bool:
        """Follow the finger along the line."""
        if touch.grab_current is not self:
            return False
        self._seek(touch)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Pause or go on, if it was no dragging."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        if touch is not self._finger:
            self.playback.toggle()
        self._finger = None
        return True

    def _seek(self, touch: Any) -> None:
        if touch is self._finger:
            left, _, length = self.seek_bar
            self.playback.seek((touch.x - left) / length)

    def _tick(self) -> None:
        frame = self.playback.tick(time.monotonic())
        if frame is not None:
            self._show(frame)
        if frame is not None or self.playback.state == "playing":
            self._redraw()

    def _show(self, frame: Frame) -> None:
        size = (frame.width, frame.height)
        if self._texture is None or tuple(self._texture.size) != size or self._texture.colorfmt != "rgb":
            self._texture = Texture.create(size=size, colorfmt="rgb")
            self._texture.flip_vertical()
        self._texture.blit_buffer(frame.rgb, colorfmt="rgb", bufferfmt="ubyte")

    def _redraw(self, *_: object) -> None:
        if self.width <= 1:
            return
        self._place_picture()
        playback, words = self.playback, look.words
        left, middle, length = self.seek_bar
        whole = max(playback.duration_s, 0.001)
        done = min(1.0, playback.position_s / whole)
        known = playback.state in {"playing", "paused"}
        thick, knob = look.dp(TRACK), look.dp(KNOB)
        self._veil.put(self.x, self.y, self.width, look.dp(BAR))
        self._veil.paint("#000000" if known else "", 0.6)
        self._track.put(left, middle - thick / 2, length, thick)
        self._track.paint("#ffffff" if known else "", 0.35)
        self._done.put(left, middle - thick / 2, max(thick, length * done), thick)
        self._done.paint("#ffffff" if known else "")
        self._knob.put(left + length * done - knob / 2, middle - knob / 2, knob, knob)
        self._knob.paint("#ffffff" if known else "")
        passed = look.lay_out(duration(int(playback.position_s) * 1000) if known else "", 13)
        end = look.lay_out(duration(int(playback.duration_s * 1000)) if known else "", 13)
        top = middle - look.dp(12)
        self._passed.text(passed, "#ffffff", left, top)
        self._whole.text(end, "#ffffff", left + length - end.width, top)
        x, y = self.x + self.width / 2, self.y + self.height / 2
        self._ring.put("play" if playback.state == "paused" else "", 0.0, x, y, 0.6)
        told = {"failed": playback.failure, "loading": words("working")}.get(playback.state, "")
        layout = look.lay_out(told, 15, self.width - look.dp(64))
        self._said.text(layout, "#ffffff", x - layout.width / 2, y + layout.height / 2, layout.width, "center")

    def _place_picture(self) -> None:
        if self._texture is None:
            return
        scale = min(self.width / self._texture.width, self.height / self._texture.height)
        width, height = self._texture.width * scale, self._texture.height * scale
        self._white.a = 1 if self.playback.state in {"playing", "paused"} else 0.35
        self._shape.texture, self._shape.size = self._texture, (width, height)
        self._shape.pos = (self.x + (self.width - width) / 2, self.y + (self.height - height) / 2)
        self.canvas.ask_update()
