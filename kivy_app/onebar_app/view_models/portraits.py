"""The photos that people have in their profiles, for the circles that stand for them."""

import asyncio
import io
from collections import OrderedDict
from typing import Final

from PIL import Image

from onebar import Event, OnebarError
from onebar.events import ProfileChanged
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session

KEPT_MAX: Final = 128
"""People whose photo is kept decoded: ten screens of chats, 256 kB each with the largest photos."""


class Portraits(Observable):
    """Reads photos off the UI loop, one after another, and keeps those that were asked for last."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._kept: OrderedDict[str, tuple[int, Image.Image | None]] = OrderedDict()
        self._versions: dict[str, int] = {}
        self._asked: set[str] = set()
        self._reading = asyncio.Lock()
        self._unlisten = session.on_event(self._happened)

    def get(self, phone: str) -> tuple[int, Image.Image] | None:
        """Return somebody's photo and which version it is; None: there is none, or it is being read.

        It tells its watchers when what was asked for is there.
        """
        if phone in self._kept:
            self._kept.move_to_end(phone)
        elif phone and phone not in self._asked:
            self._asked.add(phone)
            self._session.run(self._read(phone))
        version, picture = self._kept.get(phone, (0, None))
        return None if picture is None else (version, picture)

    @property
    def reading(self) -> bool:
        """Whether photos that were asked for are still being read."""
        return bool(self._asked) or self._reading.locked()

    def look_again(self, phone: str) -> None:
        """Read somebody's photo anew."""
        if phone not in self._asked:
            self._asked.add(phone)
            self._session.run(self._read(phone))

    def close(self) -> None:
        """Stop following the client."""
        self._unlisten()

    async def _read(self, phone: str) -> None:
        client = self._session.client
        async with self._reading:
            self._asked.discard(phone)  # what changes from here on is read again
            try:
                said = await (client.account.profile() if phone == client.phone else client.chat(phone).profile())
                photo = said.photo if said is not None else b""
                picture = await asyncio.to_thread(_decode, photo) if photo else None
            except (OnebarError, OSError):
                picture = None
        before = self._kept.get(phone, (0, None))[1]
        self._versions[phone] = self._versions.get(phone, 0) + 1
        self._kept[phone] = (self._versions[phone], picture)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        if before is not None or picture is not None:
            self.changed()

    def _happened(self, event: Event) -> None:
        if isinstance(event, ProfileChanged) and event.chat in self._kept:
            self.look_again(event.chat)


def _decode(photo: bytes) -> Image.Image:
    """Decode a photo, which the SDK has looked at: a JPEG of at most 256 pixels."""
    with Image.open(io.BytesIO(photo), formats=("JPEG",)) as picture:
        return picture.convert("RGB")
