"""Files that the app needs in plain for a moment: a recording that is not sent yet, a video that is being watched."""

import os
import shutil
from pathlib import Path


class Scratch:
    """A folder beside the database that only this user may enter. It is emptied at each start, also after a crash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, suffix: str) -> Path:
        """Return where a new file may be written; whoever writes it removes it.

        Raises:
            OSError: The folder cannot be made.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder / f"{os.urandom(8).hex()}{suffix}"

    def empty(self) -> None:
        """Remove whatever is there."""
        shutil.rmtree(self._folder, ignore_errors=True)
