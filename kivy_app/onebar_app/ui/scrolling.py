"""A list of any length: only the rows on the screen exist, and where they are is added up, not laid out."""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Protocol

from kivy.clock import Clock
from kivy.graphics import PopMatrix, PushMatrix, Translate
from kivy.uix.widget import Widget

from onebar_app.ui.look import look

SLOP: Final = 8
"""A finger that moves less, in dp, is tapping."""
LONG_PRESS_S: Final = 0.45
"""A finger that rests for this time means the row's menu."""
_FRICTION: Final = 2.4  # velocity falls to 1/e in 0.42 s, about as phones do it
_VELOCITY_MIN: Final = 12.0  # dp a second: slower is standing still
_FLICK_S: Final = 0.12  # a finger that rested for so long before it left does not throw
_WHEEL: Final = 64
_NEAR_ROWS: Final = 12  # before the first or last row, more is asked for
_ANCHORS: Final = 6
_MARGIN: Final = 0.5  # rows are made this many screens ahead


class Keyed(Protocol):
    """What a list shows: its key stays the same while it is the same thing."""

    @property
    def key(self) -> Hashable:
        """The key."""


class RowView(Widget):  # type: ignore[misc]
    """One row on the screen. It paints with its bottom left corner at (0, 0); the list moves it."""

    def __init__(self) -> None:
        super().__init__(size_hint=(None, None))
        with self.canvas.before:
            PushMatrix()
            self.place = Translate(0, 0)
        with self.canvas.after:
            PopMatrix()
        self.row: Any = None

    def measure(self, row: Any, width: int) -> int:
        """Return the height of a row; asked of one view for all rows of its kind."""
        raise TypeError(f"{type(self).__name__} cannot measure {type(row).__name__} at {width}")

    def show(self, row: Any, width: int, height: int) -> None:
        """Paint a row."""

    def tapped(self, x: float, y: float) -> None:
        """Do what a tap at this place of the row does."""

    def long_pressed(self, x: float, y: float) -> None:
        """Do what a long press does."""

    def press(self, pressed: bool) -> None:
        """Show that a finger is on it."""


