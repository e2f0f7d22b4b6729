"""`make bench-sdk`: what the SDK costs a phone: imports, memory when idle, messages and turns a second, lists, search.

Sends and turns are limited by the disk's fsync, so raw SQLite commits of the same kind stand beside them.
"""

import asyncio
import gc
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.goals import SDK
from benchmarks.lists import measure_lists
from benchmarks.phones import ALICE, BOB, registered, scratch_folder
from benchmarks.report import BenchError, Report
from benchmarks.rounds import Rounds, ratio, summarize
from onebar import Client, Config, Conversation
from onebar.core.engine import Engine
from onebar.core.turn import Instant, Poked, Send
from onebar.store import open_store
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits

INTERPRETERS: Final = 10
"""Fresh interpreters for each import time."""

ROUNDS: Final = 5
"""How often each speed is measured; the kinds take turns, so that a busy disk meets them all."""

ROUND_S: Final = 0.6
"""Time of one measurement."""

CALLERS: Final = 100
"""Concurrent callers."""

TEXT: Final = "This is a text of exactly one hundred bytes, as people write them to one another on the way home. OK"
"""100 bytes."""

AT_ONCE: Final = "import asyncio, logging, sqlite3, msgspec, nacl.bindings, nacl.public"
"""What `import onebar` imports of others."""

TIMED: Final = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
"""Times a program from within its interpreter."""

RESIDENT: Final = (
    "; import gc, os; gc.collect(); print(int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE'))"
)
"""Ends a program with its resident memory."""

OFFLINE: Final = "http://127.0.0.1:9"
"""A server that is not there (the discard port): nothing but the outbox is measured."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What one round measured."""

    per_s: float
    cpu_us: float


async def main() -> int:
    """Measure everything; return the exit code."""
    speeds = ("sends_per_s", "sends_concurrent_per_s", "turns_per_s", "commits_per_s")
    keys = ("import_ms", "idle_mb", *speeds, "search_p50_ms", "search_p99_ms", "chats_ms", "page_ms")
    report = Report(SDK, "The SDK in a phone", keys)
    try:
        measure_imports(report)
        with scratch_folder() as folder:
            async with MockServer(folder / "server", limits=ServerLimits(rates={})) as server:
                await measure_memory(report, server, folder / "alice.db")
            await measure_speeds(report, folder)
            measure_lists(report, folder)
    except BenchError as error:
        return report.fail(error)
    return report.finish()


# --- import and memory ----------------------------------------------------------------------------


def measure_imports(report: Report) -> None:
    """Time imports inside fresh interpreters, the programs in turn."""
    report.say(f"import time, {INTERPRETERS} fresh interpreters each")
    programs = {"pass": "pass", "at_once": AT_ONCE, "onebar": "import onebar"}
    imports: dict[str, list[float]] = {name: [] for name in programs}
    whole: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        interpret(program)  # writes the .pyc files
    for _ in range(INTERPRETERS):
        for name, program in programs.items():
            started_s = time.perf_counter()
            imports[name].append(float(interpret(TIMED.format(program))) * 1000)
            whole[name].append((time.perf_counter() - started_s) * 1000)
    floor, ours = summarize(imports["at_once"]), summarize(imports["onebar"])
    report.add("floor_import_ms", "import of what onebar imports at once", floor.median, "ms", str(floor))
    note = f"{ours}; {ratio(ours.median, floor.median)} what it imports of others"
    report.add("import_ms", "import onebar", ours.median, "ms", note)
    empty, process = summarize(whole["pass"]), summarize(whole["onebar"])
    report.add("pass_process_ms", "python -c pass, from start to end", empty.median, "ms", str(empty))
    report.add("process_ms", "python -c 'import onebar', from start to end", process.median, "ms", str(process))


def interpret(program: str) -> str:
    """Run a program in a fresh interpreter; return what it prints."""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"a fresh interpreter failed: {done.stderr[-500:]}")
    return done.stdout


async def measure_memory(report: Report, server: MockServer, database: Path) -> None:
    """Look at the memory of a phone that has resumed and does nothing."""
    if not Path("/proc/self/statm").exists():
        raise BenchError("resident memory is read from /proc, which this system does not have")
    async with Client.open(database, server=server.url) as client:
        await registered(client, server, ALICE)
    report.say(f"resident memory, {ROUNDS} fresh processes each")
    command = (sys.executable, "-m", "benchmarks.fresh_phone", "idle", str(database), server.url)
    floors, ours = [], []
    for _ in range(ROUNDS):
        floors.append(float(interpret(AT_ONCE + ", websockets.asyncio.client" + RESIDENT)) / 1e6)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        if process.returncode:
            raise BenchError("the idle phone failed")
        ours.append(float(said) / 1e6)
    floor, idle = summarize(floors), summarize(ours)
    note = f"{floor}; with websockets, which the first connection imports"
    report.add("floor_mb", "memory of what onebar needs of others", floor.median, "MB", note)
    note = f"{idle}; {ratio(idle.median, floor.median)}"
    report.add("idle_mb", "memory of an idle, resumed client", idle.median, "MB", note)


