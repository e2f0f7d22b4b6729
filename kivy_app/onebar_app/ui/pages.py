"""A screen that is a list of items."""

from collections.abc import Callable, Sequence
from typing import Any

from onebar_app.ui.items import ITEM_KINDS
from onebar_app.ui.navigator import COLUMN, Screen, TopBar
from onebar_app.ui.scrolling import VirtualList
from onebar_app.ui.shell import Shell


class Page(Screen):
    """A title, and items below each other."""

    column_max = COLUMN

    def __init__(self, shell: Shell, title: str, kinds: dict[type, Callable[[], Any]] | None = None) -> None:
        self.shell = shell
        self.list = VirtualList({**ITEM_KINDS, **(kinds or {})}, pad=4)
        super().__init__(self.list)
        self.bar = TopBar(title, self._back)
        self.top_bar.add_widget(self.bar)

    def show(self, items: Sequence[Any]) -> None:
        """Show other items."""
        self.list.set_rows(items)

    def _back(self) -> None:
        self.shell.back()
