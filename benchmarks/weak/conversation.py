"""What two people say: bursts of texts and pauses, drawn from a seed, the same for everybody; and photos."""

from dataclasses import dataclass
from random import Random
from typing import Final

BURST_MAX: Final = 8
"""Most texts in a row: people send short lines, one after the other, before the other side answers."""

WITHIN_S: Final = (0.3, 1.2)
"""Shortest and longest time between two texts of a burst, before the whole is stretched to its length."""

PAUSE_S: Final = (1.0, 4.0)
"""Shortest and longest time between two bursts."""

WORDS: Final = (
    "are you there yet the bus is late again I am at the station bring some bread please we see us at eight ok thanks",
    "no signal in the tunnel call me when you can they say it will rain until tomorrow my battery is nearly empty",
)
"""What the texts are made of."""

PHOTO_BYTES: Final = 60_000
"""Length of a photo: what data savers make of one, and what 2G carries in half a minute."""


@dataclass(frozen=True, slots=True)
class Line:
    """One text of the script."""

    at_s: float
    """When it is sent, in seconds from the start."""
    sender: int
    """0 or 1."""
    number: int
    """Counts the sender's texts from 1."""
    text: str
    """What is sent: the number, a space, some words."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of the script."""

    at_s: float
    """When it is sent, in seconds from the start."""
    sender: int
    """0 or 1."""
    number: int
    """Counts the sender's photos from 1."""

    @property
    def content(self) -> bytes:
        """What is sent: the number in four bytes, and what nobody can make smaller."""
        noise = Random(1000 * self.sender + self.number).randbytes(PHOTO_BYTES - 4)
        return self.number.to_bytes(4, "big") + noise


def photos_of(each: int, lasts_s: float) -> tuple[Photo, ...]:
    """Return the photos that both send beside their texts, in the first two thirds of the conversation, by turns."""
    total = 2 * each
    return tuple(Photo(2 / 3 * lasts_s * (place + 0.5) / total, place % 2, place // 2 + 1) for place in range(total))


def number_of(text: str) -> int:
    """Return the number that a text begins with."""
    return int(text.partition(" ")[0])


def write_script(texts: int, lasts_s: float, seed: int) -> tuple[Line, ...]:
    """Draw a conversation of this many texts, the last one sent at `lasts_s`; the same seed gives the same."""
    random, words = Random(seed), " ".join(WORDS).split()
    times_s: list[tuple[float, int]] = []
    at_s, sender = 0.0, 0
    while len(times_s) < texts:
        for _ in range(min(random.randint(1, BURST_MAX), texts - len(times_s))):
            at_s += random.uniform(*WITHIN_S)
            times_s.append((at_s, sender))
        at_s += random.uniform(*PAUSE_S)
        sender = 1 - sender
    stretch = lasts_s / times_s[-1][0]
    written = [0, 0]
    lines = []
    for at_s, sender in times_s:
        written[sender] += 1
        said = " ".join(random.choices(words, k=random.randint(1, 12)))
        lines.append(Line(at_s * stretch, sender, written[sender], f"{written[sender]} {said}"))
    return tuple(lines)
