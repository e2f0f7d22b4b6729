"""A backend of our own: started, restarted, killed, and measured by the run."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

PROGRAM: Final = ("-m", "onebar_mockserver")
"""What this interpreter runs."""

START_S: Final = 20.0
"""Longest wait until it listens."""

STOP_S: Final = 15.0
"""Longest wait until it has stopped: its goodbye takes 4 s."""

LOOK_S: Final = 0.02
"""Pause between two looks whether it has started or stopped."""


class BackendError(Exception):
    """The backend does not do what it should; the text says what."""


class Backend:
    """`onebar-mockserver` in a process and a folder of its own."""

    def __init__(
        self, cpu: int | None = None, pause: Callable[[float], None] = time.sleep, *, rated: bool = True
    ) -> None:
        """Start it.

        Args:
            cpu: The CPU on which alone it may run; None for any.
            pause: Waits so many seconds; in Locust, gevent's.
            rated: Whether it limits anything by rate; a light device says more than a person may.

        Raises:
            BackendError: It does not start.
        """
        self.restarts = 0
        self._cpu, self._pause, self._rated = cpu, pause, rated
        self._folder = tempfile.TemporaryDirectory(prefix="onebar-loadtest-")
        self._data = Path(self._folder.name)
        self._port = 0
        try:
            self._process = self._start()
        except BackendError:
            self._folder.cleanup()
            raise
        self._measured = psutil.Process(self._process.pid)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process's number; another one after a restart."""
        return self._process.pid

    def restart(self) -> None:
        """Stop it as an operator does, so that it says goodbye, and start it again.

        Raises:
            BackendError: It does not stop, or not start.
        """
        self._again(signal.SIGTERM)

    def crash(self) -> None:
        """Kill it without a word, and start it again.

        Raises:
            BackendError: It does not start.
        """
        self._again(signal.SIGKILL)

    def sample(self) -> tuple[float, float] | None:
        """Return the CPU time in seconds and the resident memory in MB; None while it is down."""
        try:
            with self._measured.oneshot():
                times = self._measured.cpu_times()
                return float(times.user + times.system), float(self._measured.memory_info().rss) / 1e6
        except psutil.Error:
            return None

    def close(self) -> None:
        """Stop it and remove its data."""
        if self._process.poll() is None:
            self._process.terminate()
            self._wait_for_end(self._process)
        _let_go(self._process)
        self._folder.cleanup()

    def _again(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._wait_for_end(self._process)
        _let_go(self._process)
        self._process = self._start()
        self._measured = psutil.Process(self._process.pid)
        self.restarts += 1

    def _start(self) -> subprocess.Popen[bytes]:
        log = self._data / "backend.log"
        command = [
            sys.executable,
            *PROGRAM,
            "--port",
            str(self._port),
            "--data",
            str(self._data / "db"),
            "--while-stdin",  # even if this process is killed, none of its backends stays behind
        ]
        environment = os.environ if self._rated else {**os.environ, "ONEBAR_RATED": "false"}
        with log.open("wb") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True, env=environment
            )
        if self._cpu is not None:
            os.sched_setaffinity(process.pid, {self._cpu})
        ends_s = time.monotonic() + START_S
        while b"listening on" not in (words := log.read_bytes()):
            if process.poll() is not None or time.monotonic() > ends_s:
                process.kill()
                _let_go(process)
                raise BackendError(f"the backend did not start: {words.decode(errors='replace').strip()[-500:]}")
            self._pause(LOOK_S)
        self._port = int(words.split(b"http://127.0.0.1:")[1].split(b",")[0])
        return process

    def _wait_for_end(self, process: subprocess.Popen[bytes]) -> None:
        ends_s = time.monotonic() + STOP_S
        while process.poll() is None:
            if time.monotonic() > ends_s:
                process.kill()
                process.wait()
                raise BackendError(f"the backend did not stop within STOP_S = {STOP_S:.0f} s, and was killed")
            self._pause(LOOK_S)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that a backend which has ended was held by."""
    assert process.stdin is not None
    process.stdin.close()
