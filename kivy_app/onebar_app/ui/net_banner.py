"""The quiet line about the network, below the bar on top."""

from collections.abc import Callable

from kivy.clock import Clock

from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.widgets import Tappable
from onebar_app.view_models.banner import Banner, banner
from onebar_app.view_models.session import Session, now_ms


class NetBanner(Tappable):
    """Is there while the network is not; a tap tries at once."""

    def __init__(self, session: Session, wanted: Callable[[], bool] = lambda: True) -> None:
        """Follow the network.

        Args:
            session: Whose network.
            wanted: Whether it is to be seen now.
        """
        super().__init__(self._tapped, size_hint_y=None, height=0)
        self._session, self._wanted = session, wanted
        with self.canvas:
            self._ground, self._icon, self._text, self._action = Box(), Picture(), Picture(), Picture()
        self._said: Banner | None = None
        self.bind(pos=self._redraw, size=self._redraw)
        self._clock = Clock.schedule_interval(lambda _: self.look(), 1.0)
        self._unwatch: Callable[[], None] = session.watch(self.look)
        self.look()

    def close(self) -> None:
        """Stop following."""
        self._clock.cancel()
        self._unwatch()

    def look(self) -> None:
        """Show what is so now."""
        said = banner(self._session.link, now_ms(), look.words) if self._wanted() else None
        if said != self._said:
            self._said = said
            self.enabled = bool(said and said.action)
            self._redraw()

    @property
    def text(self) -> str:
        """What it says; empty while it is not there."""
        return self._said.text if self._said else ""

    def _tapped(self) -> None:
        self._session.try_now()

    def _redraw(self, *_: object) -> None:
        said, pad, rtl = self._said, look.dp(16), look.right_to_left
        self._ground.put(*self.pos, *self.size)
        self._ground.paint("banner" if said else "")
        if said is None:
            self.height = 0
            for picture in (self._icon, self._text, self._action):
                picture.hide()
            return
        side, middle = look.sp(18), (self.y + self.height / 2)
        self._icon.icon(
            "wifi-off", 18, "on_banner", (self.x + self.width) - pad - side if rtl else self.x + pad, middle - side / 2
        )
        action = look.lay_out(said.action, 14, bold=True, lines_max=1)
        room = self.width - 3 * pad - side - look.dp(8) - action.width
        text = look.lay_out(said.text, 14, room, lines_max=2)
        self.height = max(look.dp(40), text.height + look.dp(16))
        indent = pad + side + look.dp(10)
        x = (self.x + self.width) - indent - text.width if rtl else self.x + indent
        self._text.text(text, "on_banner", x, middle + text.height / 2)
        at = self.x + pad if rtl else (self.x + self.width) - pad - action.width
        self._action.text(action, "on_banner", at, middle + action.height / 2)
