"""Operating-system processes that can be killed and started again, each in a process group of its own."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The project: where `python -m tests.chaos.phone` finds its module."""

LINE_BYTES_MAX: Final = 1 << 20
"""Longest line of a child: a text of 4,096 bytes with every character escaped is 25 kB."""

STOP_S: Final = 10.0
"""How long a process may take to end cleanly before it is killed."""

STDERR_CHARS: Final = 1500
"""How much of its last standard error a complaint quotes."""


class Child:
    """One process under its name, whichever run of it is alive."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        on_line: Callable[[str], None],
        on_trouble: Callable[[str], None],
        within: Callable[..., list[str]] = lambda *words: [*words],
    ) -> None:
        """Describe `python -m module arguments`, or what `within` makes of it.

        `on_line` gets every line of its standard output; `on_trouble` hears when a run ends by itself.
        """
        self.name = name
        self.starts = 0
        self.running = asyncio.Event()
        self._command = within(sys.executable, "-m", module, *arguments)
        self._stderr_path = folder / f"{name}.stderr"
        self._on_line = on_line
        self._on_trouble = on_trouble
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._end_expected = False

    async def start(self) -> None:
        """Start a run; returns as soon as the process exists."""
        self._end_expected = False
        with self._stderr_path.open("ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                limit=LINE_BYTES_MAX,
                start_new_session=True,
            )
        self.starts += 1
        self.running.set()
        self._watch = asyncio.create_task(self._read(self._process))

    @property
    def pid(self) -> int:
        """The process id of the run that is alive, or was last."""
        assert self._process is not None
        return self._process.pid

    def tell(self, line: str) -> None:
        """Write a line to its standard input; what a dead process does not read is lost, as it should be."""
        if self._process is not None and self._process.stdin is not None and self.running.is_set():
            self._process.stdin.write(line.encode() + b"\n")

    async def kill(self) -> None:
        """End it by SIGKILL, and take what it had already written."""
        await self._end(lambda process: os.killpg(process.pid, signal.SIGKILL))

    async def stop(self, *, by_signal: bool) -> int:
        """End it by SIGTERM, or the end of its standard input; return its exit code (-9: it would not)."""

        def ask(process: asyncio.subprocess.Process) -> None:
            if by_signal:
                process.terminate()
            elif process.stdin is not None:
                process.stdin.close()

        try:
            await asyncio.wait_for(self._end(ask), STOP_S)
        except TimeoutError:
            await self.kill()
        return self._process.returncode if self._process and self._process.returncode is not None else 0

    async def _end(self, ask: Callable[[asyncio.subprocess.Process], None]) -> None:
        self._end_expected = True
        self.running.clear()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                ask(self._process)
        if self._watch is not None:
            await asyncio.shield(self._watch)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand over its lines until it has ended; the last one may be torn."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if line.endswith(b"\n"):
                self._on_line(line.decode(errors="replace"))
        code = await process.wait()
        self.running.clear()
        if not self._end_expected:
            quoted = self._stderr_path.read_text(errors="replace")[-STDERR_CHARS:]
            self._on_trouble(f"{self.name} ended by itself with exit code {code}\n{quoted}")
