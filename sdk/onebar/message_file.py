"""The file of one message: how far it is on its way, to fetch, stop or cancel it, and to open it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from os import PathLike
from pathlib import Path
from typing import Final

from onebar.core.files import File
from onebar.core.turn import SetTransfer
from onebar.drivers.home import Home, finish
from onebar.errors import InputError
from onebar.models import Attachment, TransferState, TransferWish
from onebar.store import SqliteStore
from onebar.store.files import SealedFiles

READ_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longest file that `read` returns in memory: as long as the longest photo. `save` takes all."""


class MessageFile:
    """The file that a message brings. What is on the disk is sealed; `read` and `save` open it."""

    def __init__(self, home: Home[SqliteStore], files: SealedFiles, message_no: int) -> None:
        self._home = home
        self._files = files
        self.message_no = message_no
        """The message's number in this database."""

    def __repr__(self) -> str:
        """Show whose."""
        return f"<MessageFile of {self.message_no}>"

    async def look(self) -> Attachment:
        """Return what it is and how far it is on its way.

        Raises:
            InputError: There is no such message, or it brings no file.
        """
        message = await self._home.read(lambda store: store.message(self.message_no))
        if message is None or message.attachment is None:
            raise InputError(f"there is no message {self.message_no} that brings a file")
        return message.attachment

    async def progress(self) -> AsyncIterator[Attachment]:
        """Yield how far it is, whenever that changes, until it has arrived or failed; also in another process.

        Raises:
            InputError: There is no such message, or it brings no file.
        """
        seen: Attachment | None = None
        while True:
            news = self._home.news()
            now = await self.look()
            if now != seen:
                seen = now
                yield now
            if now.state in {TransferState.DONE, TransferState.FAILED}:
                return
            await news.wait()

    async def fetch(self) -> None:
        """Let it come on whatever network there is; also one that was paused, or has failed before.

        Raises:
            InputError: The message brings no file.
            OnebarError: Another process has the database open and must do it.
        """
        await self._home.submit(SetTransfer(self.message_no, TransferWish.START))

    async def pause(self) -> None:
        """Let it wait where it is until `resume`.

        Raises:
            InputError: The message brings no file.
            OnebarError: Another process has the database open and must do it.
        """
        await self._home.submit(SetTransfer(self.message_no, TransferWish.PAUSE))

    async def resume(self) -> None:
        """Go on; the same as `fetch`."""
        await self.fetch()

    async def cancel(self) -> None:
        """Give it up: a message of ours ends as undeliverable, one that came in keeps its place and can be fetched.

        Raises:
            InputError: It was sent already, or brings no file.
            OnebarError: Another process has the database open and must do it.
        """
        await self._home.submit(SetTransfer(self.message_no, TransferWish.CANCEL))

    async def save(self, path: str | PathLike[str]) -> None:
        """Write the file to a path, in place of what is there; nothing changes there if this fails.

        Cancelled, it stops and raises only then: nothing is written there afterwards.

        Raises:
            InputError: It is not here yet, or the message brings none.
            DecryptionError: It was changed on the disk.
            OSError: It cannot be written.
        """
        file = await self._here()
        stopped = threading.Event()
        saving = asyncio.to_thread(self._files.save, file.secret, Path(path), stopped.is_set)
        await finish(asyncio.create_task(saving), stopped.set)

    async def read(self) -> bytes:
        """Return the file.

        Raises:
            InputError: It is not here yet, longer than `READ_BYTES_MAX`, or the message brings none.
            DecryptionError: It was changed on the disk.
        """
        file = await self._here()
        if file.secret.plain_bytes > READ_BYTES_MAX:
            raise InputError(f"the file is longer than READ_BYTES_MAX = {READ_BYTES_MAX} bytes: use `save`")
        return await asyncio.to_thread(lambda: b"".join(self._files.opened(file.secret)))

    async def _here(self) -> File:
        """Return what opens the file, if it is on this disk."""

        def find(store: SqliteStore) -> File:
            moving = store.attachments.moving(self.message_no)
            if moving is None:
                raise InputError(f"there is no message {self.message_no} that brings a file")
            if not moving.outgoing and moving.state is not TransferState.DONE:
                raise InputError(f"the file of message {self.message_no} is {moving.state}, not here: `fetch` it")
            return store.attachments.file(self.message_no)

        return await self._home.read(find)
