"""Starts a server process and reads what it costs."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.report import ROOT, BenchError

SERVER_CPU: Final = 0
"""The server's CPU; everything else runs on GENERATOR_CPU."""

GENERATOR_CPU: Final = 1
"""The generator's CPU."""

STOP_S: Final = 10.0
"""How long a server may take to end."""


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A running server: a process, and those that it has started."""

    port: int
    pid: int

    def processes(self) -> list[int]:
        """Return the ids of the server's process and of those that it has started."""
        found = [self.pid]
        for pid in found:  # grows on the way
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text(encoding="ascii").split())
        return found

    def cpu_s(self) -> float:
        """Return the CPU time of all threads of all processes, user and system, to the nanosecond.

        Linux numbers the CPU clock of another process like this (clock_getcpuclockid(3)).
        """
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.processes())

    def resident_bytes(self) -> int:
        """Return the resident memory of all processes."""
        pages = [Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1] for pid in self.processes()]
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")

    def written_bytes(self) -> int:
        """Return how much all processes have sent to the disk (write_bytes of proc(5))."""
        counts = [Path(f"/proc/{pid}/io").read_text(encoding="ascii") for pid in self.processes()]
        lines = (line.split() for count in counts for line in count.splitlines())
        return sum(int(value) for name, value in lines if name == "write_bytes:")

    def resident_bytes_peak(self) -> int:
        """Return the most memory that was ever resident (VmHWM of proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024


def pinned() -> bool:
    """Pin this process, the generator, to its CPU; False if there is only one."""
    if not {SERVER_CPU, GENERATOR_CPU} <= os.sched_getaffinity(0):
        return False
    os.sched_setaffinity(0, {GENERATOR_CPU})
    return True


def raise_file_limit() -> int:
    """Allow this process as many open files as it may have; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextmanager
def running(kind: str, data: Path, *, pin: bool) -> Iterator[MeasuredServer]:
    """Run a server, `onebar` or `echo`, and end it."""
    command = [sys.executable, "-m", "benchmarks.server_process", kind, str(SERVER_CPU) if pin else "", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if not said:
                raise BenchError(f"the {kind} server did not start")
            yield MeasuredServer(int(said), process.pid)
            if process.poll() is not None:
                raise BenchError(f"the {kind} server ended by itself with exit code {process.returncode}")
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
