"""The list of chats, and those lists that look like it: requests, archived, blocked."""

from collections.abc import Callable
from typing import Any, Final

from kivy.uix.anchorlayout import AnchorLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.widget import Widget

from onebar.models import Standing
from onebar_app.ui.items import ITEM_KINDS, Item, Note
from onebar_app.ui.look import look
from onebar_app.ui.navigator import Screen, TopBar
from onebar_app.ui.net_banner import NetBanner
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.screens.chat_rows import FACE, ChatRowView
from onebar_app.ui.scrolling import VirtualList
from onebar_app.ui.sheets import Choice, Menu
from onebar_app.ui.shell import Shell
from onebar_app.ui.widgets import Column, Tappable, Text, WordButton
from onebar_app.view_models.chat_list import ChatRow

FAB: Final = 56
"""Size of the button for a new chat, in dp."""


class Fab(Tappable):
    """The round button for what a screen is mostly for."""

    def __init__(self, icon: str, on_tap: Callable[[], object]) -> None:
        super().__init__(on_tap, radius=18, size_hint=(None, None), size=(look.dp(FAB), look.dp(FAB)))
        with self.canvas:
            self._shadow, self._box, self._icon = Box(18), Box(18), Picture()
        self._name = icon
        self.bind(pos=self._redraw, size=self._redraw)

    def allow(self, allowed: bool) -> None:
        """Be there, or not."""
        self.enabled, self.opacity = allowed, 1 if allowed else 0

    def _redraw(self, *_: object) -> None:
        self._shadow.put(self.x, self.y - look.dp(2), *self.size)
        self._shadow.paint("#000000", 0.14)
        self._box.put(*self.pos, *self.size)
        self._box.paint("fill")
        side = look.sp(24)
        self._icon.icon(
            self._name, 24, "on_fill", (self.x + self.width / 2) - side / 2, (self.y + self.height / 2) - side / 2
        )


class Emptiness(AnchorLayout):  # type: ignore[misc]
    """What a list says while there is nothing in it."""

    def __init__(
        self, icon: str, title: str, text: str, action: str = "", act: Callable[[], None] | None = None
    ) -> None:
        super().__init__(padding=look.dp(40))
        column = Column(size_hint_y=None, spacing=look.dp(10))
        column.bind(minimum_height=column.setter("height"))
        column.add_widget(_Medallion(icon))
        column.add_widget(Text(title, 19, bold=True, align="center"))
        column.add_widget(Text(text, 15, "quiet", align="center"))
        if act is not None:
            holder = AnchorLayout(size_hint_y=None, height=look.dp(64), anchor_y="bottom")
            holder.add_widget(WordButton(action, act, hugs=True))
            column.add_widget(holder)
        self.add_widget(column)


class _Medallion(Widget):  # type: ignore[misc]
    def __init__(self, icon: str) -> None:
        super().__init__(size_hint_y=None, height=look.dp(96))
        self._name = icon
        with self.canvas:
            self._box, self._icon = Box(40), Picture()
        self.bind(pos=self._redraw, size=self._redraw)

    def _redraw(self, *_: object) -> None:
        across, side = look.dp(80), look.sp(34)
        self._box.put((self.x + self.width / 2) - across / 2, self.y + look.dp(12), across, across)
        self._box.paint("accent", 0.12)
        self._icon.icon(
            self._name, 34, "accent", (self.x + self.width / 2) - side / 2, self.y + look.dp(12) + (across - side) / 2
        )


class ListBody(FloatLayout):  # type: ignore[misc]
    """A list, or what is said in its place."""

    def __init__(self, rows: VirtualList) -> None:
        super().__init__()
        self.list = rows
        rows.pos_hint = {"x": 0, "y": 0}
        self.add_widget(rows)
        self._instead: Widget | None = None

    def instead(self, make: Callable[[], Widget] | None) -> None:
        """Show something in place of the list, or the list."""
        if (make is None) != (self._instead is None):
            if self._instead is not None:
                self.remove_widget(self._instead)
                self._instead = None
            if make is not None:
                self._instead = make()
                self._instead.pos_hint = {"x": 0, "y": 0}
                self.add_widget(self._instead)


def open_chat(shell: Shell, phone: str, **options: Any) -> None:
    """Go to a chat; beside the list, it takes the place of another one."""
    from onebar_app.ui.screens.chat import ChatScreen  # a chat knows the list's screens

    def route() -> Screen:
        return ChatScreen(shell, phone, **options)

    if shell.navigator.wide:
        shell.navigator.switch(route)
    else:
        shell.go(route)


