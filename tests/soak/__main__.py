"""`make soak MINUTES=10`: everything at once for a long time, and nothing lost, no memory grown, no file left open.

Against one server process: two phones of the real SDK that talk to each other, are killed and have their links cut;
pairs of raw clients whose every link is dropped after a few messages; and clients that flood, read slowly, write
slowly, send garbage or keep connections open. The server's memory and open files are looked at twice a second.

    MINUTES=number   how long (10)
    SEED=number      the same schedule again

Exit codes: 0 all is right, 1 a figure is wrong or a process failed, 130 Ctrl-C.
"""

import asyncio
import os
import random
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.report import Report

from tests.chaos.accounting import total
from tests.chaos.cutter import CutKind
from tests.chaos.harness import BACKEND, PHONES, ChaosError, Harness
from tests.chaos.schedule import Action
from tests.chaos.verdict import Verdict, judge
from tests.mockserver.test_main import register
from tests.soak.abusers import Abuse
from tests.soak.churn import Pair
from tests.soak.gauge import Gauge, look, per_minute

MINUTES: Final = 10.0
"""How long unless told otherwise: long enough for a slope that a burst does not bend."""

PAIRS: Final = 6
"""Raw pairs: about ten links a second, opened and dropped."""

TEXT_S: Final = 1.25
"""Time between two texts of a phone: below the rate that one person may send to another."""

KILL_S: Final = 12.0
"""Time between two kills of a phone, in turn."""

CUT_S: Final = 9.0
"""Time between two cuts of a phone's links, in turn."""

SETTLING_S: Final = 90.0
"""How long the last texts may take: three of the longest retry pauses (DESIGN D8)."""

FILES_S: Final = 30.0
"""How long the server may keep files of connections that are gone: no deadline of its own is longer."""

RSS_KB_PER_MIN_MAX: Final = 300.0
"""Slope that counts as flat in a run of LONG_MIN or more: a leak of 100 B for each link would be beyond it."""

RSS_KB_PER_MIN_MAX_SHORT: Final = 6000.0
"""The same for shorter runs, in which the allocator is still growing: only a gross leak is beyond it."""

LONG_MIN: Final = 5.0
"""Minutes from which a slope says something."""

SHOWN_MAX: Final = 5
"""Problems that are printed."""


def plan(seed: int, duration_s: float) -> list[Action]:
    """Return what happens to the phones, in order of time; the server is never killed, for it is measured."""
    dice = random.Random(seed)
    actions = []
    for name in PHONES:
        actions += [Action(at_s, "tell", name, count=1) for at_s in _times(dice, TEXT_S, duration_s)]
    for number, at_s in enumerate(_times(dice, KILL_S, duration_s)):
        actions.append(Action(at_s, "kill", PHONES[number % 2], pause_s=dice.uniform(0, 2.0)))
    for number, at_s in enumerate(_times(dice, CUT_S, duration_s)):
        kind: CutKind = "reset" if dice.random() < 0.7 else "silence"
        actions.append(Action(at_s, "cut", PHONES[number % 2], pause_s=dice.uniform(0, 3.0), cut=kind))
    return sorted(actions, key=lambda action: action.at_s)


def _times(dice: random.Random, every_s: float, duration_s: float) -> list[float]:
    return [(slot + dice.random()) * every_s for slot in range(int(duration_s / every_s))]


async def soak(folder: Path, seed: int, minutes: float, report: Report) -> dict[str, Any]:
    """Run everything; return all that is known in the end.

    Raises:
        ChaosError: A process failed.
    """
    harness, stop = Harness(folder), asyncio.Event()
    dice = random.Random(seed)
    background: list[asyncio.Task[None]] = []
    try:
        await harness.start()
        phones = [await register(harness.url, f"+1202556{number:04d}") for number in range(2 * PAIRS + 3)]
        pairs = [Pair(phones[2 * number], phones[2 * number + 1], dice) for number in range(PAIRS)]
        abuse = Abuse(urlsplit(harness.url).port or 0, dice, phones[-3], phones[-2], phones[-1])
        gauge = Gauge(harness.pid(BACKEND))
        before = look(gauge.pid)
        work = [asyncio.create_task(abuse.run(stop)), *(asyncio.create_task(pair.run(stop)) for pair in pairs)]
        background += [asyncio.create_task(gauge.run()), asyncio.create_task(_tell(report, harness, pairs, gauge))]
        actions = plan(seed, 60 * minutes)
        texts = [f"text {number}" for number in range(len(actions))]
        playing = asyncio.create_task(harness.run(actions, texts))
        await _all_or_first_error([playing, *work], playing, stop)
        for task in background:
            task.cancel()
        await harness.settle(SETTLING_S)
        after = await gauge.settled(before.fds, FILES_S)
        await harness.stop()
        verdict = judge(harness.ledger, {name: await harness.history(name) for name in PHONES})
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await harness.close()
    return known(harness, verdict, pairs, abuse, gauge, after.fds - before.fds)


