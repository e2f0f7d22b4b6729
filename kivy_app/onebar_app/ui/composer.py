"""Where messages are written."""

from collections.abc import Callable

from kivy.uix.anchorlayout import AnchorLayout

from onebar_app.ui.entry import Entry
from onebar_app.ui.look import look
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.widgets import Column, IconButton, Row, Tappable, Text, grounded, padding_at


class SendButton(Tappable):
    """A round button in the accent colour: it sends, or begins a voice note while there is nothing to send."""

    def __init__(self, on_tap: Callable[[], object], icon: str = "send-horizontal") -> None:
        side = max(44, round(36 * look.text_size))
        super().__init__(on_tap, radius=side / 2, size_hint=(None, None), size=(look.dp(side), look.dp(side)))
        self._name = icon
        with self.canvas:
            self._box, self._icon = Box(side / 2), Picture()
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, icon: str) -> None:
        """Show what it does."""
        self._name = icon
        self._redraw()

    def _redraw(self, *_: object) -> None:
        self._box.put(*self.pos, *self.size)
        self._box.paint("fill")
        side = look.sp(21)
        nudge = look.dp(-1 if look.right_to_left else 1) if self._name == "send-horizontal" else 0
        x, y = (self.x + self.width / 2) - side / 2 + nudge, (self.y + self.height / 2) - side / 2
        self._icon.icon(self._name, 21, "on_fill", x, y)


class Composer(Row):
    """A line that grows, a clip for files, and the button that sends or begins a voice note."""

    def __init__(
        self,
        draft: str,
        on_type: Callable[[str], None],
        on_send: Callable[[str], None],
        on_clip: Callable[[], None],
        on_record: Callable[[], None],
    ) -> None:
        super().__init__(size_hint_y=None, padding=padding_at(6, 8, 8, 8), spacing=look.dp(4))
        grounded(self, "surface")
        self._on_type, self._on_send, self._on_record = on_type, on_send, on_record
        clip = IconButton("paperclip", on_clip, "quiet")
        clip.pos_hint = {"y": 0}
        self.add_widget(clip)
        self.entry = Entry(look.words("message_hint"), lines=True, on_change=self._typed, on_enter=self.send)
        grounded(self.entry, "field", 22)
        self.add_widget(self.entry)
        self.button = SendButton(self._act)
        holder = AnchorLayout(
            size_hint_x=None, width=self.button.width + look.dp(4), anchor_y="bottom", anchor_x="center"
        )
        holder.add_widget(self.button)
        self.add_widget(holder)
        self.entry.bind(minimum_height=lambda *_: self._grow())
        self.entry.text = draft
        self._show_button(draft)
        self._grow()

    def send(self) -> None:
        """Send what was typed."""
        text = self.entry.text
        if text.strip():
            self.entry.text = ""
            self._on_send(text)

    def _act(self) -> None:
        if self.entry.text.strip():
            self.send()
        else:
            self._on_record()

    def _show_button(self, text: str) -> None:
        self.button.show("send-horizontal" if text.strip() else "mic")

    def _typed(self, text: str) -> None:
        self._show_button(text)
        self._grow()
        self._on_type(text)

    def _grow(self) -> None:
        self.height = max(self.entry.wanted_height, look.dp(44)) + look.dp(16)


class Ask(Column):
    """A question in place of the composer: what it is, and what can be done."""

    def __init__(self, title: str, text: str, buttons: list[Tappable]) -> None:
        super().__init__(size_hint_y=None, padding=look.dp(16), spacing=look.dp(8))
        grounded(self, "surface")
        self.bind(minimum_height=self.setter("height"))
        self.add_widget(Text(title, 16, bold=True))
        if text:
            self.add_widget(Text(text, 14, "quiet"))
        row = Row(size_hint_y=None, height=max(look.dp(48), look.sp(44)), spacing=look.dp(8))
        for button in buttons:
            row.add_widget(button)
        self.add_widget(row)
