"""Photos of virtual phones: bytes that nobody can make smaller, sealed on the disk as every app's are."""

import os
import random
import resource
from pathlib import Path
from typing import Final

from onebar.core.files import BLOB_BYTES, File, Kind
from onebar.store.files import SealedFiles

PHOTO_BYTES: Final = (30_000, 150_000)
"""Shortest and longest photo: 1600 pixels on the long side take phones about 100 kB, and data savers half of it."""


class Album:
    """The sealed files of one phone. Its methods block for the disk."""

    def __init__(self, folder: Path) -> None:
        """Name the folder, which is made with the first file."""
        self.files = SealedFiles(folder, bool)  # these pictures are none, and nobody shows them

    def seal(self, content: bytes) -> File:
        """Seal a photo, to be sent.

        Raises:
            OSError: There is no room for it.
        """
        return File(os.urandom(BLOB_BYTES), self.files.seal([content]), Kind.FILE, name="photo.jpg")

    def content(self, file: File) -> bytes:
        """Return a photo that is here.

        Raises:
            OSError: It is not.
        """
        return b"".join(self.files.opened(file.secret))


def content_of(key: str) -> bytes:
    """Return the photo of a message, always the same one, by its key."""
    dice = random.Random(key)  # noqa: S311 - a simulation
    return dice.randbytes(dice.randint(*PHOTO_BYTES))


def allow_sockets() -> None:
    """Let this process have as many sockets as it may: each phone listens, so that its photos share its network."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