async def _all_or_first_error(
    tasks: list[asyncio.Task[None]], playing: asyncio.Task[None], stop: asyncio.Event
) -> None:
    """Wait until the schedule is played, then until the others have stopped; an error of any is raised at once."""
    playing.add_done_callback(lambda _: stop.set())
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(report: Report, harness: Harness, pairs: list[Pair], gauge: Gauge) -> None:
    """Say how it goes, now and then."""
    while True:
        await asyncio.sleep(15)
        last = gauge.samples[-1]
        sent = len(harness.ledger.entries) + sum(len(pair.sent) for pair in pairs)
        report.say(f"{sent} sent, {len(harness.kills)} kills, {last.rss_kb / 1024:.1f} MB, {last.fds} files")


def known(
    harness: Harness, verdict: Verdict, pairs: list[Pair], abuse: Abuse, gauge: Gauge, fds_leaked: int
) -> dict[str, Any]:
    """Return every figure, and what is wrong in words."""
    account = total([verdict.account, *(pair.account() for pair in pairs)])
    raw = total([pair.account() for pair in pairs])
    return {
        "sent": account.sent,
        "delivered": verdict.delivered + raw.arrived,
        "lost": account.lost,
        "duplicated": account.duplicated,
        "reordered": account.reordered,
        "kills": len(harness.kills),
        "cuts": len(harness.cuts),
        "links_dropped": sum(pair.links for pair in pairs),
        "abuses": abuse.done.total(),
        "abuses_by_kind": dict(abuse.done),
        "rss_kb_per_min": round(per_minute(gauge.samples, "rss_kb"), 1),
        "rss_mb": round(gauge.samples[-1].rss_kb / 1024, 1),
        "fds_per_min": round(per_minute(gauge.samples, "fds"), 2),
        "fds_leaked": fds_leaked,
        "problems": verdict.problems,
    }


def finish(report: Report, found: dict[str, Any], minutes: float) -> int:
    """Print and keep the figures; return the exit code."""
    kinds: Counter[str] = Counter(found["abuses_by_kind"])
    notes = {
        "sent": "by the phones of the SDK and by raw pairs",
        "kills": "phones, by SIGKILL",
        "links_dropped": "raw links, each dropped after a few messages",
        "abuses": ", ".join(f"{name} {count}" for name, count in sorted(kinds.items())),
        "rss_kb_per_min": f"least squares after the first quarter; {found['rss_mb']} MB at the end",
        "fds_leaked": f"after all had left; {found['fds_per_min']} a minute while they were there",
    }
    for key in KEYS:
        report.add(key, key.replace("_", " "), found[key], "", notes.get(key, ""))
    for problem in found["problems"][:SHOWN_MAX]:
        report.say(f"wrong: {problem}")
    report.finish()
    limit = RSS_KB_PER_MIN_MAX if minutes >= LONG_MIN else RSS_KB_PER_MIN_MAX_SHORT
    wrong = [key for key in ("lost", "duplicated", "reordered", "problems") if found[key]]
    wrong += ["delivered"] if found["delivered"] != found["sent"] else []
    wrong += ["fds_leaked"] if found["fds_leaked"] > 0 else []
    wrong += ["rss_kb_per_min"] if found["rss_kb_per_min"] > limit else []
    if wrong:
        report.say(f"this is not right: {', '.join(wrong)}")
    return 1 if wrong else 0


KEYS: Final = (
    *("sent", "delivered", "lost", "duplicated", "reordered", "kills", "cuts", "links_dropped", "abuses"),
    *("rss_kb_per_min", "fds_leaked"),
)
"""The last line's keys."""


def main() -> int:
    """Soak a server; return the exit code."""
    report = Report("soak", "Everything at once", KEYS)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    minutes = float(os.environ.get("MINUTES") or MINUTES)
    report.say(f"{minutes:g} minutes, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="onebar-soak-") as name:
        try:
            return finish(report, asyncio.run(soak(Path(name), seed, minutes, report)), minutes)
        except ChaosError as error:
            report.say(f"failed: {error}")
            return 1
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main())
