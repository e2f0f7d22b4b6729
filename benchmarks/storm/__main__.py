"""`make bench-storm`: thousands of phones and a backend that restarts, politely and by a crash.

The phones are real engines with real links in one process; the backend is `onebar-mockserver` on the other core. One
core cannot be 5,000 phones at once (3 ms of CPU a reconnect), so what the server takes is measured beside it, by bare
links. `PHONES=500` makes it short.
"""

import asyncio
import gc
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.enrolment import enroll
from benchmarks.goals import STORM
from benchmarks.measured_server import pinned, raise_file_limit
from benchmarks.phones import scratch_folder
from benchmarks.report import REPORTS, BenchError, Report
from benchmarks.rounds import summarize
from benchmarks.storm.backend import Backend
from benchmarks.storm.capacity import storm
from benchmarks.storm.chart import draw
from benchmarks.storm.curve import busiest_second
from benchmarks.storm.phones import Inline, Phone, close_all
from benchmarks.storm.restart import MAIL_SHARE, Outcome, restart, settle, until
from benchmarks.weak.children import free_port
from benchmarks.weak.ledger import percentile
from onebar.config import Config
from onebar.drivers.address import parse_address
from onebar_mockserver.limits import go_away_ms

PHONES: Final = 5000
"""How many, unless PHONES says otherwise."""

PREKEYS: Final = 4
"""One-time prekeys of a phone: only its neighbour begins a session with it."""

AT_ONCE: Final = 100
"""Phones that are brought on line at once: one core answers them within their patience."""

GARBAGE: Final = 100_000
"""New objects between two collections: a hundred times the usual, as a hundred times as many are alive."""

LAST_LINE: Final = (
    *("phones", "back_p50_s", "back_p95_s", "back_max_s", "mail_back_p50_s", "peak_over_mean", "due_peak_over_mean"),
    *("lost", "duplicated", "reordered", "crash_back_p95_s", "crash_peak_per_s", "login_ms", "server_mb"),
)
"""Keys of the last line."""


async def main(environment: dict[str, str]) -> int:
    """Measure and report; return the exit code."""
    report = Report(STORM, "A backend restarts under its phones", LAST_LINE)
    count = int(environment.get("PHONES") or PHONES)
    try:
        pin = pinned()
        if raise_file_limit() < 2 * count:
            raise BenchError(f"{count} phones need {2 * count} open files: raise the limit, or make PHONES smaller")
        report.add("phones", "phones", count, "")
        with scratch_folder() as folder:
            await measure_capacity(report, count, folder, pin=pin)
            await measure_restarts(report, count, folder, pin=pin)
    except BenchError as error:
        return report.fail(error)
    return report.finish()


# --- bare links -----------------------------------------------------------------------------------


async def measure_capacity(report: Report, count: int, folder: Path, *, pin: bool) -> None:
    """Let bare links log in: as GoAway asks them to, as after a crash, and all in one moment."""
    worst_mb = 0.0
    for name, tls in (("spread", True), ("spread", False), ("crash", True), ("at_once", False)):
        how = "with TLS" if tls else "without TLS"
        report.say(f"{count} bare logins, {name.replace('_', ' ')}, {how}")
        (own := folder / f"{name}-{tls}").mkdir()
        found = await storm(name, count, own, pin=pin, tls=tls)
        prefix = f"{name}_{'tls_' if tls else ''}"
        worst_mb = max(worst_mb, found.memory_bytes / 1e6)
        key = "login_ms" if (name, tls) == ("spread", True) else f"{prefix}login_ms"
        note = f"at most {found.peak_per_s} came in a second; all were in after {found.took_s:.1f} s"
        report.add(key, f"bare logins, {name.replace('_', ' ')}, {how}: CPU of each", found.login_ms, "ms", note)
        waits = f"p50 {found.wait_at(50):.2f}, max {found.wait_at(100):.2f}"
        report.add(f"{prefix}wait_p95_s", "… waited for the Welcome, p95", found.wait_at(95), "s", waits)
    report.add("bare_server_mb", "the server's memory at most, bare logins", worst_mb, "MB")


# --- phones ---------------------------------------------------------------------------------------


