"""One run from start to report: the side of a Locust process that judges, the master or the only one."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent

from onebar_loadtest import options
from onebar_loadtest.backend import Backend
from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.record import Record
from onebar_loadtest.report import Report, ServerSample, write
from onebar_loadtest.settings import Settings
from onebar_loadtest.shapes import SERVER_FAULTS, shape
from onebar_loadtest.thresholds import DEFAULT, Limit, load

MESSAGE: Final = "onebar record"
"""The name of a worker's message with its record."""

STOP: Final = "onebar stop"
"""The name of the master's message that asks workers for their last record."""

TAKE_S: Final = 1.0
"""How often records are taken over."""

LAST_RECORDS_S: Final = 60.0
"""Beyond the settling time, workers get this long for their last record."""


class Run:
    """What is known of a run, until it is judged."""

    def __init__(
        self, settings: Settings, limits: list[Limit], backend: Backend | None, say: Callable[[str], None]
    ) -> None:
        """Begin.

        Args:
            settings: What it is like.
            limits: What it is judged by.
            backend: The server, if it is ours.
            say: Tells people what happens.
        """
        self.settings, self.limits, self.backend = settings, limits, backend
        self.record = Record()
        self.final: set[str] = set()
        """The processes whose last record is there."""
        self.faults: list[tuple[str, float, float]] = []
        """What happened: (what, from, until), in seconds since 1970."""
        self.measured_s = 0.0
        """Since when times count, in seconds since 1970: the first process has all its phones; 0 before."""
        self.ended_s = math.inf
        """Since when the phones only settle, in seconds since 1970."""
        self.server: dict[int, ServerSample] = {}
        """What the server took, by seconds since 1970."""
        self._say = say
        self._began_s = time.time()
        self._greenlets = [gevent.spawn(self._watch_server)] if backend else []

    def schedule(self, strike: Callable[[], None]) -> None:
        """Let the faults of the shape happen from now on that are not the phones' own, and note all of them.

        Args:
            strike: Cuts all links, where there is no server of ours to kill.
        """
        run_s = self.settings.run_s
        self.measured_s = time.time()
        for fault in shape(self.settings.shape).faults:
            if fault.kind in SERVER_FAULTS:
                self._greenlets.append(gevent.spawn_later(fault.at * run_s, self._break_server, fault.kind, strike))
            else:
                at_s = time.time() + fault.at * run_s
                self.faults.append((fault.kind, at_s, at_s + fault.lasts * run_s))

    def finish(self, folder: Path, phones: int, locust: dict[str, Any]) -> Report:
        """Judge the run and write the report; return it."""
        gevent.killall(self._greenlets)
        report = Report(
            settings=options.shown(self.settings),
            record=self.record,
            limits=self.limits,
            server=self.server,
            faults=[fault for fault in self.faults if fault[1] < time.time()],
            began_s=self._began_s,
            measured_s=self.measured_s,
            ended_s=self.ended_s,
            phones=phones,
            locust=locust,
        )
        write(report, folder)
        return report

    def _break_server(self, kind: str, strike: Callable[[], None]) -> None:
        at_s = time.time()
        self._say(f"{kind}: the server goes down")
        if self.backend is None:
            strike()
        elif kind == "storm":
            self.backend.crash()
        else:
            self.backend.restart()
        self.faults.append((kind, at_s, time.time()))
        self._say(f"{kind}: the server is back after {time.time() - at_s:.1f} s")

    def _watch_server(self) -> None:
        assert self.backend is not None
        before_s, pid, cpu_s = time.monotonic(), self.backend.pid, (self.backend.sample() or (0.0,))[0]
        while True:
            gevent.sleep(1 - time.time() % 1)
            now_s = time.monotonic()
            sample = self.backend.sample()
            if sample is None:
                continue
            if self.backend.pid != pid:
                pid, cpu_s = self.backend.pid, 0.0
            used = (sample[0] - cpu_s) / (now_s - before_s)
            before_s, cpu_s = now_s, sample[0]
            self.server[int(time.time()) - 1] = ServerSample(cpu=max(0.0, used), memory_mb=sample[1])


class Judge:
    """Locust's side of all runs of a process that judges: makes each run, and takes over what the phones tell."""

    def __init__(self, environment: Any, say: Callable[[str], None]) -> None:
        """Prepare; the options are those of `onebar_loadtest.options`.

        Raises:
            ThresholdsError: The limits cannot be read.
            BackendError: The backend does not start.
        """
        chosen = environment.parsed_options
        self.limits = load(Path(chosen.thresholds) if chosen.thresholds else DEFAULT)
        self.backend = (
            Backend(None if chosen.backend_cpu < 0 else chosen.backend_cpu, gevent.sleep, rated=not chosen.crowd)
            if chosen.backend
            else None
        )
        self.run: Run | None = None
        self.report: Report | None = None
        self._environment, self._say = environment, say

    def begin(self, settings: Settings) -> Run:
        """Begin a run."""
        self.run = Run(settings, self.limits, self.backend, self._say)
        return self.run

    def hear(self, data: dict[str, Any]) -> None:
        """Take over a worker's record."""
        if self.run is not None:
            self.run.record.merge(Record.from_data(data["record"]))
            if data["final"]:
                self.run.final.add(data["process"])

    def await_workers(self, settle_s: float) -> None:
        """Wait for the last record of every worker that sent any."""
        assert self.run is not None
        ends_s = time.monotonic() + settle_s + LAST_RECORDS_S
        while set(self.run.record.tallies) - self.run.final and time.monotonic() < ends_s:
            gevent.sleep(0.1)

    def close(self) -> None:
        """Stop the backend."""
        if self.backend is not None:
            self.backend.close()
            self.backend = None


def take_over(run: Run, process: PhonesProcess) -> None:
    """Take over what the phones of this very process tell, once a second, until killed."""
    while True:
        gevent.sleep(TAKE_S)
        run.record.merge(process.take_record())
