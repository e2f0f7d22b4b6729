"""Who writes to whom, and when: described once, as data, and played by the simulator and by the load test alike.

A workload is a function that draws a script. To add one, write the function and list it in `WORKLOADS`.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SHORT_CHARS: Final = (1, 60)
"""Length of most chat messages: the median is about 20 characters, nine of ten are below 60."""

LONG_CHARS: Final = (200, 1_000)
"""Length of the few long ones."""

LONG_SHARE: Final = 0.05
"""How many of the messages are long ones."""

LETTER_CHARS: Final = (3_000, 4_000)
"""Length of a letter: a text has at most 4,096 bytes."""

LETTERS_MIN: Final = 30
"""Fewest letters: together they are more than a link may carry unacknowledged (64 KiB)."""


@dataclass(frozen=True, slots=True)
class Say:
    """A person writes a text to another; people are numbered from 0."""

    at_s: float
    author: int
    reader: int
    chars: int


@dataclass(frozen=True, slots=True)
class Away:
    """A person's phone is off or asleep for a while."""

    at_s: float
    person: int
    for_s: float


Script = tuple[Say | Away, ...]
Workload = Callable[[random.Random, int, int, float], Script]


def chatty_pairs(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    """Pairs talk to each other, now one and now the other; with an odd one who writes to the first."""
    says = []
    for _ in range(messages):
        author = dice.randrange(people)
        reader = author ^ 1
        says.append(_say(dice, author, reader if reader < people else 0, seconds))
    return _in_order(says)


def everybody(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    """Everybody writes to everybody."""
    says = []
    for _ in range(messages):
        author, reader = dice.sample(range(people), 2)
        says.append(_say(dice, author, reader, seconds))
    return _in_order(says)


def burst(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    """Everybody writes at the same few moments, as on New Year's Eve."""
    moments = [dice.uniform(0, seconds) for _ in range(3)]
    says = []
    for _ in range(messages):
        author, reader = dice.sample(range(people), 2)
        at_s = dice.choice(moments) + dice.uniform(0, 0.2)
        says.append(Say(at_s, author, reader, _chars(dice)))
    return _in_order(says)


def lurkers(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    """One person writes to all the others, who rarely answer."""
    says = []
    for _ in range(messages):
        other = dice.randrange(1, people)
        author, reader = (other, 0) if dice.random() < 0.1 else (0, other)
        says.append(_say(dice, author, reader, seconds))
    return _in_order(says)


def long_offline(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    """One person is away nearly all the time while the others go on writing, and answers when back."""
    away = dice.randrange(people)
    script: list[Say | Away] = [Away(seconds * 0.1, away, seconds * 0.8)]
    for _ in range(messages):
        author = dice.randrange(people)
        if author == away:
            script.append(Say(dice.uniform(seconds * 0.9, seconds), away, (away + 1) % people, _chars(dice)))
        else:
            script.append(_say(dice, author, away, seconds))
    return _in_order(script)


def letters(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    """One person is away nearly all the time while the others write long letters, more than a link carries at once."""
    away = dice.randrange(people)
    script: list[Say | Away] = [Away(seconds * 0.1, away, seconds * 0.8)]
    for _ in range(max(messages, LETTERS_MIN)):
        author = (away + dice.randrange(1, people)) % people
        script.append(Say(dice.uniform(0, seconds), author, away, dice.randint(*LETTER_CHARS)))
    return _in_order(script)


WORKLOADS: Final[Mapping[str, Workload]] = MappingProxyType(
    {
        "chatty-pairs": chatty_pairs,
        "everybody": everybody,
        "burst": burst,
        "lurkers": lurkers,
        "long-offline": long_offline,
        "letters": letters,
    }
)
"""All workloads by name: (dice, people, messages, seconds) → the script, in order of time."""


def _say(dice: random.Random, author: int, reader: int, seconds: float) -> Say:
    return Say(dice.uniform(0, seconds), author, reader, _chars(dice))


def _chars(dice: random.Random) -> int:
    return dice.randint(*(LONG_CHARS if dice.random() < LONG_SHARE else SHORT_CHARS))


def _in_order(script: list[Say | Away] | list[Say]) -> Script:
    return tuple(sorted(script, key=lambda step: step.at_s))
