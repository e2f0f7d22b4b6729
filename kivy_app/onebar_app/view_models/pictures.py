"""The pictures of messages: the small one that came with the message at once, the photo itself when it was read."""

import asyncio
import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from PIL import Image, features

from onebar import Message, OnebarError
from onebar.models import TransferState
from onebar_app.view_models.session import Session

KEPT_MAX: Final = 24
"""Photos that are kept decoded: two screens of them, 1.4 MB each."""

SIDE_PX_MAX: Final = 720
"""Longest side in a chat: a bubble at three times the density."""


def shown_formats() -> tuple[str, ...]:
    """Return the formats beyond JPEG that this app shows, for `Config.shows`: what its Pillow decodes."""
    return ("image/avif",) if features.check("avif") else ()


class Pictures:
    """Reads photos off the UI loop, one after another, and keeps the newest."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: OrderedDict[int, Image.Image] = OrderedDict()
        self._wanted: dict[int, Callable[[], None]] = {}
        self._reading = asyncio.Lock()

    def get(self, message: Message, then: Callable[[], None]) -> tuple[str, Image.Image | None]:
        """Return the best picture that is at hand and what it is; `then` is called when there is a better one."""
        number, attachment = message.message_no, message.attachment
        if number in self._kept:
            self._kept.move_to_end(number)
            return "photo", self._kept[number]
        if attachment is None:
            return "", None
        here = message.outgoing or attachment.state is TransferState.DONE
        if here and attachment.kind == "photo" and number not in self._wanted:
            self._wanted[number] = then
            self._session.run(self._read(message))
        return "preview", preview(attachment.preview)

    async def _read(self, message: Message) -> None:
        then = self._wanted[message.message_no]
        try:
            async with self._reading:
                content = await self._session.client.file(message).read()
                self._kept[message.message_no] = await asyncio.to_thread(_decode, content, SIDE_PX_MAX)
        except (OnebarError, OSError, Image.DecompressionBombError):
            return  # it stays what it came with: a chat is not worse for it
        finally:
            self._wanted.pop(message.message_no, None)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        then()

    async def full(self, message: Message, side_px_max: int) -> Image.Image:
        """Return a photo for the whole screen.

        Raises:
            OnebarError: It is not here, or damaged.
            OSError: It is no picture.
        """
        content = await self._session.client.file(message).read()
        return await asyncio.to_thread(_decode, content, side_px_max)


def preview(content: bytes) -> Image.Image | None:
    """Return the small picture that came with a message, if it is one."""
    if not content:
        return None
    try:
        return _decode(content, 128)
    except (OSError, Image.DecompressionBombError):
        return None


def _decode(content: bytes, side_px_max: int) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.draft("RGB", (side_px_max, side_px_max))
    picture.thumbnail((side_px_max, side_px_max))
    return picture.convert("RGB")
