"""`make sim-exhaustive`: two phones and one message, broken at every point, once and twice, and the model's worlds.

FAULTS=crash-in-commit:0:5:1.0,cut:2:3:0.0   only a run with these (kind:party:number:amount), with its whole trace
"""

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.simulation.clock import SpinningError
from tests.simulation.faults import Fault, Kind
from tests.simulation.model.__main__ import main as explore_the_model
from tests.simulation.points import SmallWorld, Tally, break_after, points_of, run, try_first

REPORT: Final = Path("build/reports/sim-exhaustive.json")

FAILURES_SHOWN_MAX: Final = 3
"""How many failures are shown in full; the report has all."""


def main() -> int:
    """Run everything; 0 if all is well."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    if only := os.environ.get("FAULTS"):
        return replay(console, tuple(read_fault(text) for text in only.split(",")))
    began_s = time.monotonic()
    calm = run()
    points, tally = points_of(calm), try_all(console, list(break_after(calm, alone=True)))
    took_s = time.monotonic() - began_s
    table = Table("points", "single", "pairs", "did not happen", "failed", "seconds", title="Two phones, one message")
    table.add_row(
        *(f"{n:,}" for n in (points, tally.single, tally.pairs, tally.idle, len(tally.failures))), f"{took_s:.0f}"
    )
    console.print(table)
    for faults, why in tally.failures[:FAILURES_SHOWN_MAX]:
        show(console, faults, why)
    differs = explore_the_model()
    save(points, tally, took_s)
    failed = len(tally.failures) + tally.idle + bool(calm.why) + differs
    print(f"exhaustive: points={points} runs={tally.single + tally.pairs} failed={failed}")
    return min(failed, 1)


def try_all(console: Console, firsts: list[Fault]) -> Tally:
    """Try each first fault, alone and with all second ones, on all processors."""
    total = Tally()
    pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn"))
    with Progress(console=console, transient=True) as progress, pool:
        task = progress.add_task("breaking", total=len(firsts))
        for tally in pool.map(try_first, firsts):
            total.add(tally)
            progress.advance(task)
    return total


def save(points: int, tally: Tally, took_s: float) -> None:
    """Write the figures for other tools."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "points": points,
        "single": tally.single,
        "pairs": tally.pairs,
        "did_not_happen": tally.idle,
        "took_s": round(took_s, 1),
        "failures": [{"faults": write_faults(faults), "why": why} for faults, why in tally.failures],
    }
    REPORT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def show(console: Console, faults: tuple[Fault, ...], why: str) -> None:
    """Print a failure: the faults, what every party saw last, and how to see it again."""
    console.rule(why)
    world = SmallWorld(faults)
    console.print(_judged(world), style="bold red", markup=False)
    for fault in faults:
        console.print(f"  {fault}", markup=False, highlight=False)
    for party in world.trace.parties():
        console.print(f"-- the last events of {party}", markup=False)
        for line in world.trace.lines(party):
            console.print(f"  {line}", markup=False, highlight=False)
    console.print(f"again: make sim-exhaustive FAULTS={write_faults(faults)}", markup=False, soft_wrap=True)


def replay(console: Console, faults: tuple[Fault, ...]) -> int:
    """Run the small world with these faults and print its trace."""
    world = SmallWorld(faults, keep_all=True)
    why = _judged(world)
    for line in world.trace.merged():
        console.print(line, markup=False, highlight=False)
    console.print(why or "all is well", style="bold red" if why else "green", markup=False)
    return 1 if why else 0


def _judged(world: SmallWorld) -> str:
    try:
        world.run()
    except (Exception, SpinningError) as error:  # noqa: BLE001 - it is what we are looking for
        return str(error) or type(error).__name__
    return ""


def write_faults(faults: tuple[Fault, ...]) -> str:
    """Write faults so that `read_fault` reads them again."""
    return ",".join(f"{fault.kind.value}:{fault.party}:{fault.nth}:{fault.amount!r}" for fault in faults)


def read_fault(text: str) -> Fault:
    """Read one fault.

    Raises:
        ValueError: It is not kind:party:number:amount.
    """
    kind, party, nth, amount = text.split(":")
    return Fault(Kind(kind), int(party), 0.0, float(amount), int(nth))


if __name__ == "__main__":
    sys.exit(main())
