"""Registration: one question at a time."""

from collections.abc import Callable
from typing import Any, Final

from kivy.clock import Clock
from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.floatlayout import FloatLayout

from onebar import Client
from onebar_app.ui.entry import Entry
from onebar_app.ui.look import look
from onebar_app.ui.navigator import Screen
from onebar_app.ui.painting import Box
from onebar_app.ui.widgets import Column, IconButton, Text, WordButton, grounded
from onebar_app.view_models.formats import number
from onebar_app.view_models.registration import Registration, Step

FORM_WIDTH: Final = 420
"""Widest form, in dp."""


class Mark(AnchorLayout):  # type: ignore[misc]
    """The app's mark: four bars, one of them full. Enough to get through."""

    def __init__(self) -> None:
        super().__init__(size_hint_y=None, height=look.dp(104))
        with self.canvas:
            self._ground = Box(24)
            self._bars = [Box(3) for _ in range(4)]
        self.bind(pos=self._redraw, size=self._redraw)

    def _redraw(self, *_: object) -> None:
        across = look.dp(84)
        x, y = (self.x + self.width / 2) - across / 2, (self.y + self.height / 2) - across / 2
        self._ground.put(x, y, across, across)
        self._ground.paint("fill")
        step, thick = look.dp(13), look.dp(8)
        left = x + (across - 3 * step - thick) / 2
        for bar, box in enumerate(self._bars):
            box.put(left + bar * step, y + look.dp(24), thick, look.dp(13) + bar * look.dp(8))
            box.paint("on_fill", 1.0 if bar == 0 else 0.38)


class WelcomeScreen(Screen):
    """Asks for the number, the code, and the PIN where there is one."""

    def __init__(self, client: Client, on_done: Callable[[], None]) -> None:
        self._holder = FloatLayout()
        super().__init__(self._holder)
        self.model = Registration(client, look.words)
        self._on_done = on_done
        self._step: Step | None = None
        self.entry: Entry | None = None
        self.button: WordButton | None = None
        self._error: Text | None = None
        self._resend: WordButton | None = None
        clock = Clock.schedule_interval(lambda _: self._count(), 1.0)
        self.on_leave(clock.cancel)
        self.on_leave(self.model.watch(self._refresh))
        self._refresh()

    def back(self) -> bool:
        """Go one step back."""
        if self.model.step is Step.NUMBER:
            return False
        self.model.back()
        return True

    def _refresh(self) -> None:
        model = self.model
        if model.step is Step.DONE:
            self._on_done()
            return
        if model.step != self._step:
            self._step = model.step
            self._build(model.step)
        assert self.button is not None
        assert self._error is not None
        words = look.words
        self.button.say(words("working") if model.busy else words(f"reg_{model.step}_next"), enabled=not model.busy)
        self._error.say(model.error)
        self._count()

    def _build(self, step: Step) -> None:
        words, model = look.words, self.model
        self._holder.clear_widgets()
        anchor = AnchorLayout(anchor_y="center", padding=look.dp(24))
        column = Column(size_hint=(None, None), spacing=look.dp(12))
        column.bind(minimum_height=column.setter("height"))
        anchor.bind(width=lambda _, width: setattr(column, "width", min(width - look.dp(48), look.dp(FORM_WIDTH))))
        column.width = min(max(1, self._holder.width - look.dp(48)), look.dp(FORM_WIDTH))
        column.add_widget(Mark())
        column.add_widget(Text(words(f"reg_{step}_title"), 26, bold=True, align="center"))
        column.add_widget(Text(words(f"reg_{step}_text", number=number(model.phone)), 15, "quiet", align="center"))
        secret, kind = step is Step.PIN, "tel" if step is Step.NUMBER else "number"
        self.entry = Entry(words(f"reg_{step}_hint"), secret=secret, kind=kind, size=20, on_enter=self._next)
        self.entry.size_hint_y, self.entry.height = None, self.entry.wanted_height
        grounded(self.entry, "field", 14)
        if step is Step.NUMBER:
            self.entry.text = model.phone or "+"
        column.add_widget(self.entry)
        self._error = Text("", 14, "danger", align="center")
        column.add_widget(self._error)
        self.button = WordButton("", self._next)
        column.add_widget(self.button)
        self._resend = WordButton("", self._again, "quiet") if step is Step.CODE else None
        if self._resend is not None:
            column.add_widget(self._resend)
        anchor.add_widget(column)
        self._holder.add_widget(anchor)
        if step is not Step.NUMBER:
            self._holder.add_widget(self._back_button())
        entry = self.entry
        Clock.schedule_once(lambda _: setattr(entry, "focus", True), 0.1)

    def _back_button(self) -> Any:
        button = IconButton("arrow-left", self.model.back)
        button.pos_hint = {"right": 0.99, "top": 0.99} if look.right_to_left else {"x": 0.01, "top": 0.99}
        return button

    def _next(self) -> None:
        assert self.entry is not None
        if self.model.busy:
            return
        act = {
            Step.NUMBER: self.model.give_number,
            Step.CODE: self.model.give_code,
            Step.PIN: self.model.give_pin,
            Step.TOTP: self.model.give_totp,
        }[self.model.step]
        _run(act(self.entry.text))

    def _again(self) -> None:
        _run(self.model.resend())

    def _count(self) -> None:
        if self._resend is not None:
            left_s = self.model.resend_in_s()
            text = look.words("reg_resend_in", count=left_s) if left_s else look.words("reg_resend")
            self._resend.say(text, enabled=not left_s)


_tasks: set[Any] = set()


def _run(work: Any) -> None:
    """Begin something whose errors the model shows itself."""
    import asyncio

    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
