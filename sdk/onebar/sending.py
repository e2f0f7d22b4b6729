"""What can be said in a chat: texts, photos, videos, voice notes, files; on the disk before a call returns."""

import asyncio
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Final

from onebar.attachments import Attachments, Preparing
from onebar.core.files import File, Kind
from onebar.core.records import Status
from onebar.core.turn import Send
from onebar.drivers.home import Home
from onebar.errors import InputError, NotRegisteredError
from onebar.media.photos import Codec, PhotoMode, can_make_avif
from onebar.models import Message, TransferState, check_key, check_text
from onebar.sent_message import SentMessage
from onebar.store import SqliteStore

REGISTERED: Final = frozenset({Status.REGISTERED, Status.REPLACING})
"""When a device has an account, and may send."""

FilePath = str | PathLike[str]


class Sending:
    """The part of a chat that sends."""

    def __init__(self, home: Home[SqliteStore], attachments: Attachments, phone: str) -> None:
        self._home = home
        self._attachments = attachments
        self.phone = phone
        """The other side's number, E.164."""

    async def send(self, text: str, *, key: str | None = None) -> SentMessage:
        """Commit a text to the outbox; it goes out as soon as there is a network, now or in two weeks.

        Never fails for want of a network. A call that is cancelled has either committed it or done nothing.

        Args:
            text: 1 to 4,096 bytes of UTF-8.
            key: Your own name for this message, 1 to 128 characters. Sending again with the same key, even
                after a crash, returns the first message instead of making a second one.

        Raises:
            InputError: The text or the key is not valid, the number is your own, or the chat is blocked.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
        """
        return await self._commit(Send(self.phone, check_text(text), check_key(key)))

    async def send_photo(
        self,
        source: FilePath | bytes,
        *,
        caption: str = "",
        mode: PhotoMode = PhotoMode.STANDARD,
        codec: Codec | None = None,
        bytes_max: int | None = None,
        key: str | None = None,
    ) -> SentMessage:
        """Commit a photo to the outbox, made small and without its metadata; texts that are sent after it go first.

        It returns when the photo is on the disk, encrypted; the upload goes on from where it was cut, over any number
        of networks, kills and reboots. See `SentMessage.file` for its progress.

        Args:
            source: A file's path, or its bytes.
            caption: At most 4,096 bytes of UTF-8.
            mode: How much of it is kept.
            codec: What to encode it as. None: AVIF if every device that gets it has announced that it can show that
                (`Config.shows`), as far as is known now, and this Pillow can make it; else JPEG.
            bytes_max: On a very slow link, the most bytes it may have.
            key: As for `send`.

        Raises:
            MediaError: It is no picture that can be sent; the subclass says why.
            InputError: The caption or the key is not valid, or the number is your own.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
            OSError: There is no room for it.
        """
        picture = source if isinstance(source, bytes) else Path(source)
        if codec is None:
            codec = await self._codec()
        small = mode is PhotoMode.DATA_SAVER or self._attachments.slow
        prepare = partial(self._attachments.photo, picture, mode, codec, bytes_max, preview=not small)
        return await self._send_file(prepare, caption, key)

    async def send_video(
        self, source: FilePath, *, caption: str = "", saver: bool = False, as_it_is: bool = False,
        key: str | None = None
    ) -> SentMessage:  # fmt: skip
        """Commit a video to the outbox, as H.264 at 480p and without its metadata; see `send_photo`.

        Args:
            source: The recording's path.
            caption: At most 4,096 bytes of UTF-8.
            saver: Whether to make it smaller still, 360p.
            as_it_is: Whether to send the file unchanged, with whatever it says of place and time; needs no PyAV.
            key: As for `send`.

        Raises:
            MediaExtraMissingError: PyAV is not installed (`pip install onebar[media]`), and `as_it_is` is not set.
            MediaError: It is no video that can be sent; the subclass says why.
            InputError: The caption or the key is not valid, or the number is your own.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
            OSError: It cannot be read, or there is no room for it.
        """
        prepare: Preparing = partial(self._attachments.video, Path(source), saver)
        if as_it_is:
            prepare = partial(self._attachments.file, Path(source), None, as_video=True)
        return await self._send_file(prepare, caption, key)

    async def send_voice_note(
        self, source: FilePath, *, saver: bool = False, waveform: bytes = b"", key: str | None = None
    ) -> SentMessage:
        """Commit a voice note to the outbox, as Opus at 16 kbit/s, with its waveform; see `send_photo`.

        Args:
            source: A recording's path.
            saver: Whether to take 12 kbit/s.
            waveform: 64 levels from 0 to 255, of a recording that is Opus in Ogg with one channel already, as phones
                record it: it is sent as it is, without its tags, and PyAV is not needed. Empty: it is made so.
            key: As for `send`.

        Raises:
            MediaExtraMissingError: PyAV is not installed: `pip install onebar[media]`.
            MediaError: It is no sound that can be sent; the subclass says why.
            InputError: The key is not valid, or the number is your own.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
            OSError: There is no room for it.
        """
        if waveform:
            return await self._send_file(partial(self._attachments.recorded, Path(source), waveform), "", key)
        return await self._send_file(partial(self._attachments.voice, Path(source), saver), "", key)

    async def send_file(
        self, source: FilePath, *, name: str | None = None, caption: str = "", key: str | None = None
    ) -> SentMessage:
        """Commit a file to the outbox as it is, with whatever it holds; see `send_photo`.

        Args:
            source: Its path.
            name: What it is called there, at most 255 bytes of UTF-8; None: as here.
            caption: At most 4,096 bytes of UTF-8.
            key: As for `send`.

        Raises:
            InputError: It is longer than 2 GiB; the name, the caption or the key is not valid; the number is yours.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
            OSError: It cannot be read, or there is no room for it.
        """
        return await self._send_file(partial(self._attachments.file, Path(source), name), caption, key)

    async def forward(self, message: Message | int, *, key: str | None = None) -> SentMessage:
        """Send what another message says or brings in this chat; a file that the server still has is not sent again.

        Args:
            message: The message, or its `message_no`.
            key: As for `send`.

        Raises:
            InputError: There is no such message, it has nothing to forward, or its file is not here: `fetch` it first.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
        """
        message_no = message.message_no if isinstance(message, Message) else message
        found = await self._home.read(lambda store: store.message(message_no))
        if found is None or not (found.text or found.attachment):
            raise InputError(f"there is no message {message_no} that could be forwarded")
        if found.attachment is None:
            return await self.send(found.text, key=key)
        here, theirs = found.attachment.state is TransferState.DONE, not found.outgoing
        if theirs and not here:
            raise InputError(f"the file of message {message_no} is not here: `fetch` it first")
        file = await self._home.read(lambda store: store.attachments.file(message_no))
        if file.kind == Kind.PHOTO and file.media_type == Codec.AVIF and await self._codec() is not Codec.AVIF:
            # Not the upload of those who can show it. All its pixels are kept.
            photo = b"".join(await asyncio.to_thread(list, self._attachments.files.opened(file.secret)))
            return await self.send_photo(photo, caption=found.text, mode=PhotoMode.HD, codec=Codec.JPEG, key=key)
        again = file if here else self._attachments.renamed(file)
        return await self._commit(Send(self.phone, found.text, check_key(key), again, forwarded=here))

    async def _codec(self) -> Codec:
        """Return what everybody in this chat can show, the smaller one first."""
        shown = await self._home.read(lambda store: store.contacts.all_show(self.phone, Codec.AVIF))
        return Codec.AVIF if shown and await asyncio.to_thread(can_make_avif) else Codec.JPEG

    async def _send_file(self, prepare: Preparing, caption: str, key: str | None) -> SentMessage:
        if caption:
            check_text(caption)
        check_key(key)
        self._check_account()
        known = None if key is None else await self._home.read(lambda store: store.outbox.number_for(key))
        if known is not None:
            return SentMessage(self._home, self._attachments.files, known)
        file: File = await prepare()
        return await self._commit(Send(self.phone, caption, key, file))

    async def _commit(self, send: Send) -> SentMessage:
        self._check_account()
        return SentMessage(self._home, self._attachments.files, await self._home.send(send))

    def _check_account(self) -> None:
        self._home.check()
        device = self._home.device
        if device is None or device.status not in REGISTERED:
            raise NotRegisteredError("this device has no account: call `Client.register` first")
        if device.phone == self.phone:
            raise InputError("this is your own number")
