"""`FileBlobs`: the port `Blobs` on files, with one SQLite file that says how much of each is durable.

The order of steps is what `kill -9` and power cuts cannot break. A new blob's file comes before its row, and its row
goes before its file, so a row always has its file; files without a row are removed at the start. Bytes are written,
then flushed to the disk, then counted in the row: what a client was told is there. Bytes behind the counted ones are
written again by the resumed upload.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from onebar_mockserver.blob_rows import BlobRows
from onebar_mockserver.blobs import (
    Blob,
    BlobGoneError,
    BlobLimits,
    BlobSizes,
    BlobsLostError,
    DiskFullError,
    TakenError,
)

FOLDER_NAME: Final = "blobs"
"""The folder's name in the data directory."""

READ_BYTES: Final = 64 * 1024
"""Bytes read at once for a download: what a connection buffers anyway."""

_ID: Final = re.compile("[0-9a-f]{32}")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")


def free_bytes(folder: Path) -> int:
    """Return how much room the disk of this folder has."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


class FileBlobs:
    """Blobs in a folder that nobody else writes to; see `blobs.Blobs` for what each method does and raises."""

    def __init__(
        self,
        folder: Path,
        limits: BlobLimits,
        fresh_id: Callable[[], str],
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """Choose the folder; `fresh_id` makes 32 random hexadecimal digits, `free` tells the room on its disk."""
        self._folder = folder
        self._limits = limits
        self._fresh_id = fresh_id
        self._free = free
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="onebar-blobs")
        self._opened: BlobRows | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the folder, and remove files that no row speaks of; a new one is made with the first blob.

        Raises:
            BlobsLostError: The folder cannot be used.
        """
        if self._folder.exists():
            await self._on_thread(self._open)

    async def close(self) -> None:
        """Finish what was begun; may be called again."""
        if self._opened is not None:
            await self._on_thread(self._opened.close)
            self._opened = None
        self._closed = True
        self._thread.shutdown(wait=True)

    async def create(self, owner: int, length: int, expected: int, now_ms: int, blob_id: str = "") -> Blob:
        """Make a new file, then its row."""
        blob = Blob(blob_id or self._fresh_id(), owner, length, 0, expected, now_ms + self._limits.unfinished_s * 1000)
        return await self._on_thread(lambda: self._create(blob))

    async def find(self, blob_id: str) -> Blob | None:
        """Look it up; if its file was cut short by a failing disk, it goes on from there."""
        return await self._on_thread(lambda: self._find(blob_id))

    async def write(self, blob_id: str, at: int, data: bytes) -> None:
        """Write without flushing."""
        await self._on_thread(lambda: self._write(blob_id, at, data))

    async def commit(self, blob_id: str, offset: int, now_ms: int) -> Blob:
        """Flush the file, then count its bytes."""
        return await self._on_thread(lambda: self._commit(blob_id, offset, now_ms))

    async def read(self, blob_id: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read with a descriptor that outlives the file's name; off the writers' thread."""
        descriptor = await asyncio.to_thread(self._open_file, blob_id, os.O_RDONLY)
        try:
            while start < end:
                with _named():
                    data = await asyncio.to_thread(os.pread, descriptor, min(READ_BYTES, end - start), start)
                if not data:
                    raise BlobsLostError("a file is shorter than its row says; the owner can upload the rest again")
                yield data
                start += len(data)
        finally:
            os.close(descriptor)

    async def expect(self, blob_id: str, more: int) -> Blob:
        """Change the row."""
        return await self._on_thread(lambda: self._rows.expect(blob_id, more))

    async def downloaded(self, blob_id: str, device: int) -> None:
        """Note it in the rows; after the last one, remove the file."""
        await self._on_thread(lambda: self._downloaded(blob_id, device))

    async def remove(self, blob_id: str) -> None:
        """Remove the row, then the file."""
        await self._on_thread(lambda: self._remove(blob_id))

    async def sizes(self) -> BlobSizes:
        """Sum up the rows."""
        return await self._on_thread(lambda: self._rows.sizes()) if self._folder.exists() else BlobSizes()

    async def sweep(self, now_ms: int) -> int:
        """Remove some rows, then their files."""
        return await self._on_thread(lambda: self._sweep(now_ms)) if self._folder.exists() else 0

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise BlobsLostError("the blobs are closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    @property
    def _rows(self) -> BlobRows:
        if self._opened is None:
            self._open()
            assert self._opened is not None
        return self._opened

    def _path(self, blob_id: str) -> Path:
        if not _ID.fullmatch(blob_id):  # it came from a client
            raise BlobGoneError("there is no such attachment, or not any more")
        return self._folder / blob_id[:2] / blob_id

    def _open(self) -> None:
        with _named():
            self._folder.mkdir(parents=True, exist_ok=True)
        self._opened = BlobRows(self._folder, self._limits)
        known = self._opened.ids()
        with _named():
            for path in self._folder.glob("??/*"):
                if path.name not in known:
                    path.unlink()

    def _create(self, blob: Blob) -> Blob:
        if (there := self._find(blob.id)) is not None:
            if (there.owner, there.length) != (blob.owner, blob.length):
                raise TakenError("this id belongs to another upload; choose 128 random bits")
            return there
        room = self._free(self._folder) - self._limits.disk_reserve_bytes - self._rows.awaited_bytes()
        if blob.length > room:
            raise DiskFullError(f"the server has no room for {blob.length} bytes now; try again later")
        path = self._path(blob.id)
        with _named():
            path.parent.mkdir(exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
            _flush(path.parent)
            _flush(self._folder)
        try:
            self._rows.insert(blob)
        except BaseException:
            path.unlink()
            raise
        return blob

    def _find(self, blob_id: str) -> Blob | None:
        if (blob := self._rows.find(blob_id)) is None:
            return None
        try:
            there = self._path(blob_id).stat().st_size
        except FileNotFoundError:
            return None  # what a failing disk lost has to be uploaded anew
        return blob._replace(offset=min(blob.offset, there))

    def _write(self, blob_id: str, at: int, data: bytes) -> None:
        descriptor = self._open_file(blob_id, os.O_WRONLY)
        try:
            with _named():
                rest = memoryview(data)
                while rest:
                    written = os.pwrite(descriptor, rest, at)
                    rest, at = rest[written:], at + written
        finally:
            os.close(descriptor)

    def _commit(self, blob_id: str, offset: int, now_ms: int) -> Blob:
        self._open_file_and_flush(blob_id)
        return self._rows.move(blob_id, offset, now_ms)

    def _open_file_and_flush(self, blob_id: str) -> None:
        descriptor = self._open_file(blob_id, os.O_WRONLY)
        try:
            with _named():
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open_file(self, blob_id: str, flags: int) -> int:
        with _named():
            return os.open(self._path(blob_id), flags | os.O_CLOEXEC)

    def _downloaded(self, blob_id: str, device: int) -> None:
        if self._rows.downloaded(blob_id, device):
            self._unlink(blob_id)

    def _remove(self, blob_id: str) -> None:
        self._rows.remove(blob_id)
        self._unlink(blob_id)

    def _sweep(self, now_ms: int) -> int:
        expired = self._rows.expired(now_ms)
        for blob_id in expired:
            self._unlink(blob_id)
        return len(expired)

    def _unlink(self, blob_id: str) -> None:
        with _named():
            self._path(blob_id).unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _named() -> Iterator[None]:
    """Give the operating system's errors the port's names."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobGoneError("there is no such attachment, or not any more") from error
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError("the server's disk is full; try again later") from error
        raise BlobsLostError(f"the blobs' folder failed: {error.strerror}") from error
