"""`make chaos`: the demo's processes through many short rounds, each with one to three random faults.

    ROUNDS=number     how many rounds of two seconds (50)
    SEED=number       the schedule of an earlier run again
    CHAOS_KEEP=1      keep the databases and the ledger, and say where

Exit codes: 0 all is right, 1 a figure is wrong or a process failed, 2 the run proves too little (too few
kills, or too few of them with work in flight), 130 Ctrl-C, 143 SIGTERM.
"""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from tests.chaos import report
from tests.chaos.harness import BACKEND, PHONES, Harness
from tests.chaos.progress import show_progress
from tests.chaos.rounds import plan_rounds
from tests.chaos.schedule import Action
from tests.chaos.verdict import Verdict, judge

ROUNDS: Final = 50
"""Rounds unless told otherwise."""

SETTLING_S: Final = 60.0
"""How long the last texts may take: two of the longest retry pauses (DESIGN D8)."""

REPORT: Final = report.REPORTS / "chaos.json"
"""Where the figures are kept."""


async def play(harness: Harness, actions: list[Action], console: Console) -> Verdict:
    """Run all rounds and return what came of them."""
    await harness.start()
    counts = {phone: sum(action.count for action in actions if action.target == phone) for phone in PHONES}
    texts = [f"text {number}" for number in range(1, max(counts.values()) + 1)]
    showing = asyncio.create_task(show_progress(harness, sum(counts.values()), console))
    try:
        await harness.run(actions, texts)
        await harness.settle(SETTLING_S)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
    await harness.stop()
    return judge(harness.ledger, {name: await harness.history(name) for name in PHONES})


def too_little(known: dict[str, Any]) -> str:
    """Say why the run proves too little, or nothing."""
    if known["kills"] < known["rounds"]:
        return f"{known['kills']} kills in {known['rounds']} rounds"
    if 2 * known["kills_in_flight"] < known["kills"]:
        return f"only {known['kills_in_flight']} of {known['kills']} kills hit work in flight"
    return ""


def finish(known: dict[str, Any], console: Console) -> int:
    """Print and keep the figures; return the exit code."""
    return report.finish(REPORT, f"{known['rounds']} rounds of chaos", known, too_little(known), console)


async def chaos(folder: Path, seed: int, rounds: int, console: Console) -> int:
    """Play all rounds in this folder, clean up whatever happens, and return the exit code."""
    console.print(f"{rounds} rounds, seed {seed} (SEED={seed} make chaos repeats the schedule)")
    actions = plan_rounds(seed, rounds, PHONES, BACKEND)
    return await report.guarded(
        folder,
        console,
        lambda harness: play(harness, actions, console),
        lambda known: finish({"seed": seed, "rounds": rounds, **known}, console),
    )


def main() -> int:
    """Run the rounds and return the exit code."""
    console = Console()
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    rounds = int(os.environ.get("ROUNDS") or ROUNDS)
    folder = Path(tempfile.mkdtemp(prefix="onebar-chaos-"))
    try:
        return asyncio.run(chaos(folder, seed, rounds, console))
    finally:
        if os.environ.get("CHAOS_KEEP"):
            console.print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
