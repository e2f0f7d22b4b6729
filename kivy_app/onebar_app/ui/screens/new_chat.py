"""A chat with somebody new."""

from kivy.clock import Clock

from onebar import InputError
from onebar.models import check_phone
from onebar_app.ui.entry import Entry
from onebar_app.ui.items import Heading, Item
from onebar_app.ui.look import look
from onebar_app.ui.pages import Page
from onebar_app.ui.screens.chats import open_chat
from onebar_app.ui.shell import Shell
from onebar_app.ui.widgets import Column, Text, WordButton, grounded
from onebar_app.view_models.chat_list import ChatRow
from onebar_app.view_models.formats import number


class NewChatScreen(Page):
    """A number to type, and whom one knows."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("new_chat"))
        words = look.words
        form = Column(size_hint=(None, None), padding=(look.dp(16), look.dp(8)), spacing=look.dp(10))
        form.pos_hint = {"center_x": 0.5}
        form.bind(minimum_height=form.setter("height"))
        self.body.bind(width=form.setter("width"))
        grounded(form, "surface")
        self.phone = Entry(words("phone_hint"), kind="tel", on_change=self._typed, on_enter=self._start)
        self.name = Entry(words("name_hint"), on_enter=self._start)
        for entry in (self.phone, self.name):
            entry.size_hint_y, entry.height = None, entry.wanted_height
            grounded(entry, "field", 12)
            form.add_widget(entry)
        self._error = Text("", 14, "danger")
        form.add_widget(self._error)
        self._button = WordButton(words("start_chat"), self._start)
        form.add_widget(self._button)
        self.top_bar.add_widget(form)
        self.on_leave(shell.chats.watch(self._refresh))
        self._refresh()
        Clock.schedule_once(lambda _: setattr(self.phone, "focus", True), 0.2)

    def _refresh(self) -> None:
        rows = sorted(self.shell.chats.chats, key=lambda row: row.name.casefold())
        items = [self._item(row) for row in rows]
        self.show([Heading("known", look.words("known")), *items] if items else [])

    def _item(self, row: ChatRow) -> Item:
        below = number(row.key) if row.initials else ""
        return Item(row.key, row.name, below, phone=row.key, letters=row.initials, act=lambda: self._open(row.key))

    def _typed(self, text: str) -> None:
        del text
        self._error.say("")

    def _start(self) -> None:
        typed = "".join(char for char in self.phone.text if char.isdigit() or char == "+")
        phone = "+" + typed[2:] if typed.startswith("00") else typed
        try:
            check_phone(phone)
        except InputError:
            self._error.say(look.words("reg_bad_number"))
            return
        if phone == self.shell.session.client.phone:
            self._error.say(look.words("own_number"))
            return
        name = self.name.text

        async def begin() -> None:
            if name.strip():
                await self.shell.session.messenger.rename(phone, name.strip())
            self._open(phone)

        self.shell.run(begin())

    def _open(self, phone: str) -> None:
        self.shell.back()
        open_chat(self.shell, phone)
