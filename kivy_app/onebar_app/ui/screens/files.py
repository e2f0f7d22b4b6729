"""Choosing a file, where the phone has no screen of its own for that."""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

from onebar_app.ui.items import Item, Note
from onebar_app.ui.look import look
from onebar_app.ui.pages import Page
from onebar_app.ui.shell import Shell
from onebar_app.view_models.chat import PHOTOS, SOUNDS, VIDEOS
from onebar_app.view_models.formats import local, size

FILES_MAX: Final = 2000
"""Most entries of a folder that are shown: more is for a file manager."""


class FilesScreen(Page):
    """The folders and files of one folder, newest first."""

    def __init__(self, shell: Shell, on_file: Callable[[Path], None]) -> None:
        super().__init__(shell, shell.folder.name or str(shell.folder))
        self._on_file = on_file
        shell.run(self._load())

    async def _load(self) -> None:
        folder = self.shell.folder
        self.bar.title.say(folder.name or str(folder))
        found = await asyncio.to_thread(_entries, folder)
        up = (
            []
            if folder.parent == folder
            else [Item("..", look.words("folder_up"), icon="arrow-left", act=self._enter(folder.parent))]
        )
        items: list[Any] = [*up, *(self._item(path, nbytes, changed) for path, nbytes, changed in found)]
        self.list.offset = 0
        self.show(items if found else [*items, Note("none", look.words("folder_empty"))])

    def _item(self, path: Path, nbytes: int | None, changed_s: float) -> Item:
        if nbytes is None:
            return Item(str(path), path.name, icon="hard-drive", end="chevron-right", act=self._enter(path))
        suffix = path.suffix.lower()
        icon = "image" if suffix in PHOTOS else "video" if suffix in VIDEOS else "mic" if suffix in SOUNDS else "file"
        day = look.words.date(local(round(changed_s * 1000)).date(), date.today())
        return Item(str(path), path.name, f"{size(nbytes)} · {day}", icon=icon, act=lambda: self._choose(path))

    def _enter(self, folder: Path) -> Callable[[], None]:
        def enter() -> None:
            self.shell.folder = folder
            self.shell.run(self._load())

        return enter

    def _choose(self, path: Path) -> None:
        self.shell.back()
        self._on_file(path)


def _entries(folder: Path) -> list[tuple[Path, int | None, float]]:
    """Return folders by name, then files by time; sizes of folders are None. Hidden ones are left out."""
    folders, files = [], []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            status = path.stat()
        except OSError:
            continue  # it went, or may not be looked at
        if path.is_dir():
            folders.append((path, None, status.st_mtime))
        elif path.is_file():
            files.append((path, status.st_size, status.st_mtime))
    files.sort(key=lambda entry: -entry[2])
    return [*sorted(folders, key=lambda entry: entry[0].name.casefold()), *files][:FILES_MAX]
