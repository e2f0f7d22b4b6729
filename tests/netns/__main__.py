"""`make netns`: packets between two kernels, lost, delayed and cut off by this process. It needs root.

    SEED=number     what chance draws (1)
    ONLY=edge,…     these conversations only, without the calibration

Exit codes: 0 all is right, or it cannot be done here, which is said; 1 a text is lost, doubled or reordered, or the
network does not do what its profile says.
"""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.report import BenchError, Report

from onebar.testing.namespaces import obstacle
from tests.chaos.harness import ChaosError
from tests.netns.calibration import calibrate
from tests.netns.crossing import CASES, Crossed, cross

COUNTED = ("sent", "delivered", "lost", "duplicated", "reordered")
"""What is added up over the conversations."""


async def main() -> int:
    """Measure and report; return the exit code."""
    if missing := obstacle():
        print(f"netns: skipped, {missing}")
        return 0
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    seed = int(os.environ.get("SEED") or 1)
    only = (os.environ.get("ONLY") or "").split(",")
    keys = COUNTED if any(only) else (*COUNTED, "rtt_off", "rate_off", "loss_off")
    report = Report("netns", "Packets through two namespaces, and Onebar across them", keys)
    try:
        if not any(only):
            await calibrate(report, seed)
        problems = await conversations(report, only, seed)
    except (BenchError, ChaosError) as error:
        return report.fail(BenchError(str(error)))
    code = report.finish()
    for problem in problems:
        print(f"wrong: {problem}")
    return 1 if problems else code


async def conversations(report: Report, only: list[str], seed: int) -> list[str]:
    """Hold each conversation, add its rows, and return what is wrong."""
    total, problems = dict.fromkeys(COUNTED, 0), []
    for case in CASES:
        if any(only) and case.name not in only:
            continue
        report.say(f"two phones over {case.name}")
        with tempfile.TemporaryDirectory(prefix="onebar-netns-") as folder:
            crossed = await cross(case, Path(folder), seed)
        verdict = crossed.verdict
        for key in COUNTED:
            total[key] += verdict.delivered if key == "delivered" else getattr(verdict.account, key)
        problems += [f"{case.name}: {problem}" for problem in verdict.problems]
        add(report, case.name, crossed)
    for key in COUNTED:
        report.add(key, f"texts {key}", total[key], "")
    return problems


def add(report: Report, name: str, crossed: Crossed) -> None:
    """Add a conversation's rows."""
    carried, key = crossed.carried, name.replace("-", "_")
    note = (
        f"{crossed.verdict.account.sent} texts; {carried.packets} packets came through, {carried.lost} were lost, "
        f"{carried.dropped} dropped; {carried.up_bytes} B up, {carried.down_bytes} B down, "
        f"{carried.connections} connections"
    )
    report.add(f"{key}_p95_s", f"{name}: delivered, p95", crossed.p95_s, "s", note)
    if crossed.recovery_s:
        note = "until all of before and the first text of after was there"
        report.add(f"{key}_recovery_s", f"{name}: recovered", crossed.recovery_s, "s", note)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except asyncio.CancelledError:
        sys.exit(1)