class ChatsScreen(Screen):
    """The first screen."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        kinds = {ChatRow: lambda: ChatRowView(self._open, self._menu, self._is_open), **ITEM_KINDS}
        self.list = VirtualList(kinds, pad=4, pad_below=FAB + 24)
        self._body = ListBody(self.list)
        super().__init__(self._body)
        bar = TopBar(look.words("app_name"))
        bar.action("search", self._search)
        if shell.weather is not None:
            bar.action("bug", self._drawer)
        bar.action("settings", self._settings)
        self.top_bar.add_widget(bar)
        self.banner = NetBanner(shell.session)
        self.top_bar.add_widget(self.banner)
        self._fab = Fab("square-pen", self._new_chat)
        self.float_above(self._fab)
        self.on_leave(shell.navigator.watch(self.list.repaint))
        self.on_leave(self.banner.close)
        self.on_leave(shell.chats.watch(self._refresh))
        shell.chats.look()
        self._refresh()

    def _refresh(self) -> None:
        chats, words = self._shell.chats, look.words
        rows: list[Any] = []
        if chats.requests:
            names = "، " if look.right_to_left else ", "
            told = names.join(row.name for row in chats.requests[:3])
            count = words("requests_count", count=len(chats.requests))
            rows.append(Item("requests", count, told, "inbox", slot=FACE, end="chevron-right", act=self._requests))
        rows += chats.chats
        if chats.archived:
            rows.append(
                Item(
                    "archived",
                    words("archived"),
                    icon="archive",
                    slot=FACE,
                    value=str(len(chats.archived)),
                    act=self._archived,
                )
            )
        empty = chats.loaded and not rows
        self._fab.allow(not empty)  # what is said then has a button of its own
        self._body.instead(self._emptiness if empty else None)
        self.list.set_rows(rows)

    def _emptiness(self) -> Widget:
        words = look.words
        return Emptiness(
            "message-circle", words("empty_title"), words("empty_text"), words("empty_action"), self._new_chat
        )

    def _open(self, row: ChatRow) -> None:
        open_chat(self._shell, row.key)

    def _is_open(self, row: ChatRow) -> bool:
        return self._shell.navigator.subject_beside == row.key

    def _menu(self, row: ChatRow) -> None:
        chats, words = self._shell.chats, look.words
        choices = [
            Choice(words("unpin" if row.pinned else "pin"), "pin-off" if row.pinned else "pin", lambda: chats.pin(row)),
            Choice(
                words("unmute" if row.muted else "mute"), "bell" if row.muted else "bell-off", lambda: chats.mute(row)
            ),
            Choice(
                words("unarchive" if row.archived else "archive"),
                "archive-restore" if row.archived else "archive",
                lambda: chats.archive(row),
            ),
        ]
        self._shell.lay_over(Menu(choices, row.name))

    def _search(self) -> None:
        from onebar_app.ui.screens.search import SearchScreen

        self._shell.go(lambda: SearchScreen(self._shell))

    def _settings(self) -> None:
        from onebar_app.ui.screens.settings import SettingsScreen

        self._shell.go(lambda: SettingsScreen(self._shell))

    def _drawer(self) -> None:
        from onebar_app.ui.screens.drawer import DrawerScreen

        self._shell.go(lambda: DrawerScreen(self._shell))

    def _new_chat(self) -> None:
        from onebar_app.ui.screens.new_chat import NewChatScreen

        self._shell.go(lambda: NewChatScreen(self._shell))

    def _requests(self) -> None:
        self._shell.go(lambda: ChatsOfScreen(self._shell, "requests"))

    def _archived(self) -> None:
        self._shell.go(lambda: ChatsOfScreen(self._shell, "archived"))


class ChatsOfScreen(Screen):
    """Requests, or archived chats."""

    def __init__(self, shell: Shell, which: str) -> None:
        self._shell, self._which = shell, which
        self.list = VirtualList({ChatRow: lambda: ChatRowView(self._open, self._menu), **ITEM_KINDS}, pad=4)
        self._body = ListBody(self.list)
        super().__init__(self._body)
        self.top_bar.add_widget(TopBar(look.words(which), shell.back))
        self.on_leave(shell.chats.watch(self._refresh))
        self._refresh()

    def _refresh(self) -> None:
        rows: list[ChatRow] = getattr(self._shell.chats, self._which)
        words = look.words
        note = [Note("note", words("requests_note"))] if self._which == "requests" and rows else []
        icon = {"requests": "inbox", "archived": "archive"}[self._which]
        self._body.instead(None if rows else lambda: Emptiness(icon, words(f"{self._which}_none"), ""))
        self.list.set_rows([*note, *rows])

    def _open(self, row: ChatRow) -> None:
        open_chat(self._shell, row.key)

    def _menu(self, row: ChatRow) -> None:
        chats, words = self._shell.chats, look.words
        if row.standing is Standing.ACCEPTED:
            back = Choice(words("unarchive"), "archive-restore", lambda: chats.archive(row))
            self._shell.lay_over(Menu([back], row.name))
