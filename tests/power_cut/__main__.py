"""`make power-cut`: the power of a server is cut between any two of its writes, and nothing that it promised is lost.

A real server runs under strace while devices send, acknowledge and dial. The recorded calls are then played on a model
of a disk, which is cut before every sync; what is left is opened by the real engine and held against what the server
had said by then. Each cut is tried with everything kept that was not synced, with nothing of it, and with samples that
keep some writes and tear one.

The proof is tried too: with the last commit's sync taken out of the record, what it acknowledged must be missing.

    MESSAGES=number   messages of each of four pairs (400)
    SAMPLES=number    samples of each cut (3)
    SEED=number       the same load and samples again, as far as the timing repeats
"""

import asyncio
import os
import random
import re
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.report import Report

from tests.power_cut import trace
from tests.power_cut.claims import Claims
from tests.power_cut.cuts import Tally, cut_everywhere
from tests.power_cut.load import Load

PAIRS: Final = 4
"""Pairs of devices: enough for commits with several inputs."""

MESSAGES: Final = 400
"""Messages of each pair: about 300 syncs, and two checkpoints of the log beside the last one."""

SAMPLES: Final = 3
"""Samples of each cut."""

PATIENCE_S: Final = 120.0
"""Longest time for the load: strace makes a call of the server about ten times as long."""

SHOWN_MAX: Final = 5
"""Losses that are printed."""

MEMORY: Final = Path("/dev/shm")
"""Where images are opened, if it is there: they need not survive anything."""


async def record(folder: Path, dice: random.Random, messages: int) -> Load:
    """Run a server under strace with a load; leave its trace in the folder."""
    server = await asyncio.create_subprocess_exec(
        *(
            "strace",
            "-f",
            "-yy",
            "-xx",
            "--seccomp-bpf",
            "-s",
            str(trace.STRING_BYTES_MAX),
            "-e",
            f"trace={trace.CALLS}",
        ),
        *("-o", str(folder / "trace"), "env", "ONEBAR_RATED=false", sys.executable, "-m", "onebar_mockserver"),
        *("--port", "0", "--data", str(folder / "data")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert server.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = re.search(r"listening on (http://\S+),", (await server.stdout.readline()).decode())
            if found is None:
                raise trace.TraceError("the server did not start under strace")
            load = Load(found[1], dice)
            await load.run(PAIRS, messages)
            os.kill(_first_pid(folder / "trace"), signal.SIGTERM)
            await server.wait()
    finally:
        if server.returncode is None:
            os.kill(_first_pid(folder / "trace"), signal.SIGKILL)
            await server.wait()
    return load


def _first_pid(file: Path) -> int:
    """Return the server's process id: the first call that was recorded is its own."""
    with file.open(encoding="ascii") as lines:
        return int(lines.readline().split(maxsplit=1)[0])


def main() -> int:
    """Record, cut, and return the exit code."""
    report = Report("power-cut", "Power cuts", ("points", "images", "lost", "planted", "found"))
    if shutil.which("strace") is None:
        report.say("strace is not there; install it with: sudo apt-get install strace")
        return 2
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="onebar-power-") as name:
        folder = Path(name).resolve()
        report.say(f"recording, seed {seed}")
        load = asyncio.run(record(folder, dice, int(os.environ.get("MESSAGES") or MESSAGES)))
        with (folder / "trace").open(encoding="ascii") as lines:
            happenings = list(trace.read(lines, folder / "data"))
        report.say(f"{len(happenings)} calls were recorded; cutting before each sync")
        with tempfile.TemporaryDirectory(prefix="onebar-power-", dir=MEMORY if MEMORY.is_dir() else None) as images:
            samples = int(os.environ.get("SAMPLES") or SAMPLES)
            tally = cut_everywhere(happenings, Claims(load.devices), samples, dice, Path(images))
    return finish(report, tally)


def finish(report: Report, tally: Tally) -> int:
    """Print and keep the figures; return the exit code."""
    for problem in tally.problems[:SHOWN_MAX]:
        report.say(f"wrong: {problem}")
    report.add(
        "points",
        "moments at which the power was cut",
        tally.points,
        "",
        f"before each sync; {tally.checkpoints} checkpoints",
    )
    report.add("images", "disks that were recovered", tally.images, "", "all kept, nothing kept, samples")
    report.add("promises", "messages accepted at the end", tally.accepted, "", "and in a mailbox or acknowledged")
    report.add("lost", "disks that lack something acknowledged, or are broken", len(tally.problems), "")
    report.add(
        "planted", "commits whose sync was taken out", tally.planted, "", "what they acknowledged must be missing"
    )
    report.add("found", "of which the proof noticed", tally.found, "")
    code = report.finish()
    if not tally.points or not tally.planted:
        report.say("this run proves too little: nothing was acknowledged")
        return 2
    return code or int(bool(tally.problems) or tally.found < tally.planted)


if __name__ == "__main__":
    sys.exit(main())
