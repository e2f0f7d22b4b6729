"""The limits that a run is judged by, from a TOML file, and what comes of it."""

import enum
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from onebar_loadtest.accounting import Tally
from onebar_loadtest.rows import ROWS, Histogram

DEFAULT: Final = Path(__file__).with_name("thresholds.toml")
"""The limits that come with it."""

FIGURES: Final = frozenset({"mean_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms"})
"""The figures of a row that a limit may name."""

COUNTED: Final = frozenset({field.name for field in fields(Tally) if field.type in {int, "int"}} | {"failed"})
"""The figures of the tally that a limit may name."""


class Outcome(enum.Enum):
    """What came of a run; the value is the exit code."""

    PASSED = 0
    """All is within the limits."""
    FAILED = 1
    """A message went wrong, a limit was passed, or nothing was measured."""
    INVALID = 3
    """The machine was too busy: the times say nothing about the server."""


class ThresholdsError(Exception):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of the file."""

    section: str
    row: str
    """The row; empty in the section `accounting`."""
    figure: str
    at_most: float

    def __str__(self) -> str:
        """Write it as in a sentence."""
        return f"{self.row or 'messages'} {self.figure}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run, and why."""

    outcome: Outcome
    broken: list[str] = field(default_factory=list)
    """What is beyond its limit, in words."""


def load(path: Path = DEFAULT) -> list[Limit]:
    """Read a file of limits.

    Raises:
        ThresholdsError: It cannot be read, or names what there is not.
    """
    try:
        known = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThresholdsError(f"{path}: {error}") from error
    limits = [Limit("accounting", "", name, value) for name, value in known.pop("accounting", {}).items()]
    for section in ("validity", "rows"):
        for row, figures in known.pop(section, {}).items():
            if not isinstance(figures, dict):
                raise ThresholdsError(f"{path}: {section}: {row!r} needs figures, like {{ p95_ms = 500 }}")
            limits += [Limit(section, row, name, value) for name, value in figures.items()]
    wrong = [f"section {name!r}" for name in known] + [problem for limit in limits if (problem := _fault(limit))]
    if wrong:
        raise ThresholdsError(f"{path}: {'; '.join(wrong)}")
    return limits


def _fault(limit: Limit) -> str:
    if not isinstance(limit.at_most, int | float) or isinstance(limit.at_most, bool):
        return f"{limit}: {limit.at_most!r} is no number"
    if limit.section == "accounting":
        return "" if limit.figure in COUNTED else f"there is no count {limit.figure!r}; there are {sorted(COUNTED)}"
    if limit.row not in ROWS:
        return f"there is no row {limit.row!r}; there are {list(ROWS)}"
    return "" if limit.figure in FIGURES else f"{limit.row}: there is no {limit.figure!r}; there are {sorted(FIGURES)}"


def judge(limits: list[Limit], tally: Tally, rows: Mapping[str, Histogram]) -> Verdict:
    """Compare a run with the limits. A message that went wrong counts even where the machine was too busy."""
    passed: dict[str, list[str]] = {"accounting": [], "validity": [], "rows": []}
    for limit in limits:
        value = _value(limit, tally, rows)
        if value > limit.at_most:
            passed[limit.section].append(f"{limit} is {value:g}, the limit is {limit.at_most:g}")
    if not tally.sent:
        return Verdict(Outcome.FAILED, ["nothing was sent: the phones were not all online before the run ended"])
    if tally.open:
        passed["accounting"].append(f"{tally.open} messages are not accounted for: a process did not come to its end")
    if passed["accounting"]:
        return Verdict(Outcome.FAILED, [*passed["accounting"], *tally.complaints])
    if passed["validity"]:
        return Verdict(Outcome.INVALID, passed["validity"])
    return Verdict(Outcome.FAILED if passed["rows"] else Outcome.PASSED, passed["rows"])


def _value(limit: Limit, tally: Tally, rows: Mapping[str, Histogram]) -> float:
    if limit.section == "accounting":
        counted: Any = getattr(tally, limit.figure)
        return float(sum(counted.values()) if isinstance(counted, dict) else counted)
    row = rows.get(limit.row)
    return row.known()[limit.figure] if row else 0.0
