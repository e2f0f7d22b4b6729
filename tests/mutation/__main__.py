"""`make mutants-crypto`: do the tests notice small faults in the cryptography?

Each mutant is one small change of one module. It is killed when a test fails, or does not end; it survives when the
tests of its module pass. The order is that of the modules' texts. See docs/crypto-mutants.md.

It fails if too few are killed, if a survivor is not argued, or if what is argued does not survive.

    ONLY=double_ratchet,sessions   these modules only
    WORKERS=1                      processes at once (the number of CPUs)
"""

import json
import os
import sys
import time
from typing import Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.mutation.argued import ARGUED
from tests.mutation.planting import ROOT, Mutant, Run, mutants_of, run_all, warm_up

REPORT: Final = ROOT / "build" / "reports" / "mutants-crypto.json"

PERCENT_MIN: Final = 90
"""Mutants that have to be killed."""

TIMEOUT_FACTOR: Final = 4
"""A run that takes so many times as long as without a mutant has no end; other load is allowed for."""

TIMEOUT_S_MIN: Final = 60.0
"""A time-out is not shorter than this: at 20 s, six kills on a busy machine were only slow tests."""

TESTS: Final[dict[str, tuple[str, ...]]] = {
    "double_ratchet": ("double_ratchet", "double_ratchet_state", "written_down", "sessions", "double_ratchet_machine"),
    "pqxdh": ("pqxdh", "written_down", "sessions", "sessions_healing"),
    "sessions": ("sessions", "written_down", "sessions_healing", "sessions_machine"),
    "suites": ("suites", "written_down", "double_ratchet"),
    "prekeys": ("prekeys", "written_down", "pqxdh", "sessions"),
    "certificates": ("certificates", "written_down"),
    "padding": ("padding", "written_down"),
    "wrapping": ("wrapping", "written_down"),
    "values": ("values", "written_down", "suites", "double_ratchet", "certificates"),
    "primitives": ("primitives", "written_down", "suites"),
    "keys": ("keys", "written_down", "pqxdh"),
}
"""Module to the test modules that must notice its faults, the most telling first."""


def main() -> int:
    """Run all mutants; return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    began_s, workers = time.monotonic(), int(os.environ.get("WORKERS") or os.cpu_count() or 1)
    modules = [name for name in (os.environ.get("ONLY") or ",".join(TESTS)).split(",") if name]
    unknown = [name for name in modules if name not in TESTS]
    if unknown:
        console.print(f"ONLY={unknown[0]}: there is no such module here; it is one of {', '.join(TESTS)}")
        return 1
    warm_up()
    timeouts_s = measure_clean(modules)
    mutants = [mutant for module in modules for mutant in mutants_of(module)]
    jobs = [(mutant, TESTS[mutant.module], timeouts_s[mutant.module]) for mutant in mutants]
    with Progress(console=console, transient=True) as progress:
        runs = [*progress.track(run_all(jobs, workers), total=len(jobs), description="mutants")]
    return tell(console, modules, mutants, runs, time.monotonic() - began_s)


def measure_clean(modules: list[str]) -> dict[str, float]:
    """Run the tests of each module without a mutant; return the time-outs in seconds.

    Raises:
        SystemExit: A test fails without any mutant.
    """
    timeouts_s = {}
    for module in modules:
        (run,) = run_all([(None, TESTS[module], 600.0)], 1)
        if not run.survived:
            raise SystemExit(f"the tests of {module} fail without any mutant; run pytest first")
        timeouts_s[module] = max(TIMEOUT_S_MIN, run.took_s * TIMEOUT_FACTOR)
    return timeouts_s


def tell(console: Console, modules: list[str], mutants: list[Mutant], runs: list[Run], took_s: float) -> int:
    """Print and keep what came out; return the exit code."""
    survivors = sorted((run.mutant for run in runs if run.survived and run.mutant), key=mutants.index)
    names = {mutant.name for mutant in survivors}
    stale = [name for name in ARGUED if name.partition(".")[0] in modules and name not in names]
    not_argued = [mutant.name for mutant in survivors if mutant.name not in ARGUED]
    killed, percent = len(mutants) - len(survivors), 100 * (1 - len(survivors) / len(mutants))
    console.print(by_module(modules, mutants, runs))
    for mutant in survivors:
        why = ARGUED.get(mutant.name, "NOT ARGUED")
        console.print(f"line {mutant.line}, {mutant.name}: {why}", markup=False, highlight=False, soft_wrap=True)
    for name in stale:
        console.print(f"argued.py is stale, killed or gone: {name}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{took_s:.0f} s", highlight=False)
    known = {
        "took_s": round(took_s, 1),
        "planted": len(mutants),
        "killed": killed,
        "timed_out": [run.mutant.name for run in runs if run.timed_out and run.mutant],
        "survivors": [
            {"name": mutant.name, "line": mutant.line, "argued": ARGUED.get(mutant.name, "")} for mutant in survivors
        ],
        "stale": stale,
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(
        f"mutants-crypto: planted={len(mutants)} killed={killed} survived={len(survivors)} percent={percent:.1f}",
        flush=True,
    )
    return 1 if percent < PERCENT_MIN or not_argued or stale else 0


def by_module(modules: list[str], mutants: list[Mutant], runs: list[Run]) -> Table:
    """Draw how many mutants of each module were killed."""
    drawn = Table(title="Mutants of the cryptography")
    drawn.add_column("module")
    for heading in ("planted", "killed", "of these without an end", "survived", "argued"):
        drawn.add_column(heading, justify="right")
    for module in modules:
        own = [run for run in runs if run.mutant and run.mutant.module == module]
        survived = [run for run in own if run.survived]
        argued = sum(1 for run in survived if run.mutant and run.mutant.name in ARGUED)
        counts = (len(own), len(own) - len(survived), sum(run.timed_out for run in own), len(survived), argued)
        drawn.add_row(module, *map(str, counts))
    return drawn


if __name__ == "__main__":
    sys.exit(main())
