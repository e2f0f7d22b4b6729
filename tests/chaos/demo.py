"""`make demo`: two phones and a backend as three processes, cut and killed at random; nothing is lost.

Beside the texts, photos and a voice note go both ways.

    DEMO_TEXT=file    send the (first LINES_MAX) lines of this file instead of the README's and the docs'
    SEED=number       the schedule of an earlier run again
    DEMO_KEEP=1       keep the databases and the ledger, and say where

Exit codes: 0 all is right, 1 a figure is wrong or a process failed, 2 the run proves too little (too few
kills, or too few of them with work in flight), 130 Ctrl-C, 143 SIGTERM.
"""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from tests.chaos import report
from tests.chaos.gifts import make_gifts
from tests.chaos.harness import BACKEND, PHONES, ChaosError, Harness
from tests.chaos.processes import ROOT
from tests.chaos.progress import show_progress
from tests.chaos.schedule import plan
from tests.chaos.verdict import Verdict, judge

SENDING_S: Final = 45.0
"""How long texts are sent, while processes die: the whole demo has 90 s."""

SETTLING_S: Final = 60.0
"""How long the last texts may take: two of the longest retry pauses (DESIGN D8)."""

LINES_MIN: Final = 120
"""A shorter text is sent several times: with fewer lines, kills would find nothing in flight."""

LINES_MAX: Final = 1000
"""Most lines of DEMO_TEXT: with more, the sending alone would take longer than the demo may."""

LINES_PER_S_MAX: Final = 50.0
"""If the README and the docs are longer, the sending takes longer: each line costs six fsyncs."""

KILLS_EACH_MIN: Final = 6
"""Kills of each process, without which the run proves too little."""

TEXT_BYTES_MAX: Final = 4096
"""Longest text that `send` takes; a longer line is sent in pieces."""

REPORT: Final = report.REPORTS / "demo.json"
"""Where the figures are kept."""


def lines() -> list[str]:
    """Return the lines to send."""
    if chosen := os.environ.get("DEMO_TEXT"):
        files = [Path(chosen)]
    else:
        files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = [
        piece
        for file in files
        for line in file.read_text(encoding="utf-8", errors="replace").split("\n")
        if line.strip()
        for piece in pieces(line)
    ]
    if not found:
        raise ChaosError(f"nothing to send in {', '.join(map(str, files))}")
    if chosen:
        found = found[:LINES_MAX]
    return found * -(-LINES_MIN // len(found))


def pieces(line: str) -> Iterator[str]:
    """Cut a line into texts that are not too long."""
    size, start = 0, 0
    for place, character in enumerate(line):
        size += len(character.encode())
        if size > TEXT_BYTES_MAX:
            yield line[start:place]
            size, start = len(character.encode()), place
    yield line[start:]


async def play(harness: Harness, seed: int, texts: list[str], console: Console) -> Verdict:
    """Run the whole demo and return what came of it."""
    await harness.start()
    duration_s = max(SENDING_S, len(texts) * len(PHONES) / LINES_PER_S_MAX)
    actions = plan(seed, len(texts), duration_s, PHONES, BACKEND)
    gifts = await asyncio.to_thread(make_gifts, harness.folder / "gifts")
    giving = asyncio.create_task(harness.give(gifts, duration_s * 0.8))
    showing = asyncio.create_task(show_progress(harness, len(texts) * len(PHONES), console))
    try:
        await harness.run(actions, texts)
        await giving
        await harness.settle(SETTLING_S)
    finally:
        for task in (showing, giving):
            task.cancel()
        await asyncio.gather(showing, giving, return_exceptions=True)
    await harness.stop()
    verdict = judge(harness.ledger, {name: await harness.history(name) for name in PHONES})
    verdict.problems += harness.gifts.problems()
    return verdict


def too_little(known: dict[str, Any]) -> str:
    """Say why the run proves too little, or nothing."""
    for name in (*PHONES, BACKEND):
        if known["kills_by_process"].get(name, 0) < KILLS_EACH_MIN:
            return f"{name} was killed fewer than {KILLS_EACH_MIN} times"
    if 2 * known["kills_in_flight"] < known["kills"]:
        return f"only {known['kills_in_flight']} of {known['kills']} kills hit work in flight"
    return ""


def finish(known: dict[str, Any], console: Console) -> int:
    """Print and keep the figures; return the exit code."""
    return report.finish(REPORT, "Two phones and a backend", known, too_little(known), console)


async def demo(folder: Path, seed: int, console: Console) -> int:
    """Play the demo in this folder, clean up whatever happens, and return the exit code."""

    async def play_lines(harness: Harness) -> Verdict:
        texts = lines()
        console.print(f"{len(texts)} texts each way, seed {seed} (SEED={seed} make demo repeats the schedule)")
        return await play(harness, seed, texts, console)

    return await report.guarded(folder, console, play_lines, lambda known: finish({"seed": seed, **known}, console))


def main() -> int:
    """Run the demo and return the exit code."""
    console = Console()
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    folder = Path(tempfile.mkdtemp(prefix="onebar-demo-"))
    try:
        return asyncio.run(demo(folder, seed, console))
    finally:
        if os.environ.get("DEMO_KEEP"):
            console.print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
