"""What stands in place of the composer while a voice note is being recorded."""

from collections.abc import Callable, Sequence
from typing import Final

from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.widget import Widget

from onebar_app.ui.look import look
from onebar_app.ui.painting import Box
from onebar_app.ui.widgets import IconButton, Row, Tappable, Text, grounded
from onebar_app.view_models.formats import duration
from onebar_app.view_models.recording import Recording

# In dp.
BAR: Final = 3
GAP: Final = 2
HIGH: Final = 30

BARS_MAX: Final = 120
"""More do not fit beside each other, on a tablet neither."""


class Levels(Widget):  # type: ignore[misc]
    """Bars that come in where the line ends, the newest last."""

    def __init__(self) -> None:
        super().__init__(size_hint_y=None, height=look.dp(44))
        self._levels: Sequence[float] = ()
        with self.canvas:
            self._bars = [Box(BAR / 2) for _ in range(BARS_MAX)]
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, levels: Sequence[float]) -> None:
        """Show how loud it was."""
        self._levels = levels[-BARS_MAX:]
        self._redraw()

    def _redraw(self, *_: object) -> None:
        step, rtl = look.dp(BAR + GAP), look.right_to_left
        fits = max(0, min(BARS_MAX, int(self.width // step)))
        shown = self._levels[-fits:] if fits else ()
        for number, bar in enumerate(self._bars):
            if number >= len(shown):
                bar.paint("")
                continue
            back = (len(shown) - number) * step
            x = self.x + back - step if rtl else self.x + self.width - back
            high = max(look.dp(BAR), round(shown[number] * look.dp(HIGH)))
            bar.put(x, self.y + (self.height - high) / 2, look.dp(BAR), high)
            bar.paint("accent")


class _Dot(Widget):  # type: ignore[misc]
    """Red while it records."""

    def __init__(self) -> None:
        super().__init__(size_hint_x=None, width=look.dp(20))
        with self.canvas:
            self._box = Box(5)
        self._shown = False
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, shown: bool) -> None:
        self._shown = shown
        self._redraw()

    def _redraw(self, *_: object) -> None:
        side = look.dp(10)
        self._box.put(self.x + (self.width - side) / 2, self.y + (self.height - side) / 2, side, side)
        self._box.paint("danger" if self._shown else "quiet")


class RecordingBar(Row):
    """A bin, how long it is, how loud it is, and the button that sends."""

    def __init__(self, recording: Recording, send: Tappable, on_cancel: Callable[[], None]) -> None:
        height = max(look.dp(44), look.sp(36)) + look.dp(16)
        super().__init__(size_hint_y=None, height=height, spacing=look.dp(4))
        self.padding = (look.dp(6), look.dp(8), look.dp(8), look.dp(8))
        grounded(self, "surface")
        self._recording = recording
        self.bin = IconButton("trash-2", on_cancel, "danger")
        self.bin.pos_hint = {"center_y": 0.5}
        self.add_widget(self.bin)
        self._dot = _Dot()
        self.add_widget(self._dot)
        self.time = Text("0:00", 16, fills=True, lines_max=1)
        self.time.size_hint_x, self.time.width = None, look.sp(48)
        self.add_widget(self.time)
        self._levels = Levels()
        self._levels.pos_hint = {"center_y": 0.5}
        self.add_widget(self._levels)
        holder = AnchorLayout(size_hint_x=None, width=look.dp(48), anchor_y="center", anchor_x="center")
        self.send = send
        holder.add_widget(send)
        self.add_widget(holder)
        self.refresh()

    def refresh(self) -> None:
        """Show how far it is."""
        self._dot.show(self._recording.state == "recording")
        self.time.say(duration(int(self._recording.duration_s) * 1000))
        self._levels.show(self._recording.levels)
