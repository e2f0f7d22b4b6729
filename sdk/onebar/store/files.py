"""The sealed files of a device, in a folder beside its database: each under the name that its own SHA-256 gives it.

What is here is ciphertext; the keys are in the database, wrapped. A file is written down and flushed before a row
speaks of it, so every row has its file; files that no row speaks of are removed when they are old.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from onebar.core.files import File, Kind
from onebar.crypto.attachments import AttachmentError, AttachmentSealer, AttachmentSecret, open_parts
from onebar.errors import OnebarError

READ_BYTES: Final = 256 * 1024
"""Bytes read at once: four pieces of a sealed file."""

ORPHAN_S: Final = 24 * 3600
"""Age beyond which a file that no message brings is removed: preparing a long video takes an hour at worst."""

INSPECTED_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longest photo that is taken in: it is looked at whole, in memory."""

_PART, _NEW = ".part", ".new"


class SealedFiles:
    """The folder. Its methods block; any thread may call them, one at a time for one file."""

    def __init__(self, folder: Path, inspect: Callable[[bytes], object]) -> None:
        """Name the folder, which is made with the first file.

        Args:
            folder: Where.
            inspect: Looks at a photo that came in, and raises an OnebarError if it may do harm.
        """
        self._folder = folder
        self._inspect = inspect

    def seal(self, parts: Iterable[bytes]) -> AttachmentSecret:
        """Seal a file and keep it; durable on return.

        Raises:
            InputError: It is too long.
            OSError: It cannot be read, or there is no room for it.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        new = self._folder / f"{os.urandom(16).hex()}{_NEW}"
        sealer = AttachmentSealer(os.urandom)
        try:
            with new.open("xb") as file:
                for part in parts:
                    file.write(sealer.feed(part))
                rest, secret = sealer.finish()
                file.write(rest)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path(secret.cipher_sha256.hex()))
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._flush_names()
        return secret

    def read(self, digest: str, at: int, size: int) -> bytes:
        """Return a piece of a sealed file.

        Raises:
            OSError: It is not there, or cannot be read.
        """
        with self._path(digest).open("rb") as file:
            file.seek(at)
            return file.read(size)

    def fetched(self, digest: str, total_bytes: int) -> int:
        """Return how much of a file that is being fetched is here."""
        with suppress(FileNotFoundError):
            if self._path(digest).stat().st_size == total_bytes:
                return total_bytes
        part = self._path(digest, _PART)
        try:
            size = part.stat().st_size
        except FileNotFoundError:
            return 0
        if size > total_bytes:
            part.unlink()
            return 0
        return size

    def append(self, digest: str, data: bytes, *, flush: bool) -> None:
        """Put what came in behind what is here.

        Raises:
            OSError: There is no room for it.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._path(digest, _PART).open("ab") as file:
            file.write(data)
            file.flush()
            if flush:
                os.fsync(file.fileno())

    def take_in(self, file: File, stopped: Callable[[], bool]) -> str:
        """Look whether a fetched file is the one that its message speaks of, and harmless; then keep it.

        Return what is wrong with it, as one word: nothing, `damaged`, `refused` (a photo that may do harm),
        `too_large`, `file_lost`. What is damaged is removed, if it was fetched for this message.
        """
        part, path = self._path(file.digest, _PART), self._path(file.digest)
        whole = path if path.exists() else part
        photo = file.kind == Kind.PHOTO
        if photo and file.secret.plain_bytes > INSPECTED_BYTES_MAX:
            part.unlink(missing_ok=True)
            return "too_large"
        seen = bytearray()
        try:
            for plain in open_parts(_read(whole, stopped), file.secret):
                if photo:
                    seen += plain
            if photo:
                self._inspect(bytes(seen))
            if whole is part:
                part.replace(path)
                self._flush_names()
        except AttachmentError:
            part.unlink(missing_ok=True)
            return "damaged"
        except OnebarError:
            part.unlink(missing_ok=True)
            return "refused"
        except FileNotFoundError:
            return "damaged"  # and removed, just before a crash
        except OSError:
            return "file_lost"
        return ""

    def opened(self, secret: AttachmentSecret) -> Iterator[bytes]:
        """Open a file part by part; nothing may be shown before the iteration has ended.

        Raises:
            OSError: It is not here, or cannot be read.
            AttachmentError: It was changed on the disk.
        """
        return open_parts(_read(self._path(secret.cipher_sha256.hex()), bool), secret)

    def save(self, secret: AttachmentSecret, target: Path, stopped: Callable[[], bool] = bool) -> None:
        """Write the file, opened, to a path; there is nothing new there if this raises.

        Raises:
            InterruptedError: It was `stopped`.
            OSError: It is not here, or cannot be written.
            AttachmentError: It was changed on the disk.
        """
        new = target.with_name(f".{target.name}.{os.urandom(4).hex()}{_NEW}")
        try:
            with new.open("xb") as file:
                for part in open_parts(_read(self._path(secret.cipher_sha256.hex()), stopped), secret):
                    file.write(part)
            if stopped():
                raise InterruptedError
            new.replace(target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def sweep(self, known: set[str], now_s: float) -> None:
        """Remove what no message brings and is old; `now_s` is in seconds since 1970."""
        if not self._folder.exists():
            return
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # somebody else is sweeping, too
                if path.name.split(".")[0] not in known and now_s - path.stat().st_mtime > ORPHAN_S:
                    path.unlink()

    def _path(self, digest: str, suffix: str = "") -> Path:
        return self._folder / f"{digest}{suffix}"

    def _flush_names(self) -> None:
        if os.name == "nt":
            return  # there is no such thing there
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path, stopped: Callable[[], bool]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            if stopped():
                raise InterruptedError
            yield part
