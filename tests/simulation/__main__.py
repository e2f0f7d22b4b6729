"""`make sim`: thousands of seeds, each a whole system in virtual time; or one seed again, with its trace.

SEEDS=2000   how many     START=number   the first one (default: fresh ones, printed)
SEED=7       this one only, with its whole trace     KEEP=0,3 SAY=0,1   only these of its faults and messages
FAILED=1     the seeds that ever failed (failed_seeds.txt), before the others
FILES=0.5    this share of what is said brings a file
"""

import json
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.simulation.checkers import FILE_SENTENCES, SENTENCES
from tests.simulation.clock import SpinningError
from tests.simulation.faults import SENTENCES as FAULTS
from tests.simulation.faults import Kind
from tests.simulation.running import Tally, run_seeds
from tests.simulation.shrinking import shrink
from tests.simulation.world import World, draw_plan

T = TypeVar("T")

REPORT: Final = Path("build/reports/sim.json")
FAILED_SEEDS: Final = Path(__file__).with_name("failed_seeds.txt")

EVERYTHING_FROM: Final = 2_000
"""With this many seeds every kind of fault must fire and every checker must look: less often than never is a defect."""

FAILURES_SHOWN_MAX: Final = 3
"""How many failing seeds are shrunk and shown."""

DAY_S: Final = 86_400


def failed_seeds() -> list[int]:
    """Return the seeds that failed once; each stands there with what it found."""
    lines = FAILED_SEEDS.read_text("utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def main() -> int:
    """Run what the environment asks for; 0 if all is well."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    if only := os.environ.get("SEED"):
        return replay(console, int(only))
    seeds = int(os.environ.get("SEEDS") or 2_000)
    start = int(os.environ.get("START") or time.time_ns() // 1_000_000 % 10**9)
    wanted = [*(failed_seeds() if os.environ.get("FAILED") else ()), *range(start, start + seeds)]
    console.print(f"{len(wanted)} seeds, fresh ones from START={start}", highlight=False)
    files = float(os.environ.get("FILES") or 0)
    total, began_s = Tally(), time.monotonic()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("simulating", total=len(wanted))
        for tally in run_seeds(wanted, os.cpu_count() or 1, files):
            total.add(tally)
            progress.advance(task)
    took_s = time.monotonic() - began_s
    report(console, total, took_s)
    for seed, why in sorted(total.failures.items())[:FAILURES_SHOWN_MAX]:
        show_failure(console, seed, why, files)
    idle = unused(total, files=bool(files)) if seeds >= EVERYTHING_FROM else []
    for name in idle:
        console.print(f"never happened or never looked: {name}", style="red")
    save(total, start, took_s)
    lost, doubled = _failed(total, "nothing-lost", "goes-quiet"), _failed(total, "nothing-twice", "ledger-exact")
    print(
        f"simulation: seeds={total.seeds} events={total.events} virtual_days={total.virtual_s / DAY_S:.0f}"
        f" crashes={total.crashes} lost={lost} duplicated={doubled} reordered={_failed(total, 'order-kept')}"
        f" key_reuse={_failed(total, 'keys-used-once', 'sealed-bytes-never-change')}"
    )
    return 1 if total.failures or idle else 0


def _failed(total: Tally, *checkers: str) -> int:
    return sum(why in checkers for why in total.failures.values())


def unused(total: Tally, *, files: bool = False) -> list[str]:
    """Return the kinds of faults that never fired and the checkers that never looked."""
    return [
        *(kind.value for kind in Kind if not total.fired[kind.value]),
        *(n for n in (SENTENCES | FILE_SENTENCES if files else SENTENCES) if not total.looks[n]),
    ]


def report(console: Console, total: Tally, took_s: float) -> None:
    """Print how often everything happened and was looked at."""
    faults = Table("fault", "times", "what happens", title="Faults")
    for kind in Kind:
        faults.add_row(kind.value, f"{total.fired[kind.value]:,}", FAULTS[kind])
    checkers = Table("checker", "looks", "what must hold", title="Checkers")
    for name, sentence in (SENTENCES | FILE_SENTENCES).items():
        checkers.add_row(name, f"{total.looks[name]:,}", sentence)
    console.print(faults, checkers)
    rate = total.seeds / took_s * 60
    console.print(f"{took_s:.1f} s, {rate:,.0f} seeds a minute, {total.cuts:,} cuts, traces {total.digest:016x}")
    if total.failures:
        console.print(f"{len(total.failures)} seeds failed: {Counter(total.failures.values())}", style="bold red")


def save(total: Tally, start: int, took_s: float) -> None:
    """Write the figures for other tools."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "start": start,
        "seeds": total.seeds,
        "events": total.events,
        "virtual_s": round(total.virtual_s),
        "crashes": total.crashes,
        "cuts": total.cuts,
        "took_s": round(took_s, 1),
        "faults": dict(sorted(total.fired.items())),
        "looks": dict(sorted(total.looks.items())),
        "failures": {str(seed): why for seed, why in sorted(total.failures.items())},
        "traces": f"{total.digest:016x}",
    }
    REPORT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def show_failure(console: Console, seed: int, why: str, files: float = 0.0) -> None:
    """Print a failing seed: the shortest schedule, what every party saw last, and how to see it again."""
    plan = draw_plan(seed, files=files)
    short = shrink(plan, why)
    world = World(short)
    try:
        world.run()
    except (Exception, SpinningError) as error:  # noqa: BLE001 - it is what we are looking for
        console.rule(f"seed {seed}")
        console.print(str(error) or type(error).__name__, style="bold red", markup=False)
    for fault in short.faults:
        console.print(f"  {fault}", markup=False, highlight=False)
    for party in world.trace.parties():
        console.print(f"-- the last events of {party}", markup=False)
        for line in world.trace.lines(party):
            console.print(f"  {line}", markup=False, highlight=False)
    keep = ",".join(str(plan.faults.index(fault)) for fault in short.faults)
    say = ",".join(str(plan.script.index(step)) for step in short.script)
    more = f" FILES={files}" if files else ""
    console.print(
        f"again: make sim SEED={seed}{more} KEEP={keep or '-'} SAY={say or '-'}", markup=False, soft_wrap=True
    )


def replay(console: Console, seed: int) -> int:
    """Run one seed and print its trace."""
    plan = draw_plan(seed, files=float(os.environ.get("FILES") or 0))
    plan = replace(plan, faults=_chosen(plan.faults, "KEEP"), script=_chosen(plan.script, "SAY"))
    console.print(f"seed {seed}: {plan.phones} phones, window {plan.window}, network {plan.profile.name}")
    world = World(plan, keep_all=True)
    why = ""
    try:
        world.run()
    except (Exception, SpinningError) as error:  # noqa: BLE001 - it is what we are looking for
        why = str(error) or type(error).__name__
    for line in world.trace.merged():
        console.print(line, markup=False, highlight=False)
    console.print(f"trace {world.trace.digest}", highlight=False)
    console.print(why or "all is well", style="bold red" if why else "green", markup=False)
    return 1 if why else 0


def _chosen(items: tuple[T, ...], variable: str) -> tuple[T, ...]:
    chosen = os.environ.get(variable)
    if not chosen:
        return items
    return tuple(items[int(place)] for place in chosen.split(",") if place != "-")


if __name__ == "__main__":
    sys.exit(main())
