"""What a bench says: progress on the way, a table, a JSON file, and one last line for other tools."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.goals import Verdict, goal_of
from benchmarks.rounds import shown

ROOT: Final = Path(__file__).resolve().parent.parent
"""The project."""

REPORTS: Final = ROOT / "build" / "reports"
"""Where the figures are kept."""

STYLES: Final = {Verdict.MET: "green", Verdict.EXCUSED: "yellow", Verdict.MISSED: "red"}
"""How a verdict looks on a terminal."""


class BenchError(Exception):
    """The bench cannot measure, or what it measured is not right; the text says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    key: str
    what: str
    value: float
    unit: str
    note: str = ""


class Report:
    """Collects the figures of one bench."""

    def __init__(self, bench: str, title: str, last_line: Sequence[str]) -> None:
        """Name the bench, its table, and the keys of its last line in their order; more may be added before the end."""
        self.bench = bench
        self.figures: list[Figure] = []
        self._title = title
        self._last_line = last_line
        self._started_s = time.monotonic()
        self._console = Console(width=None if sys.stdout.isatty() else 150)

    def say(self, text: str) -> None:
        """Tell what is being done."""
        took_s = time.monotonic() - self._started_s
        self._console.print(f"{took_s:5.1f} s: {text}", markup=False, highlight=False, soft_wrap=True)

    def add(self, key: str, what: str, value: float, unit: str, note: str = "") -> None:
        """Add a figure."""
        self.figures.append(Figure(key, what, value, unit, note))

    def value(self, key: str) -> float:
        """Return a figure that was added."""
        return next(figure.value for figure in self.figures if figure.key == key)

    def verdicts(self) -> dict[str, Verdict]:
        """Return the verdict on each figure that has a goal."""
        goals = {figure.key: (goal_of(self.bench, figure.key), figure.value) for figure in self.figures}
        return {key: goal.judge(value) for key, (goal, value) in goals.items() if goal is not None}

    def table(self) -> Table:
        """Draw the figures for people."""
        drawn = Table(title=self._title)
        drawn.add_column("what")
        drawn.add_column("measured", justify="right")
        drawn.add_column("goal", justify="right")
        drawn.add_column("", max_width=16)
        drawn.add_column("beside it, and the spread of the rounds", overflow="fold")
        verdicts = self.verdicts()
        for figure in self.figures:
            goal, verdict = goal_of(self.bench, figure.key), verdicts.get(figure.key)
            drawn.add_row(
                figure.what,
                f"{shown(figure.value)} {figure.unit}".rstrip(),
                f"≤ {shown(goal.at_most)}" if goal else "",
                verdict or "",
                figure.note,
                style=STYLES[verdict] if verdict else None,
            )
        return drawn

    def known(self) -> dict[str, Any]:
        """Return everything for the JSON file."""
        verdicts = self.verdicts()
        return {
            "bench": self.bench,
            "took_s": round(time.monotonic() - self._started_s, 1),
            "figures": {figure.key: round(figure.value, 4) for figure in self.figures},
            "rows": [
                {"key": figure.key, "what": figure.what, "unit": figure.unit, "note": figure.note}
                for figure in self.figures
            ],
            "goals": [
                {
                    "key": key,
                    "goal": goal.at_most,
                    "verdict": str(verdict),
                    "excused": goal.excused if verdict is Verdict.EXCUSED else "",
                }
                for key, verdict in verdicts.items()
                if (goal := goal_of(self.bench, key)) is not None
            ],
        }

    def last_line(self) -> str:
        """Return the line that other tools read."""
        return f"{self.bench}: " + " ".join(f"{key}={shown(self.value(key))}" for key in self._last_line)

    def finish(self, folder: Path = REPORTS) -> int:
        """Print and keep everything; return the exit code."""
        folder.mkdir(parents=True, exist_ok=True)
        known = json.dumps(self.known(), indent=2, ensure_ascii=False)
        (folder / f"{self.bench}.json").write_text(known + "\n", encoding="utf-8")
        self._console.print(self.table())
        for key, verdict in self.verdicts().items():
            goal = goal_of(self.bench, key)
            assert goal is not None
            if verdict is Verdict.EXCUSED:
                self._tell(f"{key} is missed, excused up to {shown(goal.excused_up_to)}: {goal.excused}")
            elif verdict is Verdict.MISSED:
                excuse = f" (the excuse ends at {shown(goal.excused_up_to)})" if goal.excused else ""
                self._tell(f"{key} is missed: {shown(self.value(key))}, the goal is {shown(goal.at_most)}{excuse}")
            elif goal.excused:
                self._tell(f"{key} is met; its excuse was not needed")
        print(self.last_line(), flush=True)
        return 1 if Verdict.MISSED in self.verdicts().values() else 0

    def fail(self, error: BenchError) -> int:
        """Say why there are no figures; return the exit code."""
        self._tell(f"{self.bench} failed: {error}")
        return 1

    def _tell(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
