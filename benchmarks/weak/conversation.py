"""What two people write to each other: bursts and pauses, drawn from a seed, the same for everybody who is measured."""

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
