"""How often a server syncs its files: strace counts, where it is installed and may look."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.measured_server import GENERATOR_CPU, MeasuredServer
from benchmarks.weak.children import LOOK_S

CALLS: Final = "fsync,fdatasync,msync,sync_file_range"
"""What forces data to the disk. (None of the servers opens its files with O_SYNC.)"""

ATTACH_S: Final = 3.0
"""How long strace may take to attach, and to write its counts."""

COUNT: Final = re.compile(
    rf"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?:{CALLS.replace(',', '|')})$", re.MULTILINE
)
"""A line of `strace -c`: share, seconds, µs a call, calls, errors if any, name."""


def counted(summary: str) -> int:
    """Return how many calls a summary of `strace -c` counts."""
    return sum(map(int, COUNT.findall(summary)))


def count_syncs(server: MeasuredServer, run: Callable[[], int]) -> float | None:
    """Let texts run under strace; return the syncs for one text, or None where strace cannot look."""
    if shutil.which("strace") is None:
        return None
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as summary:
        command = ["taskset", "-c", str(GENERATOR_CPU), "strace", "-f", "-c", "-qq", "-e", f"trace={CALLS}"]
        process = subprocess.Popen(
            [*command, "-o", summary.name, "-p", str(server.pid)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            if not _attached(server.pid, process):
                return None
            texts = run()
        finally:
            process.terminate()
            process.wait(ATTACH_S)
        return counted(summary.read()) / texts


def _attached(pid: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until every thread is traced."""
    until_s = time.monotonic() + ATTACH_S
    while process.poll() is None and time.monotonic() < until_s:
        stati = [path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/status")]
        if all("TracerPid:\t0" not in status for status in stati):
            return True
        time.sleep(LOOK_S)
    return False
