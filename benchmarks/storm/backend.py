"""The backend as an operator runs it: `onebar-mockserver` in a process of its own, stopped, killed, started again."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.measured_server import SERVER_CPU, MeasuredServer
from benchmarks.report import ROOT, BenchError
from onebar_mockserver.tls import CertificateFiles

START_S: Final = 30.0
"""Longest start: a busy machine imports slowly, and thousands of rows may wait in the database's log."""

STOP_S: Final = 60.0
"""Longest end after SIGTERM."""


class Backend:
    """One data folder on one port; `process` changes with every start."""

    def __init__(self, data: Path, port: int, *, pin: bool, tls: CertificateFiles | None = None) -> None:
        self.data = data
        self.port = port
        self._command = ["env", "ONEBAR_RATED=false", sys.executable, "-m", "onebar_mockserver"]
        self._command += ["--port", str(port), "--data", str(data)]
        if tls is not None:
            self._command += ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])]
        self._pin = pin
        self._process: subprocess.Popen[bytes] | None = None
        self._spent_s = 0.0
        self._seen_s = 0.0

    @property
    def measured(self) -> MeasuredServer | None:
        """The running process, if there is one."""
        if self._process is None or self._process.poll() is not None:
            return None
        return MeasuredServer(self.port, self._process.pid)

    def cpu_s(self) -> float:
        """Return the CPU time of all its processes; of one that has ended, what the last look saw."""
        running = self.measured
        if running is not None:
            with contextlib.suppress(OSError):  # it has just ended
                self._seen_s = running.cpu_s()
        return self._spent_s + self._seen_s

    async def start(self) -> None:
        """Start, and wait until it listens.

        Raises:
            BenchError: It does not.
        """
        await asyncio.to_thread(self._start)

    async def replace(self, pause_s: float) -> float:
        """Wait for its end, and start it again after a pause; return the moment at which it listens, monotonic.

        A thread does so, as an operator's own service would: the phones' loop may be late by seconds.

        Raises:
            BenchError: It does not end, or does not listen.
        """
        return await asyncio.to_thread(self._replace, pause_s)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP holds it still, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    async def close(self) -> None:
        """End it if it runs."""
        if self.measured is not None:
            self.signal(signal.SIGKILL)
            await asyncio.to_thread(self._ended)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def _replace(self, pause_s: float) -> float:
        self._ended()
        time.sleep(pause_s)
        self._start()
        return time.monotonic()

    def _start(self) -> None:
        self._spent_s, self._seen_s = self.cpu_s(), 0.0
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE)
        if self._pin:
            os.sched_setaffinity(self._process.pid, {SERVER_CPU})
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        if not ready:
            raise BenchError(f"the server did not listen within {START_S:.0f} s")
        if not self._process.stdout.readline():
            raise BenchError("the server did not start")

    def _ended(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"the server did not end within {STOP_S:.0f} s") from error