async def measure_restarts(report: Report, count: int, folder: Path, *, pin: bool) -> None:
    """Bring the phones on line, and restart the server under them twice."""
    dice = random.Random(1)
    address = parse_address(f"http://127.0.0.1:{free_port()}")
    report.say(f"{count} phones are made, their stores in memory, their accounts written by the server's own code")
    config = Config(host=address.host, one_time_prekeys=PREKEYS)
    phones = [Phone(user, config) for user in range(count)]
    gc.freeze()  # else each collection walks through all of them
    gc.set_threshold(GARBAGE)
    places = enroll(folder / "data", [phone.engine.public_keys() for phone in phones])
    backend = Backend(folder / "data", int(address.host.rsplit(":", 1)[1]), pin=pin)
    try:
        await backend.start()
        report.say("they come on line, and each writes to the next one")
        worker, gate = Inline(), asyncio.Semaphore(AT_ONCE)

        async def come(phone: Phone, account: int, device: int) -> None:
            async with gate:
                phone.start(address, worker, account, device)
                await until(lambda: phone.ready, "a phone is on line")

        async with asyncio.TaskGroup() as group:
            for phone, place in zip(phones, places, strict=True):
                group.create_task(come(phone, place.account, place.device))
        await settle(phones, set(range(count)), AT_ONCE)
        report.say("the server is stopped, says GoAway, and starts again")
        polite = await restart(phones, backend, polite=True, dice=dice)
        report.say("the server is killed, and starts again")
        crash = await restart(phones, backend, polite=False, dice=dice)
    finally:
        await close_all(phones)
        await backend.close()
    window_s = go_away_ms(count) / 1000
    add_polite(report, polite, window_s)
    add_crash(report, crash)
    add_both(report, [polite, crash])
    draw([("Stopped, with GoAway", polite, window_s), ("Killed", crash, 0.0)], REPORTS / f"{STORM}.png")


def add_polite(report: Report, outcome: Outcome, window_s: float) -> None:
    """Add how the phones came back after a GoAway."""
    mean = len(outcome.restarts) / window_s
    peak = busiest_second(outcome.back_s())
    report.add("window_s", "announced window", window_s, "s", f"its mean: {mean:.0f} phones a second")
    add_back(report, "", "stopped", outcome)
    mail, others = outcome.back_s(had_mail=True), outcome.back_s(had_mail=False)
    share = f"{len(mail)} of {len(outcome.restarts)} phones; {MAIL_SHARE:.0%} had written"
    report.add("mail_back_p50_s", "… with mail in the outbox, p50", percentile(mail, 50), "s", share)
    report.add("mail_back_p95_s", "… with mail in the outbox, p95", percentile(mail, 95), "s")
    ahead_s = percentile(others, 50) - percentile(mail, 50)
    report.add("mail_ahead_s", "… how much earlier than the others, p50", ahead_s, "s")
    report.add("peak_per_s", "most phones back in a second", peak, "/s")
    bunched = "also where the phones' own loop was late, and let go what had gathered"
    report.add("peak_over_mean", "… over the mean of the announced window", peak / mean, "x", bunched)
    due = busiest_second(outcome.dialed_s()) / mean
    report.add("due_peak_over_mean", "… of the dials, when they were due, refused ones among them", due, "x")


def add_crash(report: Report, outcome: Outcome) -> None:
    """Add how the phones came back after a crash."""
    add_back(report, "crash_", "killed", outcome)
    report.add("crash_peak_per_s", "most phones back in a second", busiest_second(outcome.back_s()), "/s")


def add_back(report: Report, prefix: str, how: str, outcome: Outcome) -> None:
    """Add when phones were back, and what that cost the server."""
    back_s = outcome.back_s()
    report.add(f"{prefix}down_s", f"{how}: until the new server listened", outcome.down_s, "s")
    for name, percent in (("p50", 50), ("p95", 95), ("max", 100)):
        report.add(f"{prefix}back_{name}_s", f"{how}: phones back, {name}", percentile(back_s, percent), "s")
    dials = len(outcome.dialed_s()) / len(outcome.restarts)
    report.add(f"{prefix}dials", "… dials of a phone", dials, "", "those that nobody answered among them")
    busiest = max(cores for _, cores in outcome.cpu)
    report.add(f"{prefix}server_cores", "… the server's CPU at most", busiest, "cores", "in a quarter of a second")
    lag_s = percentile(sorted(outcome.lags_s), 95)
    report.add(f"{prefix}lag_p95_s", "… how late the phones' own loop was, p95", lag_s, "s", "in every time above")


def add_both(report: Report, outcomes: Sequence[Outcome]) -> None:
    """Add the account of the mail, and memory."""
    last = outcomes[-1]
    report.add("texts", "texts sent in all", last.sent, "")
    report.add("lost", "texts lost", last.lost, "")
    report.add("duplicated", "texts doubled", last.doubled, "")
    report.add("reordered", "texts out of order", last.reordered, "")
    memory = summarize([outcome.memory_bytes / 1e6 for outcome in outcomes])
    report.add("server_mb", "the server's memory at most", memory.most, "MB", str(memory))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main(dict(os.environ))))
