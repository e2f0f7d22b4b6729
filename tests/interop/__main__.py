"""`make interop`: our ratchet against python-doubleratchet, vodozemac and libsignal, live, over a bad network.

    SEED=number       our keys and the network of an earlier run again; the others draw their own keys
    SESSIONS=number   sessions with each, for each side that begins (100)
    --freeze          write one session of each into vectors/, and safety numbers

What is not installed is named and left out. Exit codes: 0 no failure, 1 a failure, or nothing could be run at all.
"""

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.interop.conversation import Side, Tally, Weather, converse, drawn_weather
from tests.interop.our_side import OurSide
from tests.interop.transcripts import VECTORS, Divergence, replay
from tests.interop.with_libsignal import NODE, PACKAGE, MissingError, Oracle, check_safety_number, install
from tests.interop.with_libsignal import pair as pair_with_libsignal

SESSIONS: Final = 100
"""Sessions with each implementation, for each side that begins."""

SENDS: Final = 100
"""Messages in a session, both sides together."""

LATE_MAX: Final = 6
"""After how many later sends an envelope of Olm or Signal arrives: both keep five chains."""

FROZEN_SENDS: Final = 40
"""The same in a session that is frozen: a file of some 20 kB."""

FROZEN_WEATHER: Final = Weather(late_max=4, lost=0.1, tampered=0.2, replayed=0.2)
"""Fast enough for many turns of the ratchet, and bad enough for every kind of step."""

SAFETY_NUMBERS: Final = 100
"""Pairs of people whose safety number is compared."""

FROZEN_SAFETY_NUMBERS: Final = 4
"""The same for the vectors."""

ROOT: Final = Path(__file__).resolve().parents[2]
INSTALLED: Final = ROOT / "build" / "interop"
REPORT: Final = ROOT / "build" / "reports" / "interop.json"

Pair = Callable[[Random, bool], tuple[OurSide, tuple[Side, Side]]]


class Implementation(NamedTuple):
    """Somebody else's, ready to talk."""

    name: str
    version: str
    speaks: str
    pair: Pair
    late_max: int
    """After how many later sends an envelope arrives at the latest."""


class Row(NamedTuple):
    """What came out."""

    who: str
    speaks: str
    begins: str
    sessions: int
    tally: Tally


def talk(with_whom: Implementation, we_begin: bool, sessions: int, seed: int) -> Tally:
    """Hold conversations, and do our side of each again from its transcript."""
    tally = Tally()
    for number in range(sessions):
        name = f"{seed}/{with_whom.name}/{we_begin}/{number}"
        dice = Random(name)
        ours, sides = with_whom.pair(dice, we_begin)
        held = converse(sides, dice, SENDS, drawn_weather(dice, with_whom.late_max))
        try:
            replay(ours.transcript())
        except Divergence as error:
            held.failures.append(f"replayed from its transcript: {error}")
        held.failures = [f"session {name}: {it}" for it in held.failures]
        tally.add(held)
    return tally


def python_implementations(missing: list[str]) -> Iterator[Implementation]:
    """Yield those that are installed; name the others."""
    for module, speaks, late_max in (
        ("with_doubleratchet", "our own suite", SENDS),
        ("with_vodozemac", "Olm v1", LATE_MAX),
    ):
        try:
            found = import_module(f"tests.interop.{module}")
        except ModuleNotFoundError as error:
            missing.append(f"{module.removeprefix('with_')}: {error.name} is not installed")
            continue
        yield Implementation(found.PACKAGE, version(found.PACKAGE), speaks, found.pair, late_max)


@contextmanager
def libsignal(missing: list[str]) -> Iterator[Oracle | None]:
    """Yield libsignal's process, or None where it cannot be had."""
    try:
        install(INSTALLED)
    except MissingError as error:
        missing.append(f"libsignal: {error}")
        yield None
        return
    with Oracle(INSTALLED) as oracle:
        yield oracle


def libsignal_version() -> str:
    """Return the pinned one."""
    pinned: str = json.loads((NODE / "package.json").read_text())["dependencies"][PACKAGE]
    return pinned


def implementations(oracle: Oracle | None, missing: list[str]) -> Iterator[Implementation]:
    """Yield all that can be had."""
    yield from python_implementations(missing)
    if oracle is not None:

        def pair(dice: Random, we_begin: bool) -> tuple[OurSide, tuple[Side, Side]]:
            return pair_with_libsignal(oracle, dice, we_begin)

        yield Implementation("libsignal", libsignal_version(), "Signal v3 (X3DH)", pair, LATE_MAX)


