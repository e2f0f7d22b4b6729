"""Comparing a safety number by its code: a picture goes in, and whether it is the right one comes out."""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PIL import Image

from onebar.errors import NotASafetyNumberError, SafetyNumberMismatchError, SafetyNumberVersionError
from onebar_app.view_models.session import Session

SIDE_PX_MAX: Final = 2000
"""Longest side that a picture is looked at in: a code of 61 squares has thirty pixels a square then."""

PIXELS_MAX: Final = 80_000_000
"""Largest picture that is opened: a camera of a phone, and not a picture that fills the memory."""

Reader = Callable[[Image.Image], Sequence[bytes]]
"""Returns what the QR codes in a grey picture hold."""


class Verdict(StrEnum):
    """What a picture came to."""

    SAME = "same"
    """It is the other side's code, and the chat is verified now."""
    DIFFERS = "differs"
    """It is a safety number, of other keys."""
    OLD = "old"
    """It is one of another version."""
    FOREIGN = "foreign"
    """It is some other code."""
    NONE = "none"
    """There is no code in it."""


def read_codes(picture: Image.Image) -> Sequence[bytes]:
    """Return what the QR codes in a picture hold; needs zxing-cpp."""
    import zxingcpp

    wanted = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [code.bytes for code in zxingcpp.read_barcodes(picture, formats=wanted)]


def reader() -> Reader | None:
    """Return what reads codes on this device; None if nothing does."""
    return read_codes if find_spec("zxingcpp") is not None else None


class Scan:
    """The code of one chat that is looked for."""

    def __init__(self, session: Session, phone: str, read: Reader) -> None:
        self._conversation = session.client.chat(phone)
        self._read = read
        self._looking = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether a picture is being looked at: a camera drops its next ones meanwhile."""
        return self._looking.locked()

    async def look_at(self, picture: Image.Image | Path) -> Verdict:
        """Look for a safety number in a picture, and note that the chat is verified if it is the right one.

        Raises:
            InputError: Nothing is known of the other side yet, or its key changed just now.
            OSError: It is no picture, or too large.
        """
        async with self._looking:
            verdict = Verdict.NONE
            for content in await asyncio.to_thread(self._codes, picture):
                verdict = await self._compare(content)
                if verdict not in {Verdict.FOREIGN, Verdict.NONE}:
                    break
            return verdict

    def _codes(self, picture: Image.Image | Path) -> Sequence[bytes]:
        if not isinstance(picture, Path):
            return self._read(picture.convert("L"))
        with Image.open(picture) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise OSError(f"the picture has more than PIXELS_MAX = {PIXELS_MAX} pixels: cut it")
            opened.draft("L", (SIDE_PX_MAX, SIDE_PX_MAX))
            opened.thumbnail((SIDE_PX_MAX, SIDE_PX_MAX))
            return self._read(opened.convert("L"))

    async def _compare(self, content: bytes) -> Verdict:
        try:
            await self._conversation.verify(content)
        except NotASafetyNumberError:
            return Verdict.FOREIGN
        except SafetyNumberVersionError:
            return Verdict.OLD
        except SafetyNumberMismatchError:
            return Verdict.DIFFERS
        return Verdict.SAME