# --- speed ----------------------------------------------------------------------------------------


async def measure_speeds(report: Report, folder: Path) -> None:
    """Measure commits, sends and turns in rounds that take turns, all on one disk."""
    database = folder / "alice.db"
    found: dict[str, list[Speed]] = {}

    def note(key: str, speed: Speed) -> None:
        found.setdefault(key, []).append(speed)

    with closing(raw_database(folder / "raw.db")) as raw:
        for number in range(ROUNDS):
            report.say(f"sends, turns and raw commits, round {number + 1} of {ROUNDS}")
            gc.collect()
            note("commits", await timed(lambda: commit(raw)))
            async with Client.open(database, server=OFFLINE) as alice:
                chat = alice.chat(BOB)
                note("sends", await timed(partial(chat.send, TEXT)))
                note("concurrent", await timed(partial(send_at_once, chat), CALLERS))
            note("turns", await timed_turns(database, Send(BOB, TEXT)))
            note("empty", await timed_turns(database, Poked()))
    add_speeds(report, found)


async def send_at_once(chat: Conversation) -> None:
    """Send from all callers at once."""
    await asyncio.gather(*(chat.send(TEXT) for _ in range(CALLERS)))


def add_speeds(report: Report, found: dict[str, list[Speed]]) -> None:
    """Add the speeds, each as a ratio to the raw commits of the same run."""
    peer = statistics.median([speed.per_s for speed in found["commits"]])
    rows = {
        "commits": ("commits_per_s", "raw SQLite commits of one row", "same PRAGMAs, same disk"),
        "sends": ("sends_per_s", "sends, one caller in a row", "each is one turn and one commit"),
        "concurrent": ("sends_concurrent_per_s", f"sends, {CALLERS} concurrent callers", "they share commits"),
        "turns": ("turns_per_s", "turns with a send, engine alone", "no threads, no event loop"),
        "empty": ("empty_turns_per_s", "turns with nothing to write", "no fsync"),
    }
    for kind, (key, what, how) in rows.items():
        speeds = [speed.per_s for speed in found[kind]]
        cpu_us = statistics.median([speed.cpu_us for speed in found[kind]])
        rounds: Rounds = summarize(speeds)
        note = f"{ratio(rounds.median, peer)} raw commits; {cpu_us:.0f} us of CPU each; {how}; {rounds}"
        report.add(key, what, rounds.median, "/s", note)


async def timed(work: Callable[[], object], count: int = 1) -> Speed:
    """Do something again and again for a round; return how often, counting `count` for each."""
    done = 0
    cpu_s, started_s = time.process_time(), time.perf_counter()
    while (took_s := time.perf_counter() - started_s) < ROUND_S:
        result = work()
        if result is not None:
            await result  # type: ignore[misc]
        done += count
    return Speed(done / took_s, (time.process_time() - cpu_s) / done * 1e6)


async def timed_turns(database: Path, item: Send | Poked) -> Speed:
    """Run turns of an engine, nothing around it."""
    with closing(open_store(database)) as store:
        engine = Engine(store, os.urandom, Config(host="127.0.0.1:9"))
        # A dial would be a turn of another kind: the clock stands still, and the first turn takes the dial.
        now = Instant(time.monotonic(), time.time_ns() // 1_000_000)
        engine.turn([Poked()], now)
        return await timed(lambda: check_turn(engine.turn([item], now).results))


def check_turn(results: list[object]) -> None:
    """Check that a turn did what it was asked.

    Raises:
        BenchError: It did not.
    """
    if any(isinstance(result, Exception) for result in results):
        raise BenchError(f"a turn failed: {results}")


def raw_database(path: Path) -> sqlite3.Connection:
    """Open a database as the SDK's store does, with one table like its messages."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE message (no INTEGER PRIMARY KEY, id INTEGER NOT NULL, text TEXT NOT NULL) STRICT")
    return connection


def commit(connection: sqlite3.Connection) -> None:
    """Commit one row."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO message (id, text) VALUES (?, ?)", (1 << 62, TEXT))
    connection.execute("COMMIT")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
