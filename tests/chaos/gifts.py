"""Photos and voice notes that are sent through cuts and kills: what was sent, and what arrived of it."""

import importlib.util
import json
import math
import wave
from array import array
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from PIL import Image

PHOTO_PX: Final = (1280, 960)
"""Size of a photo: some 100 kB when it is sent."""

VOICE_S: Final = 8
"""Length of a voice note."""

VOICE_HZ: Final = 16_000
"""Its samples a second."""


@dataclass(slots=True)
class Gift:
    """One file on its way."""

    key: str
    """The idempotency key of its sending."""
    sender: str
    recipient: str
    kind: str
    """`photo`, `voice` or `file`: how it is sent."""
    path: str
    sha256: str = ""
    """Of what was sealed, as its sender said once it was stored."""


class Gifts:
    """All files of a round."""

    def __init__(self, ledger: Path) -> None:
        """Begin without any; they are written to `ledger` before any phone hears of them."""
        self.sent: list[Gift] = []
        self._ledger = ledger
        self._arrived: dict[tuple[str, int], str] = {}

    def log(self, sender: str, recipient: str, kind: str, path: Path) -> Gift:
        """Write a file down that is to be sent."""
        gift = Gift(f"{sender}-file-{len(self.sent)}", sender, recipient, kind, str(path))
        self.sent.append(gift)
        with self._ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(gift)) + "\n")
        return gift

    def untold(self, sender: str) -> list[Gift]:
        """Return what a phone has not said to have stored."""
        return [gift for gift in self.sent if gift.sender == sender and not gift.sha256]

    def stored(self, key: str, sha256: str) -> None:
        """A phone says that it has stored one; it was sealed once, so it is always the same."""
        (gift,) = (gift for gift in self.sent if gift.key == key)
        gift.sha256 = gift.sha256 or sha256

    def arrived(self, recipient: str, message_no: int, sha256: str) -> None:
        """A phone says that one is there, perhaps again."""
        self._arrived[recipient, message_no] = sha256

    @property
    def there(self) -> int:
        """How many have arrived."""
        return len(self._arrived)

    def settled(self) -> bool:
        """Whether as many have arrived as were sent."""
        return self.there >= len(self.sent)

    def problems(self) -> list[str]:
        """Say what is missing, and what nobody sent."""
        wanted = Counter((gift.recipient, gift.sha256) for gift in self.sent)
        there = Counter((recipient, sha256) for (recipient, _), sha256 in self._arrived.items())
        missing = [f"a file has not arrived at {name}" for (name, _) in (wanted - there).elements()]
        return missing + [f"{name} has a file that nobody sent" for (name, _) in (there - wanted).elements()]


def make_gifts(folder: Path) -> list[tuple[str, Path]]:
    """Make photos, and a voice note if there is a library for it, else the recording as it is."""
    folder.mkdir()
    made: list[tuple[str, Path]] = []
    for number in range(3):
        path = folder / f"photo{number}.png"
        extent = (-2.0 + number / 4, -1.5, 1.0, 1.5)
        Image.effect_mandelbrot(PHOTO_PX, extent, 60).save(path)
        made.append(("photo", path))
    path = folder / "voice.wav"
    tone = (round(9000 * math.sin(n * n * 1e-6)) for n in range(VOICE_S * VOICE_HZ))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, VOICE_HZ, 0, "NONE", ""))
        file.writeframes(array("h", tone).tobytes())
    made.append(("voice" if importlib.util.find_spec("av") else "file", path))
    return made