class VirtualList(Widget):  # type: ignore[misc]
    """Rows below each other, the first on top."""

    def __init__(
        self,
        kinds: Mapping[type, Callable[[], RowView]],
        *,
        sticks_to_end: bool = False,
        pad: float = 0,
        pad_below: float | None = None,
    ) -> None:
        """Show nothing yet.

        Args:
            kinds: Which view shows which class of row.
            sticks_to_end: Whether it begins at the end and stays there while rows are added: a chat.
            pad: Free space above the first and below the last row, in dp.
            pad_below: Below the last row, if it is another one.
        """
        super().__init__()
        self._kinds = kinds
        self._rulers = {kind: make() for kind, make in kinds.items()}
        self._sticks = sticks_to_end
        self._pad, self._pad_below = look.dp(pad), look.dp(pad if pad_below is None else pad_below)
        self.rows: Sequence[Any] = ()
        self._tops: list[int] = [0]
        self._heights: dict[Hashable, tuple[Any, int, int]] = {}
        self._shown: dict[Hashable, RowView] = {}
        self._spare: dict[type, list[RowView]] = {}
        self.offset = 0.0
        """How far the top of the view is below the top of the first row, in pixels."""
        self.more_below = False
        """Whether there are rows behind the last one that are not in memory: then it is not the end."""
        self.on_near_begin: Callable[[], None] = lambda: None
        self.on_near_end: Callable[[], None] = lambda: None
        self.on_scroll: Callable[[], None] = lambda: None
        self._was_at_end = True
        self._finger: Any = None
        self._moved = False
        self._trail: list[tuple[float, float]] = []
        self._velocity = 0.0
        self._pressed: RowView | None = None
        self._long: Any = None
        with self.canvas.before:
            PushMatrix()
            self._place = Translate(0, 0)
        with self.canvas.after:
            PopMatrix()
        self.bind(size=lambda *_: self._resized(), pos=lambda *_: self._move())

    @property
    def at_end(self) -> bool:
        """Whether the last row of all can be seen whole."""
        return not self.more_below and bool(self.offset >= self._offset_max() - look.dp(2))

    @property
    def content_height(self) -> int:
        """Height of all rows, in pixels."""
        return self._tops[-1] + self._pad + self._pad_below

    def set_rows(self, rows: Sequence[Any], *, more_below: bool = False) -> None:
        """Show other rows. What the user looks at stays where it is; a list that was at its end stays there.

        Args:
            rows: The rows.
            more_below: Whether there are more behind the last one, which `on_near_end` asks for.
        """
        at_end = self._was_at_end
        anchor = [] if self._sticks and at_end else self._anchor()
        self.rows, self.more_below = rows, more_below
        self._add_up()
        if self._sticks and at_end:
            self.offset = self._offset_max()
        else:
            self._return_to(anchor)
        self._move()

    def repaint(self) -> None:
        """Paint what can be seen anew: something that is no part of the rows has changed."""
        for view in self._shown.values():
            view.show(view.row, round(view.width), round(view.height))

    def scroll_to_end(self) -> None:
        """Go to the last row."""
        self._velocity = 0.0
        self.offset = self._offset_max()
        self._move()

    def scroll_to(self, key: Hashable, above: float = 0.3) -> bool:
        """Go to a row, a part of the screen below the top; return whether there is one of this key."""
        for index, row in enumerate(self.rows):
            if row.key == key:
                self.scroll_by(self._tops[index] + self._pad - self.height * above - self.offset)
                return True
        return False

    def scroll_by(self, pixels: float) -> None:
        """Scroll down, or up if negative, no further than there are rows."""
        self.offset = min(max(0.0, self.offset + pixels), self._offset_max())
        self._move()

    def last_seen(self) -> Any:
        """Return the last row of which most can be seen."""
        bottom = self.offset + self.height - self._pad
        for index in range(bisect_right(self._tops, bottom) - 1, -1, -1):
            if index < len(self.rows) and (self._tops[index] + self._tops[index + 1]) / 2 <= bottom:
                return self.rows[index]
        return None

    def row_at(self, y: float) -> Any:
        """Return the row at a height of the window."""
        index = self._index_at(self.offset + self.y + self.height - y - self._pad - self._spare_above)
        return None if index is None else self.rows[index]

    @property
    def _spare_above(self) -> float:
        """How far a chat of few messages hangs below the top: it stands on its end."""
        return max(0.0, float(self.height) - self.content_height) if self._sticks else 0.0

    def _offset_max(self) -> float:
        return max(0.0, self.content_height - float(self.height))

    def _resized(self) -> None:
        at_end, anchor = self._was_at_end, self._anchor()
        self._add_up()
        if self._sticks and (at_end or not self._shown):
            self.offset = self._offset_max()
        else:
            self._return_to(anchor)
        self.scroll_by(0)

    def _add_up(self) -> None:
        width = round(self.width)
        heights = []
        known, fresh = self._heights, {}
        for row in self.rows:
            was = known.get(row.key)
            if was is None or was[1] != width or was[0] != row:
                was = (row, width, self._rulers[type(row)].measure(row, width))
            fresh[row.key] = was
            heights.append(was[2])
        self._heights = fresh
        self._tops = [0, *accumulate(heights)]

    def _anchor(self) -> list[tuple[Hashable, float]]:
        """Return where the first rows are that can be seen: several, as one may be gone afterwards."""
        index = self._index_at(self.offset - self._pad + look.dp(1))
        if index is None:
            return []
        seen = range(index, min(index + _ANCHORS, len(self.rows)))
        return [(self.rows[one].key, self.offset - self._tops[one]) for one in seen]

    def _return_to(self, anchors: list[tuple[Hashable, float]]) -> None:
        places = {row.key: index for index, row in enumerate(self.rows)}
        for key, below in anchors:
            if key in places:
                self.offset = self._tops[places[key]] + below
                return

    def _index_at(self, down: float) -> int | None:
        if not self.rows:
            return None
        return min(max(0, bisect_right(self._tops, down) - 1), len(self.rows) - 1)

    def _move(self) -> None:
        """Let the rows that can be seen exist, and no others, and move them all by one matrix."""
        if self.width <= 1 or self.height <= 1:
            return
        self.offset = min(max(0.0, self.offset), self._offset_max())
        self._was_at_end = self.at_end
        shift = self.y + self.height + self.offset - self._pad - self._spare_above
        self._place.xy = (round(self.x), round(shift))
        first = self._index_at(self.offset - self.height * _MARGIN) or 0
        last = self._index_at(self.offset + self.height * (1 + _MARGIN))
        wanted = range(first, 0 if last is None else last + 1)
        keys = {self.rows[index].key for index in wanted}
        for key in [key for key in self._shown if key not in keys]:
            self._put_away(key)
        for index in wanted:
            self._show(index)
        if first < _NEAR_ROWS and self.rows:
            self.on_near_begin()
        if wanted.stop > len(self.rows) - _NEAR_ROWS and self.more_below:
            self.on_near_end()
        self.on_scroll()

    def _show(self, index: int) -> None:
        row = self.rows[index]
        width, height = round(self.width), self._tops[index + 1] - self._tops[index]
        view = self._shown.get(row.key)
        if view is not None and type(row) is not type(view.row):
            self._put_away(row.key)
            view = None
        if view is None:
            spare = self._spare.setdefault(type(row), [])
            view = spare.pop() if spare else self._kinds[type(row)]()
            self._shown[row.key] = view
            self.add_widget(view)
        view.place.xy = (0, -self._tops[index + 1])
        if view.row != row or view.size != [width, height]:
            view.row, view.size = row, (width, height)
            view.show(row, width, height)

    def _put_away(self, key: Hashable) -> None:
        view = self._shown.pop(key)
        self.remove_widget(view)
        view.press(False)
        self._spare.setdefault(type(view.row), []).append(view)

    # --- fingers ----------------------------------------------------------------------------------

    def on_touch_down(self, touch: Any) -> bool:
        """Take the finger."""
        if not self.collide_point(*touch.pos):
            return False
        if touch.is_mouse_scrolling:
            self.scroll_by({"scrolldown": -1, "scrollup": 1}.get(touch.button, 0) * look.dp(_WHEEL))
            return True
        was_moving, self._velocity = abs(self._velocity) > look.dp(_VELOCITY_MIN), 0.0
        touch.grab(self)
        self._finger, self._moved = touch, was_moving
        self._trail = [(touch.time_start, touch.y)]
        if not was_moving:
            self._pressed = self._view_at(touch)
            if self._pressed is not None:
                self._pressed.press(True)
            self._long = Clock.schedule_once(lambda _: self._rested(), LONG_PRESS_S)
        return True

    def on_touch_move(self, touch: Any) -> bool:
        """Follow the finger."""
        if touch.grab_current is not self or touch is not self._finger:
            return False
        if not self._moved and abs(touch.y - touch.oy) > look.dp(SLOP):
            self._moved = True
            self._release()
        if self._moved:
            self.scroll_by(touch.y - self._trail[-1][1])
        self._trail = [*self._trail[-5:], (touch.time_update, touch.y)]
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Tap, or throw."""
        if touch.grab_current is not self or touch is not self._finger:
            return False
        touch.ungrab(self)
        self._finger = None
        view = self._pressed
        self._release()
        if not self._moved and view is not None and view.row is not None:
            x, y = self._inside(view, touch)
            view.tapped(x, y)
        elif self._moved and touch.time_end - self._trail[-1][0] < _FLICK_S and len(self._trail) > 1:
            (before_s, before_y), (after_s, after_y) = self._trail[0], self._trail[-1]
            self._velocity = (after_y - before_y) / max(0.001, after_s - before_s)
            Clock.schedule_interval(self._glide, 0)
        return True

    def _rested(self) -> None:
        view, finger = self._pressed, self._finger
        if view is not None and finger is not None and not self._moved:
            self._moved = True  # what follows is no tap
            self._trail = [(0.0, finger.y)]
            self._release()
            view.long_pressed(*self._inside(view, finger))

    def _release(self) -> None:
        if self._long is not None:
            self._long.cancel()
            self._long = None
        if self._pressed is not None:
            self._pressed.press(False)
            self._pressed = None

    def _view_at(self, touch: Any) -> RowView | None:
        row = self.row_at(touch.y)
        view = self._shown.get(row.key) if row is not None else None
        if view is None:
            return None
        x, y = self._inside(view, touch)
        return view if 0 <= y < view.height and 0 <= x <= view.width else None

    def _inside(self, view: RowView, touch: Any) -> tuple[float, float]:
        return touch.x - self._place.x, touch.y - self._place.y - view.place.y

    def _glide(self, passed_s: float) -> bool | None:
        before = self.offset
        self.scroll_by(self._velocity * passed_s)
        self._velocity *= max(0.0, 1 - _FRICTION * passed_s)
        stopped = abs(self._velocity) < look.dp(_VELOCITY_MIN) or self.offset == before
        if stopped:
            self._velocity = 0.0
        return False if stopped else None
