"""Search for chats and messages."""

from collections.abc import Callable
from typing import Any

from kivy.clock import Clock

from onebar_app.ui.entry import Entry
from onebar_app.ui.items import ITEM_KINDS, Heading, Item, Note
from onebar_app.ui.look import look
from onebar_app.ui.navigator import BAR, Screen
from onebar_app.ui.screens.chats import Emptiness, ListBody, open_chat
from onebar_app.ui.scrolling import VirtualList
from onebar_app.ui.shell import Shell
from onebar_app.ui.widgets import IconButton, Row, grounded, padding_at
from onebar_app.view_models.search import FoundRow, Search


class SearchScreen(Screen):
    """A line to type, and what was found below it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.results = VirtualList(ITEM_KINDS, pad=4)
        self._body = ListBody(self.results)
        super().__init__(self._body)
        self.search = Search(shell.session, shell.chats)
        bar = Row(
            size_hint_y=None,
            height=max(look.dp(BAR + 4), look.sp(54)),
            padding=padding_at(4, 6, 12, 6),
            spacing=look.dp(4),
        )
        grounded(bar, "surface")
        bar.add_widget(IconButton("arrow-left", shell.back))
        self.entry = Entry(look.words("search_hint"), on_change=self.search.type)
        self.entry.size_hint_y, self.entry.height = None, self.entry.wanted_height
        self.entry.pos_hint = {"center_y": 0.5}
        grounded(self.entry, "field", 22)
        bar.add_widget(self.entry)
        self.top_bar.add_widget(bar)
        self.on_leave(self.search.watch(self._refresh))
        self._refresh()
        Clock.schedule_once(lambda _: setattr(self.entry, "focus", True), 0.2)

    def _refresh(self) -> None:
        search, words = self.search, look.words
        rows: list[Any] = []
        if search.chats:
            rows.append(Heading("chats", words("search_chats")))
            rows += [
                Item(f"chat {row.key}", row.name, phone=row.key, letters=row.initials, act=self._opener(row.key))
                for row in search.chats
            ]
        if search.messages:
            rows.append(Heading("messages", words("search_messages", count=len(search.messages))))
            rows += [
                Item(
                    f"message {row.key}",
                    row.name,
                    row.text,
                    marks=row.spans,
                    phone=row.message.chat,
                    letters=row.initials,
                    value=row.time,
                    act=self._finder(row),
                )
                for row in search.messages
            ]
        asked = bool(search.query)
        if asked and search.answered and not rows:
            rows = [Note("none", words("search_none", query=search.query))]
        self._body.instead(None if asked else lambda: Emptiness("search", words("search_title"), words("search_text")))
        self.results.set_rows(rows)

    def _opener(self, phone: str) -> Callable[[], None]:
        return lambda: open_chat(self._shell, phone)

    def _finder(self, row: FoundRow) -> Callable[[], None]:
        return lambda: open_chat(self._shell, row.message.chat, around=row.message)
