"""Where the microseconds go: py-spy looks at the running server, and its samples are added up by module."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.report import BenchError

SAMPLES_PER_S: Final = 250
"""How often py-spy looks: it stops the server for half a millisecond each time."""

NEAR_FRAMES: Final = 5
"""How many of the innermost frames may say that a thread waits: libc's own are up to three."""

FRAME: Final = re.compile(r"(.*) \((.+?)(?::(\d+))?\)$")
"""A frame of py-spy's raw format: function, file, and line if it is Python's."""

WAITING: Final = frozenset(
    {
        *("epoll_wait", "epoll_pwait", "pthread_cond_wait", "pthread_cond_timedwait", "PyThread_acquire_lock_timed"),
        *("sem_wait", "sem_timedwait", "fsync", "fdatasync", "end_with_standard_input"),
    }
)
"""Functions in which a thread takes no CPU, since it waits: for work, for Python's lock, for the disk. With native
frames, py-spy does not leave them out."""

LIBRARIES: Final = {
    "libsqlite3": "SQLite",
    "_sqlite3": "SQLite",
    "uvloop": "uvloop",
    "libuv": "uvloop",
    "msgspec": "msgspec",
    "libpython": "Python",
    "python3": "Python",
    "libc.so": "kernel and libc",
    "libc-": "kernel and libc",
    "libpthread": "kernel and libc",
    "vdso": "kernel and libc",
    "nacl": "libsodium",
    "sodium": "libsodium",
}
"""Parts of file names, and what their code is called in the table."""


class Share(NamedTuple):
    """One line of the profile."""

    where: str
    own: float
    """Share of the samples whose innermost Python module this is, native code that it calls included."""
    native: dict[str, float]
    """What of that was native code, by library."""


def find_py_spy() -> str:
    """Return where py-spy is, or nothing."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy") or ""


def record(pid: int, path: Path, duration_s: float, run: Callable[[], object]) -> None:
    """Look at a process while something runs.

    Raises:
        BenchError: py-spy cannot look.
    """
    command = [find_py_spy(), "record", "--pid", str(pid), "--duration", str(round(duration_s)), "--native"]
    command += ["--rate", str(SAMPLES_PER_S), "--format", "raw", "--output", str(path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as spy:
        run()
        said, _ = spy.communicate(timeout=60)
    if spy.returncode or not path.exists():
        raise BenchError(f"py-spy failed: {said.decode(errors='replace')[-300:]}")


def shares(raw: str) -> list[Share]:
    """Add up the samples of threads that ran, by the innermost Python module, the largest first."""
    total = 0
    own: Counter[str] = Counter()
    native: dict[str, Counter[str]] = {}
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [match for match in map(FRAME.match, stack.split(";")) if match]
        if any(frame[1] in WAITING for frame in frames[-NEAR_FRAMES:]):
            continue
        module, library = innermost(frames)
        total += int(count)
        own[module] += int(count)
        if library:
            native.setdefault(module, Counter())[library] += int(count)
    return [
        Share(module, count / total, {name: n / total for name, n in native.get(module, Counter()).most_common()})
        for module, count in own.most_common()
    ]


def innermost(frames: Sequence[re.Match[str]]) -> tuple[str, str]:
    """Return the innermost Python module of a stack, and the library whose native code ran on top of it."""
    library = ""
    for number, frame in enumerate(reversed(frames)):
        name = frame[2]
        if name.endswith(".py"):
            return module_of(name), library
        if number == 0:
            library = library_of(name)
    return "no Python", library


def module_of(path: str) -> str:
    """Return a short name for a Python file."""
    parts = Path(path).parts
    start = next((at for at, part in enumerate(parts) if part.startswith("onebar")), max(0, len(parts) - 2))
    return "/".join(parts[start:])


def library_of(name: str) -> str:
    """Return what a native file is called in the table."""
    return next((known for part, known in LIBRARIES.items() if part in name), Path(name).name)
