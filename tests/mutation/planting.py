"""Runs tests against a module with one change, in a forked process; no file is touched."""

import ast
import importlib.util
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

import hypothesis
import pytest

from tests.mutation.changes import changes, make

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests" / "sdk" / "crypto"

MEMORY_BYTES_MAX: Final = 4 << 30
"""Address space of a run, so that a loop without an end cannot take the machine's memory."""

POLL_S: Final = 0.01
"""How often runs are looked after."""

PASSED: Final = 0
"""Exit code of pytest when no test failed."""


OPTIONS: Final = (
    *("-q", "--no-header", "--confcutdir", str(TESTS), "-W", "ignore", "-o", "timeout=0"),
    *("-p", "no:cacheprovider", "-p", "no:xdist"),
)
"""How pytest is called: without settings above, cache, workers and clocks of its own."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    module: str
    number: int
    name: str
    """The module and what `Change.name` says."""
    line: int


@dataclass(frozen=True, slots=True)
class Run:
    """What the tests said."""

    mutant: Mutant | None
    survived: bool
    timed_out: bool
    took_s: float


def source_of(module: str) -> Path:
    """Return the file of a module of `onebar.crypto`."""
    return ROOT / "sdk" / "onebar" / "crypto" / f"{module}.py"


def mutants_of(module: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its text."""
    tree = ast.parse(source_of(module).read_text(encoding="utf-8"))
    return [
        Mutant(module, number, f"{module}.{change.name}", change.line) for number, change in enumerate(changes(tree))
    ]


class _Finder(MetaPathFinder, Loader):
    """Loads one module with its change; all others are left to the next finder."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, self._path = f"onebar.crypto.{mutant.module}", source_of(mutant.module)
        tree = ast.parse(self._path.read_text(encoding="utf-8"))
        make(tree, changes(tree)[mutant.number])
        self._tree = tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, str(self._path), "exec"), module.__dict__)


def warm_up() -> None:
    """Import what the tests import of others, once for all forks; what is ours is forgotten again."""
    nothing = io.StringIO()
    with redirect_stdout(nothing), redirect_stderr(nothing):
        pytest.main([*OPTIONS, "--collect-only", "--continue-on-collection-errors", str(TESTS)])
    for name in [name for name in sys.modules if name.startswith(("onebar", "tests.sdk"))]:
        del sys.modules[name]


def start(mutant: Mutant | None, tests: Sequence[str]) -> int:
    """Fork a process that runs these test modules, with a mutant or without; return its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = _in_child(mutant, tests)
    finally:
        os._exit(code)


def _in_child(mutant: Mutant | None, tests: Sequence[str]) -> int:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    settings = hypothesis.settings(
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # a failure is enough: none is made smaller
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.register_profile("mutation", settings)
    hypothesis.settings.load_profile("mutation")
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(mutant))
    paths = [str(TESTS / f"test_{name}.py") for name in tests]
    return int(pytest.main([*OPTIONS, "-x", *paths]))


def run_all(jobs: Sequence[tuple[Mutant | None, Sequence[str], float]], workers: int) -> Iterator[Run]:
    """Run all jobs (mutant, tests, time-out in seconds), so many at once; yield each as it ends."""
    waiting, running = list(reversed(jobs)), dict[int, tuple[Mutant | None, float, float]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                mutant, tests, timeout_s = waiting.pop()
                running[start(mutant, tests)] = (mutant, time.monotonic(), timeout_s)
            for pid, (mutant, began_s, timeout_s) in list(running.items()):
                ended = ended_with(pid)
                took_s = time.monotonic() - began_s
                if ended is None and took_s < timeout_s:
                    continue
                if ended is None:
                    stop(pid)
                del running[pid]
                yield Run(mutant, ended == PASSED, ended is None, took_s)
            time.sleep(POLL_S)
    finally:
        for pid in running:
            stop(pid)


def ended_with(pid: int) -> int | None:
    """Return the exit code of a process of ours, None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def stop(pid: int) -> None:
    """End a process of ours."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
