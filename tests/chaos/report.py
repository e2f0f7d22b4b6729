"""What a chaos program says at its end: figures, a table for people, a report for tools, the last line."""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.chaos.harness import ChaosError, Harness
from tests.chaos.processes import ROOT
from tests.chaos.verdict import Verdict

REPORTS: Final = ROOT / "build" / "reports"
"""Where the figures are kept."""

KEYS: Final = ("sent", "delivered", "lost", "duplicated", "reordered", "kills", "cuts")
"""The last line's keys (DESIGN §11)."""


def figures(harness: Harness, verdict: Verdict) -> dict[str, Any]:
    """Return all that is known about the run."""
    waits_s = [
        entry.delivered_at_s - entry.logged_at_s for entry in harness.ledger.entries if entry.delivered_at_s is not None
    ]
    return {
        "sent": verdict.account.sent,
        "delivered": verdict.delivered,
        "lost": verdict.account.lost,
        "duplicated": verdict.account.duplicated,
        "reordered": verdict.account.reordered,
        "kills": len(harness.kills),
        "cuts": len(harness.cuts),
        "kills_by_process": dict(Counter(kill.name for kill in harness.kills)),
        "kills_in_flight": sum(kill.in_flight > 0 for kill in harness.kills),
        "cuts_by_kind": dict(Counter(cut.kind for cut in harness.cuts)),
        "files_sent": len(harness.gifts.sent),
        "files_arrived": harness.gifts.there,
        "events_repeated": harness.ledger.repeated_events(),
        "delivered_after_s_median": round(median(waits_s), 3) if waits_s else None,
        "delivered_after_s_p95": round(quantiles(waits_s, n=20)[-1], 3) if len(waits_s) > 1 else None,
        "problems": verdict.problems,
    }


def table(title: str, known: dict[str, Any]) -> Table:
    """Draw the figures for people."""
    drawn = Table(title=title, show_header=False)
    drawn.add_row("texts sent", str(known["sent"]))
    drawn.add_row("delivered", str(known["delivered"]))
    for name in ("lost", "duplicated", "reordered"):
        drawn.add_row(name, str(known[name]), style="red" if known[name] else "green")
    if known.get("files_sent"):
        drawn.add_row("photos and voice notes", f"{known['files_sent']} sent, {known['files_arrived']} arrived whole")
    kills = ", ".join(f"{name} {count}" for name, count in sorted(known["kills_by_process"].items()))
    drawn.add_row("kill -9", f"{known['kills']} ({kills})")
    drawn.add_row("… with work in flight", str(known["kills_in_flight"]))
    cuts = ", ".join(f"{kind} {count}" for kind, count in sorted(known["cuts_by_kind"].items()))
    drawn.add_row("links cut", f"{known['cuts']} ({cuts})")
    drawn.add_row(
        "delivered after",
        f"median {known['delivered_after_s_median']} s, p95 {known['delivered_after_s_p95']} s",
    )
    drawn.add_row("seed, time", f"{known['seed']}, {known['took_s']} s")
    return drawn


def finish(report: Path, title: str, known: dict[str, Any], complaint: str, console: Console) -> int:
    """Print and keep the figures under the report's name; return the exit code.

    `complaint` says why the run proves too little, if it does.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    console.print(table(title, known))
    for problem in known["problems"]:
        console.print(f"wrong: {problem}", markup=False, highlight=False, soft_wrap=True)
    if complaint:
        console.print(f"this run proves too little: {complaint}", markup=False, highlight=False, soft_wrap=True)
    print(f"{report.stem}: " + " ".join(f"{key}={known[key]}" for key in KEYS), flush=True)
    wrong = known["problems"] or known["delivered"] != known["sent"]
    wrong = wrong or any(known[key] for key in ("lost", "duplicated", "reordered"))
    return 1 if wrong else 2 if complaint else 0


async def guarded(
    folder: Path,
    console: Console,
    play: Callable[[Harness], Awaitable[Verdict]],
    end: Callable[[dict[str, Any]], int],
) -> int:
    """Play in this folder, clean up whatever happens, hand the figures to `end`; return the exit code."""
    started_s = time.monotonic()
    task = asyncio.current_task()
    stopped_by: list[int] = []

    def stop(number: int) -> None:
        if not stopped_by and task is not None:  # a second Ctrl-C must not disturb the clearing up
            task.cancel()
        stopped_by.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    harness = Harness(folder)
    try:
        verdict = await play(harness)
    except ChaosError as error:
        console.print(f"failed: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except asyncio.CancelledError:
        return 128 + (stopped_by or [signal.SIGINT])[0]
    finally:
        stopped_by.append(0)  # from here on a signal changes nothing
        await harness.close()
    return end({"took_s": round(time.monotonic() - started_s, 1), **figures(harness, verdict)})
