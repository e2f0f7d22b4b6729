"""A disk that keeps what was synced, and of the rest what it likes: the least that POSIX promises.

Of the writes since a file's last sync, a power cut leaves any subset, and may tear one between two sectors. New and
removed names survive in their order, up to any point behind the folder's last sync.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.power_cut.trace import Create, Sync, Truncate, Unlink, Write

SECTOR_BYTES: Final = 512
"""What a disk writes whole: the smallest that is still in use."""

Change = Write | Truncate | Create | Unlink | Sync
Image = dict[str, bytes]


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)


class Disk:
    """The files of a folder, as far as they are durable, and what is on its way to them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Begin with files that are durable."""
        self._names = {name: _File(bytearray(data)) for name, data in files.items()}
        self._durable_names = dict(self._names)
        self._pending_names: list[dict[str, _File]] = []

    def take(self, change: Change) -> None:
        """Do what a process did."""
        if isinstance(change, Sync) and change.name == ".":
            self._durable_names = dict(self._names)
            self._pending_names.clear()
        elif isinstance(change, Sync):
            file = self._names[change.name]
            for one in file.pending:
                _apply(file.durable, one)
            file.pending.clear()
        elif isinstance(change, Create | Unlink):
            if isinstance(change, Unlink):
                self._names.pop(change.name, None)
            elif change.name not in self._names:
                self._names[change.name] = _File()
            self._pending_names.append(dict(self._names))
        else:
            self._names[change.name].pending.append(change)

    def pending(self, name: str) -> bool:
        """Whether a sync of the file would make anything durable."""
        return name in self._names and bool(self._names[name].pending)

    def kept(self) -> Image:
        """Return what a cut leaves of a disk that was quick: everything."""
        return {name: _content(file, file.pending) for name, file in self._names.items()}

    def dropped(self) -> Image:
        """Return what a cut leaves of a disk that was lazy: what was synced."""
        return {name: bytes(file.durable) for name, file in self._durable_names.items()}

    def sampled(self, dice: random.Random) -> Image:
        """Return what a cut may leave of any disk: some of the writes, one of them torn, and some of the names."""
        names = dice.choice([self._durable_names, *self._pending_names])
        return {name: _content(file, _some(file.pending, dice)) for name, file in names.items()}


def _some(pending: list[Write | Truncate], dice: random.Random) -> list[Write | Truncate]:
    share = dice.random()
    chosen = [change for change in pending if dice.random() < share]
    if chosen and isinstance(last := chosen[-1], Write):
        ends = [*range(0, len(last.data), SECTOR_BYTES), len(last.data)]
        chosen[-1] = last._replace(data=last.data[: dice.choice(ends)])
    return chosen


def _content(file: _File, pending: list[Write | Truncate]) -> bytes:
    content = bytearray(file.durable)
    for change in pending:
        _apply(content, change)
    return bytes(content)


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data
