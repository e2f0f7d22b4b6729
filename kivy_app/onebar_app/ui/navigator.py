"""Which screen is shown: a stack, beside the list of chats where there is room for both."""

from collections.abc import Callable
from typing import Final

from kivy.animation import Animation
from kivy.graphics import PopMatrix, PushMatrix, Translate
from kivy.properties import NumericProperty
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.widget import Widget

from onebar_app.ui.look import look
from onebar_app.ui.painting import Box
from onebar_app.ui.widgets import Column, Fill, IconButton, Row, Text, grounded
from onebar_app.view_models.observable import Observable

BAR: Final = 56
"""Height of the bar on top, in dp."""
WIDE: Final = 720
"""From this width, in dp, chats and chat stand beside each other."""
LIST_WIDTH: Final = 340
"""Of the list beside a chat, in dp; larger text makes it wider, up to `LIST_PART` of the window."""
LIST_PART: Final = 0.42
"""Most of the window that the list takes: the chat is what one reads."""
COLUMN: Final = 640
"""Widest page of settings and the like, in dp: the end of a row belongs to its begin only if the eye finds it."""
SLIDE_S: Final = 0.18
"""A screen comes in this time: shorter looks like a jump, longer is waited for."""


class Screen(Widget):  # type: ignore[misc]
    """A bar on top, a body, and something at the bottom. The body is drawn first: what scrolls goes under the bars."""

    shift = NumericProperty(0)
    subject = ""
    """Whom it is about: a phone number, or nobody."""
    column_max = float("inf")
    """Widest body, in dp; it stands in the middle of what is wider."""

    def __init__(self, body: Widget, *, ground: str = "surface") -> None:
        super().__init__()
        with self.canvas.before:
            PushMatrix()
            self._slide = Translate(0, 0)
            self._ground = Box()
        self._ground.paint(ground)
        with self.canvas.after:
            PopMatrix()
        self.body = body
        self.top_bar = Column(size_hint=(None, None), height=0)
        self.bottom_bar = Column(size_hint=(None, None), height=0)
        for part in (body, self.bottom_bar, self.top_bar):
            self.add_widget(part)
        for bar in (self.top_bar, self.bottom_bar):
            bar.bind(minimum_height=bar.setter("height"), height=self._arrange)
        self.floating: Widget | None = None
        self.bind(pos=self._arrange, size=self._arrange, shift=self._slid)
        self._closers: list[Callable[[], None]] = []

    def float_above(self, widget: Widget) -> None:
        """Let a widget stand above the bottom bar, at the end of the line."""
        self.floating = widget
        self.add_widget(widget)

    def on_leave(self, closer: Callable[[], None]) -> None:
        """Call when the screen is left for good."""
        self._closers.append(closer)

    def left(self) -> None:
        """Do what was to be done on leaving."""
        for closer in self._closers:
            closer()
        self._closers.clear()

    def pause(self) -> None:
        """Do what is to be done when another app comes to the front."""

    def back(self) -> bool:
        """Handle the back button; return whether the screen did something of its own."""
        return False

    def _slid(self, *_: object) -> None:
        self._slide.x = self.shift

    def _arrange(self, *_: object) -> None:
        self._ground.put(*self.pos, *self.size)
        top, bottom = self.top_bar.height, self.bottom_bar.height
        self.top_bar.width = self.bottom_bar.width = self.width
        self.top_bar.pos = (self.x, self.y + self.height - top)
        self.bottom_bar.pos = self.pos
        across = min(self.width, self.column_max * look.dp(1))
        self.body.size = (across, max(1, self.height - top - bottom))
        self.body.pos = (self.x + (self.width - across) // 2, self.y + bottom)
        if self.floating is not None:
            pad = look.dp(16)
            x = self.x + pad if look.right_to_left else self.x + self.width - pad - self.floating.width
            self.floating.pos = (x, self.y + bottom + pad)


class TopBar(Row):
    """The bar on top: a way back, a title, and what can be done."""

    def __init__(
        self,
        title: str,
        on_back: Callable[[], object] | None = None,
        colour: str = "surface",
        ink: str = "text",
    ) -> None:
        super().__init__(size_hint_y=None, height=max(look.dp(BAR), look.sp(48)), padding=(look.dp(4), 0))
        grounded(self, colour)
        self._ink = ink
        if on_back is not None:
            self.add_widget(_middle(IconButton("arrow-left", on_back, ink)))
        else:
            self.add_widget(Widget(size_hint_x=None, width=look.dp(12)))
        self.title = Text(title, 20, ink, bold=True, fills=True, lines_max=1)
        self.add_widget(self.title)

    def action(self, icon: str, act: Callable[[], object]) -> IconButton:
        """Add something to do."""
        button = IconButton(icon, act, self._ink)
        self.add_widget(_middle(button))
        return button


def _middle(button: IconButton) -> IconButton:
    button.pos_hint = {"center_y": 0.5}
    return button


Route = Callable[[], Screen]


class Navigator(FloatLayout):  # type: ignore[misc]
    """Shows the newest screen of a stack. Routes are kept, not screens: another theme builds them anew."""

    def __init__(self, root: Route) -> None:
        super().__init__()
        with self.canvas.after:
            self._between = Box()
        self._arranged = Observable()
        self.watch = self._arranged.watch
        """Calls when other screens are shown."""
        self._routes: list[Route] = [root]
        self._screens: list[Screen | None] = [None]
        self._wide = False
        self._nothing: Widget | None = None
        self.empty: Callable[[], Widget] = Widget
        """What is beside the list while no chat is open."""
        self.bind(size=self._resized, pos=self._resized)

    @property
    def wide(self) -> bool:
        """Whether two screens stand beside each other."""
        return self.width >= look.dp(WIDE) and len(self._routes) > 0 and self.two_panes

    two_panes = True

    @property
    def subject_beside(self) -> str:
        """Whom the newest of two screens beside each other is about."""
        return self.current.subject if self.wide and self.current is not None else ""

    @property
    def _list_width(self) -> int:
        return int(min(look.dp(LIST_WIDTH) * max(1.0, look.text_size), self.width * LIST_PART))

    @property
    def current(self) -> Screen | None:
        """The newest screen."""
        return self._screens[-1]

    def open(self, route: Route) -> None:
        """Go to a screen."""
        self._routes.append(route)
        self._screens.append(None)
        self._arrange(arriving=True)

    def switch(self, route: Route) -> None:
        """Go to a screen in place of all but the first."""
        while len(self._routes) > 1:
            self._pop()
        self.open(route)

    def replace_all(self, root: Route) -> None:
        """Begin anew."""
        while self._routes:
            self._pop()
        self.open(root)

    def back(self) -> bool:
        """Go one screen back; return whether there was one."""
        current = self.current
        if current is not None and current.back():
            return True
        if len(self._routes) == 1:
            return False
        self._pop()
        self._arrange()
        return True

    def rebuild(self) -> None:
        """Build every screen anew: another theme, size, language or direction."""
        for index, screen in enumerate(self._screens):
            if screen is not None:
                screen.left()
                self.remove_widget(screen)
                self._screens[index] = None
        if self._nothing is not None:
            self.remove_widget(self._nothing)
            self._nothing = None
        self._arrange()

    def close(self) -> None:
        """Leave every screen."""
        for screen in self._screens:
            if screen is not None:
                screen.left()

    def _pop(self) -> None:
        self._routes.pop()
        screen = self._screens.pop()
        if screen is not None:
            screen.left()
            self.remove_widget(screen)

    def _resized(self, *_: object) -> None:
        if self.width > 1 and self.height > 1 and self._routes:
            self._arrange()

    def _arrange(self, *, arriving: bool = False) -> None:
        if self.width <= 1 or self.height <= 1:
            return
        wide, last = self.wide, len(self._routes) - 1
        shown = {0, last} if wide else {last}
        list_width = self._list_width
        for index in range(len(self._routes)):
            screen = self._screens[index]
            if index in shown and screen is None:
                screen = self._screens[index] = self._routes[index]()
            if screen is None:
                continue
            if index not in shown:
                if screen.parent is not None:
                    self.remove_widget(screen)
                continue
            screen.size_hint = (None, None)
            beside = wide and index == 0
            width = list_width if beside else self.width - list_width if wide else self.width
            at_left = beside != look.right_to_left
            screen.size = (width, self.height)
            screen.pos = (self.x if at_left or not wide else self.x + self.width - width, self.y)
            if screen.parent is None:
                self.add_widget(screen)
        self._show_nothing(wide and last == 0, list_width)
        edge = max(1, look.dp(1))
        self._between.put(
            self.x + (self.width - list_width if look.right_to_left else list_width - edge), self.y, edge, self.height
        )
        self._between.paint("line" if wide else "")
        self._arranged.changed()
        newest = self._screens[last]
        if arriving and newest is not None and look.animated and not wide:
            newest.shift = -self.width * 0.3 if look.right_to_left else self.width * 0.3
            newest.opacity = 0
            Animation(shift=0, opacity=1, duration=SLIDE_S, t="out_cubic").start(newest)

    def _show_nothing(self, wanted: bool, list_width: int) -> None:
        if self._nothing is not None:
            self.remove_widget(self._nothing)
            self._nothing = None
        if wanted:
            self._nothing = self.empty()
            grounded(self._nothing, "ground")
            self._nothing.size_hint = (None, None)
            self._nothing.size = (self.width - list_width, self.height)
            self._nothing.pos = (self.x if look.right_to_left else self.x + list_width, self.y)
            self.add_widget(self._nothing)


def hairline() -> Fill:
    """Return a line between two parts."""
    return Fill("line", size_hint_y=None, height=max(1, look.dp(0.5)))
