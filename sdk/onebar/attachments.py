"""Files on their way out: made small and sealed on a thread of their own, before the outbox hears of them."""

import mimetypes
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from onebar.core.files import BLOB_BYTES, NAME_BYTES_MAX, File, Kind
from onebar.crypto.attachments import AttachmentSecret
from onebar.drivers.home import Home
from onebar.errors import InputError
from onebar.media.offload import Offload, Stop
from onebar.media.photos import Codec, PhotoMode, prepare_photo
from onebar.media.pictures import inspect_picture
from onebar.store import SqliteStore
from onebar.store.files import SealedFiles

SLOW_ROUND_TRIP_MS: Final = 300.0
"""A link with a longer round trip is a slow one, on which a preview of 1 kB would hold up the messages behind it."""

READ_BYTES: Final = 256 * 1024
"""Bytes of a file that are read at once."""

Preparing = Callable[[], Awaitable[File]]
"""Makes a file ready to be sent."""


class Attachments:
    """The files of one client."""

    def __init__(self, database: Path) -> None:
        """Name the folder of sealed files, beside the database; it is made with the first file."""
        self._folder = database.with_name(f"{database.name}-files")
        self.files = SealedFiles(self._folder, inspect_picture)
        """What is on the disk."""
        self._offload = Offload()
        self._home: Home[SqliteStore] | None = None

    def opened(self, home: Home[SqliteStore]) -> None:
        """The database is open: remove files that nobody will ask for, left by a crash."""
        self._home = home
        if self._folder.exists():
            home.start_chore(self._sweep(home))

    def close(self) -> None:
        """Stop what is being prepared, and wait until it has stopped."""
        self._offload.close()

    @property
    def slow(self) -> bool:
        """Whether the link is known to be slow."""
        engine = None if self._home is None else self._home.engine
        round_trip_ms = None if engine is None else engine.link.round_trip_ms
        return round_trip_ms is not None and round_trip_ms > SLOW_ROUND_TRIP_MS

    async def photo(
        self, source: bytes | Path, mode: PhotoMode, codec: Codec, bytes_max: int | None, *, preview: bool
    ) -> File:
        """Make a photo small and seal it; see `Conversation.send_photo`."""

        def work(stop: Stop) -> File:
            photo = prepare_photo(stop, source, mode, codec, bytes_max)
            return File(
                *(os.urandom(BLOB_BYTES), self.files.seal([photo.data]), Kind.PHOTO, photo.media_type),
                width=photo.width,
                height=photo.height,
                thumbhash=photo.thumbhash,
                preview=photo.preview if preview else b"",
            )

        return await self._offload.run(work)

    async def video(self, source: Path, saver: bool) -> File:
        """Make a video small and seal it; see `Conversation.send_video`."""
        from onebar.media.videos import SAVER_SIDE_PX, SIDE_PX, prepare_video

        def work(stop: Stop) -> File:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            target = self._folder / f"{os.urandom(16).hex()}.mp4"  # swept like any other, should we be killed
            try:
                video = prepare_video(stop, source, target, SAVER_SIDE_PX if saver else SIDE_PX)
                secret = self.files.seal(_parts(stop, target))
            finally:
                target.unlink(missing_ok=True)
            return File(
                *(os.urandom(BLOB_BYTES), secret, Kind.VIDEO, "video/mp4"),
                width=video.width,
                height=video.height,
                duration_ms=video.duration_ms,
                thumbhash=video.thumbhash,
                preview=b"" if saver else video.preview,
            )

        return await self._offload.run(work)

    async def voice(self, source: Path, saver: bool) -> File:
        """Make a voice note small and seal it; see `Conversation.send_voice_note`."""
        from onebar.media.voice import BITS_PER_S, SAVER_BITS_PER_S, prepare_voice_note

        def work(stop: Stop) -> File:
            note = prepare_voice_note(stop, source, SAVER_BITS_PER_S if saver else BITS_PER_S)
            return File(
                *(os.urandom(BLOB_BYTES), self.files.seal([note.data]), Kind.VOICE, "audio/ogg"),
                duration_ms=note.duration_ms,
                waveform=note.waveform,
            )

        return await self._offload.run(work)

    async def recorded(self, source: Path, waveform: bytes) -> File:
        """Seal a voice note that is Opus in Ogg already; see `Conversation.send_voice_note`."""
        from onebar.media.ogg import OPUS_BYTES_MAX, plain_opus
        from onebar.media.voice import WAVEFORM_BARS

        if len(waveform) != WAVEFORM_BARS:
            raise InputError(f"a waveform has WAVEFORM_BARS = {WAVEFORM_BARS} levels, not {len(waveform)}")

        def work(stop: Stop) -> File:
            with source.open("rb") as recording:
                data, duration_ms = plain_opus(recording.read(OPUS_BYTES_MAX + 1))
            stop.check()
            secret = self.files.seal([data])
            return File(
                *(os.urandom(BLOB_BYTES), secret, Kind.VOICE, "audio/ogg"), duration_ms=duration_ms, waveform=waveform
            )

        return await self._offload.run(work)

    async def file(self, source: Path, name: str | None, *, as_video: bool = False) -> File:
        """Seal a file as it is; see `Conversation.send_file`."""
        shown = source.name if name is None else name
        if "/" in shown or len(shown.encode(errors="replace")) > NAME_BYTES_MAX:
            raise InputError(f"a file's name has no slash and at most NAME_BYTES_MAX = {NAME_BYTES_MAX} bytes")
        media_type = mimetypes.guess_type(shown)[0] or "application/octet-stream"

        def work(stop: Stop) -> AttachmentSecret:
            return self.files.seal(_parts(stop, source))

        secret = await self._offload.run(work)
        kind, called = (Kind.VIDEO, "") if as_video else (Kind.FILE, shown)
        return File(os.urandom(BLOB_BYTES), secret, kind, media_type, called)

    @staticmethod
    def renamed(file: File) -> File:
        """Return the file as one that the server does not have."""
        return msgspec.structs.replace(file, blob=os.urandom(BLOB_BYTES))

    async def _sweep(self, home: Home[SqliteStore]) -> None:
        known = await home.read(lambda store: store.attachments.digests())
        await self._offload.run(lambda _: self.files.sweep(known, time.time()))


def _parts(stop: Stop, source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while part := file.read(READ_BYTES):
            stop.check()
            yield part
