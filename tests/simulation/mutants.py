"""`make sim-mutants`: can the simulator find bugs? Deliberate defects, one at a time, each caught by a checker.

Each mutant runs in a fresh process. First a calm conversation, which passes: the defect is subtle. Then seeds from 0
upwards until a checker objects. In the end the product without any defect runs the same seeds, and none objects.

KNOWN=1   begin with the seed in the table that is known to show the mutant: seconds instead of minutes
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.simulation.mutant_table import MUTANTS, Mutant
from tests.simulation.planting import CALM_MESSAGES, CALM_PHONES, SEEDS_MAX

ROOT: Final = Path(__file__).parents[2]
REPORT: Final = Path("build/reports/sim-mutants.json")


@dataclass(slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    calm: str = ""
    """The checker that objects to the calm conversation; there must be none."""
    checker: str = ""
    """The checker that caught it; empty: it survived."""
    seed: int | None = None
    tried: int = 0
    """Seeds that were run."""
    took_s: float = 0.0

    @property
    def caught(self) -> bool:
        """Whether it was subtle and was caught all the same."""
        return not self.calm and self.seed is not None

    @property
    def outcome(self) -> str:
        """The outcome in a few words."""
        if self.calm:
            return f"not subtle: {self.calm} objects to the calm conversation"
        return self.checker or f"survived {self.tried:,} seeds"


def main() -> int:
    """Search all mutants; 0 if each was subtle and was caught, and no seed fails without one."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    known, began_s = bool(os.environ.get("KNOWN")), time.monotonic()
    verdicts = search_all(console, known=known)
    failing = run_clean(sorted({verdict.seed for verdict in verdicts if verdict.seed is not None}))
    took_s = time.monotonic() - began_s
    console.print(table(verdicts))
    for line in remarks(verdicts, failing, known=known):
        console.print(line, style="bold red", markup=False, highlight=False)
    console.print(f"{took_s:.0f} s, {sum(verdict.tried for verdict in verdicts):,} seeds", highlight=False)
    save(verdicts, failing, took_s)
    caught = sum(verdict.caught for verdict in verdicts)
    print(f"mutants: caught={caught}/{len(verdicts)}")
    return 0 if caught == len(verdicts) and not failing else 1


def search_all(console: Console, *, known: bool) -> list[Verdict]:
    """Search the mutants on all processors, those that need the most seeds first; return them as in the table."""
    longest_first = sorted(MUTANTS, key=lambda mutant: -(mutant.known or 0))
    with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        task = progress.add_task("mutants", total=len(MUTANTS))

        def search(mutant: Mutant) -> Verdict:
            own = progress.add_task(mutant.name, total=SEEDS_MAX)
            found = examine(mutant, lambda tried: progress.update(own, completed=tried), known=known)
            progress.remove_task(own)
            progress.advance(task)
            return found

        found = [done.result() for done in as_completed([pool.submit(search, mutant) for mutant in longest_first])]
    return sorted(found, key=lambda verdict: MUTANTS.index(verdict.mutant))


def examine(mutant: Mutant, tell: Callable[[int], None], *, known: bool) -> Verdict:
    """Run one mutant in a process of its own, and tell how many seeds it has taken so far.

    Raises:
        RuntimeError: The process failed, as when the mutant's text is not in the source any more.
    """
    first = [str(mutant.known)] if known and mutant.known is not None else []
    verdict, began_s = Verdict(mutant), time.monotonic()
    for found in _said_by("search", mutant.name, *first):
        verdict.calm = str(found.get("calm", verdict.calm))
        verdict.tried = int(found.get("tried", verdict.tried))
        if "seed" in found:
            verdict.seed, verdict.checker = int(found["seed"]), str(found["checker"])
        tell(verdict.tried)
    verdict.took_s = time.monotonic() - began_s
    return verdict


def run_clean(seeds: list[int]) -> dict[int, str]:
    """Run seeds on the product as it is; return the checkers that object, by seed."""
    found = _said_by("clean", *map(str, seeds))
    return {int(one["seed"]): str(one["checker"]) for one in found if "seed" in one}


def _said_by(*arguments: str) -> Iterator[dict[str, str | int]]:
    command = [sys.executable, "-m", "tests.simulation.planting", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            yield json.loads(line)
        errors = process.stderr.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{errors}")


def remarks(verdicts: list[Verdict], failing: dict[int, str], *, known: bool) -> Iterator[str]:
    """Say what is not as it should be."""
    for verdict in verdicts:
        name, seed = verdict.mutant.name, verdict.mutant.known
        if not verdict.caught:
            yield f"{name}: {verdict.outcome}"
        elif known and verdict.seed != seed:
            yield f"{name}: seed {seed} does not show it any more, seed {verdict.seed} does: see mutant_table.py"
    for seed, checker in failing.items():
        yield f"the product itself fails at seed {seed}: {checker}; see make sim SEED={seed}"


def table(verdicts: list[Verdict]) -> Table:
    """Make the table of all mutants."""
    title = f"Mutants; the calm conversation has {CALM_MESSAGES} messages of {CALM_PHONES} phones"
    shown = Table(title=title)
    for heading in ("mutant", "calm", "caught by", "seed"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("story")
    for verdict in verdicts:
        seed = "" if verdict.seed is None else str(verdict.seed)
        passed = "fails" if verdict.calm else "passes"
        shown.add_row(verdict.mutant.name, passed, verdict.outcome, seed, verdict.mutant.story)
    return shown


def save(verdicts: list[Verdict], failing: dict[int, str], took_s: float) -> None:
    """Write the figures for other tools."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "caught": sum(verdict.caught for verdict in verdicts),
        "mutants": [
            {
                "name": verdict.mutant.name,
                "module": verdict.mutant.module,
                "story": verdict.mutant.story,
                "calm": verdict.calm or "passes",
                "checker": verdict.checker,
                "seed": verdict.seed,
                "tried": verdict.tried,
                "took_s": round(verdict.took_s, 1),
            }
            for verdict in verdicts
        ],
        "failing_without_mutant": {str(seed): checker for seed, checker in failing.items()},
        "took_s": round(took_s, 1),
    }
    REPORT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