def compare_safety_numbers(oracle: Oracle, dice: Random) -> Tally:
    """Compare digits and QR codes with libsignal's."""
    tally = Tally()
    for number in range(SAFETY_NUMBERS):
        try:
            check_safety_number(oracle, dice)
            tally.messages += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure of this one
            tally.failures.append(f"safety number {number}: {error!r}")
    return tally


def run(seed: int, sessions: int, console: Console) -> int:
    """Talk to all of them, print the table and the last line, and return the exit code."""
    missing: list[str] = []
    rows: list[Row] = []
    with libsignal(missing) as oracle:
        for it in implementations(oracle, missing):
            console.print(f"{it.name} {it.version}: {it.speaks}", highlight=False)
            for we_begin in (True, False):
                tally = talk(it, we_begin, sessions, seed)
                rows.append(Row(f"{it.name} {it.version}", it.speaks, "we" if we_begin else "they", sessions, tally))
        if oracle is not None:
            tally = compare_safety_numbers(oracle, Random(f"{seed}/safety numbers"))
            rows.append(Row(f"libsignal {libsignal_version()}", "safety numbers", "", SAFETY_NUMBERS, tally))
    console.print(table(rows))
    for name in missing:
        console.print(f"Not run: {name}", style="yellow", markup=False, highlight=False)
    failures = [failure for row in rows for failure in row.tally.failures]
    for failure in failures[:20]:
        console.print(failure, style="red", markup=False, highlight=False)
    messages = sum(row.tally.messages for row in rows)
    known = {"seed": seed, "messages": messages, "failed": len(failures), "missing": missing, "rows": written(rows)}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(known, indent=2) + "\n")
    print(f"interop: messages={messages} failed={len(failures)}", flush=True)
    return 1 if failures or not rows else 0


def table(rows: list[Row]) -> Table:
    """Draw what came out."""
    drawn = Table(title="Our ratchet against others'")
    for heading in ("with", "speaking", "who begins"):
        drawn.add_column(heading)
    for heading in ("sessions", "messages", "lost", "changed", "replayed", "failed"):
        drawn.add_column(heading, justify="right")
    for who, speaks, begins, sessions, it in rows:
        counts = (sessions, it.messages, it.lost, it.tampered, it.replayed, len(it.failures))
        drawn.add_row(who, speaks, begins, *map(str, counts), style="red" if it.failures else None)
    return drawn


def written(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the rows for the report."""
    return [
        {
            "with": row.who,
            "speaks": row.speaks,
            "begins": row.begins,
            "sessions": row.sessions,
            "messages": row.tally.messages,
            "lost": row.tally.lost,
            "changed": row.tally.tampered,
            "replayed": row.tally.replayed,
            "failures": row.tally.failures,
        }
        for row in rows
    ]


def freeze(seed: int) -> int:
    """Write vectors: a session with each, for each side that begins, and safety numbers. All must be there."""
    missing: list[str] = []
    with libsignal(missing) as oracle:
        for it in implementations(oracle, missing):
            for we_begin in (True, False):
                dice = Random(f"{seed}/{it.name}/{we_begin}/frozen")
                ours, sides = it.pair(dice, we_begin)
                held = converse(sides, dice, FROZEN_SENDS, FROZEN_WEATHER)
                assert not held.failures, held.failures
                known = {"with": f"{it.name} {it.version}", "we_begin": we_begin, **ours.transcript()}
                save(f"{it.name}_{'we_begin' if we_begin else 'they_begin'}", known)
        if oracle is not None:
            dice = Random(f"{seed}/safety numbers/frozen")
            numbers = [check_safety_number(oracle, dice) for _ in range(FROZEN_SAFETY_NUMBERS)]
            save("safety_numbers", {"with": f"libsignal {libsignal_version()}", "numbers": numbers})
    for name in missing:
        print(f"Not frozen: {name}", file=sys.stderr)
    return 1 if missing else 0


def save(name: str, known: dict[str, Any]) -> None:
    """Write a vector."""
    VECTORS.mkdir(exist_ok=True)
    (VECTORS / f"{name}.json").write_text(json.dumps(known, indent=1) + "\n")


def main() -> int:
    """Return the exit code."""
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"seed {seed}", highlight=False)
    if "--freeze" in sys.argv:
        return freeze(seed)
    return run(seed, int(os.environ.get("SESSIONS") or SESSIONS), console)


if __name__ == "__main__":
    sys.exit(main())
