"""What happens in Locust's events: `install()` in a locustfile makes a run of phones of any Locust run.

LOCUST_SKIP_MONKEY_PATCH=1 locust -f locustfile.py --host https://chat.example.org
"""

import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import gevent
import locust
from gevent import monkey
from locust import LoadTestShape
from locust.runners import MasterRunner, WorkerRunner

from onebar_loadtest import metrics, options, rows
from onebar_loadtest.backend import BackendError
from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.record import Record
from onebar_loadtest.replay import LogError
from onebar_loadtest.report import AGREES_PCT
from onebar_loadtest.rogues import rogue_classes
from onebar_loadtest.rows import Histogram
from onebar_loadtest.run import MESSAGE, STOP, TAKE_S, Judge, take_over
from onebar_loadtest.shapes import Shape, shape
from onebar_loadtest.thresholds import Outcome, ThresholdsError

UNPATCHED: Final = "LOCUST_SKIP_MONKEY_PATCH=1"
"""What must be in the environment before Locust is imported: patched, asyncio cannot even resolve a name."""

SPAWN_RATE: Final = 50.0
"""Users a second of a shape: registering one takes about 15 ms of CPU."""

_PHONE: Final = "phone"  # the type of all rows in Locust's tables


class _Curve(LoadTestShape):
    """The curve of a shape, for Locust."""

    use_common_options = True
    abstract = True

    def __init__(self, curve: Shape, users: int, run_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._curve, self._users, self._run_s = curve, users, run_s

    def tick(self) -> tuple[int, float] | None:
        share = (time.perf_counter() - self.start_time) / self._run_s
        return None if share >= 1 else (max(1, round(self._users * self._curve.users_at(share))), SPAWN_RATE)


class Onebar:
    """One process of Locust: it has phones, or judges, or both."""

    def __init__(self, environment: Any) -> None:
        """Prepare what lasts longer than a run.

        Raises:
            ValueError: A setting is wrong.
            ThresholdsError: The limits cannot be read.
            BackendError: The backend does not start.
        """
        self.environment, self.runner = environment, environment.runner
        self.process: PhonesProcess | None = None
        self.judge: Judge | None = None
        self._greenlets: list[gevent.Greenlet[..., Any]] = []
        self._metrics: Any = None
        chosen = environment.parsed_options
        settings = options.settings(chosen)
        settings.check()
        environment.user_classes += rogue_classes(chosen.rogues)
        if isinstance(self.runner, WorkerRunner):
            self.runner.register_message(STOP, lambda **_: self.runner.stop(), concurrent=True)
            return
        chosen.run_s = settings.run_s  # which workers are not told by themselves
        self.judge = Judge(environment, say)
        if self.judge.backend is not None:
            environment.host = self.judge.backend.url
        if shape(settings.shape).curve:
            environment.shape_class = _Curve(shape(settings.shape), chosen.num_users or 1, settings.run_s)
        if isinstance(self.runner, MasterRunner):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # gevent's fork would reap workers that Locust waits for
            self.runner.register_message(MESSAGE, self._heard)
        if chosen.metrics_port:
            self._metrics = metrics.serve(chosen.metrics_port, self._record)

    def _record(self) -> Record | None:
        return None if self.judge is None or self.judge.run is None else self.judge.run.record

    def _heard(self, msg: Any, **_: Any) -> None:
        if self.judge is not None:
            self.judge.hear(msg.data)
            if msg.data["measuring"]:
                self._measuring()

    def start(self) -> None:
        """Begin a run."""
        settings = options.settings(self.environment.parsed_options)
        if not isinstance(self.runner, MasterRunner):
            index = getattr(self.runner, "worker_index", 0)
            name = f"worker {index}" if isinstance(self.runner, WorkerRunner) else "local"
            self.process = PhonesProcess(settings, self.environment.host or "", name, index, self._request)
        if self.judge is not None:
            run = self.judge.begin(settings)
            if self.process is not None:
                self._greenlets = [gevent.spawn(take_over, run, self.process)]
            if shape(settings.shape).curve:
                run.schedule(self._cut_links)
        else:
            self._greenlets = [gevent.spawn(self._tell_master)]

    def spawned(self) -> None:
        """All users run: measure as soon as their phones are there."""
        if self.process is not None:
            self.process.everybody_is_there(self._measuring)

    def stopping(self) -> None:
        """Users that end from now on leave their phones on."""
        if self.process is not None:
            self.process.stopping = True

    def stop(self) -> None:
        """Let the last messages arrive, account for all, and judge."""
        process, self.process = self.process, None
        gevent.killall(self._greenlets)
        if self.judge is not None and self.judge.run is not None:
            self.judge.run.ended_s = time.time()
        if process is not None:
            last = process.settle()
            if self.judge is None:
                self._tell(process, last, final=True)
            elif self.judge.run is not None:
                self.judge.run.record.merge(last)
        told = process.bridge if process is not None else None
        if process is not None:
            process.close()
        if self.judge is not None and self.judge.run is not None:
            settings = self.judge.run.settings
            if isinstance(self.runner, MasterRunner):
                self.runner.send_message(STOP)  # a master that quits tells its workers only when all this is over
                self.judge.await_workers(settings.settle_s)
            cost = {} if told is None or not told.told else {"us_per_event": round(told.telling_s / told.told * 1e6, 1)}
            self._judged(cost)

    def quit(self) -> None:
        """End: stop the run that may be under way, and set the exit code."""
        if self.process is not None or (self.judge is not None and self.judge.run is not None):
            self.runner.stop()
        if self.judge is not None:
            report = self.judge.report
            code = Outcome.FAILED if report is None else report.verdict.outcome
            self.environment.process_exit_code = code.value
            self.judge.close()
        if self._metrics is not None:
            self._metrics.shutdown()
            self._metrics.server_close()

    def last_words(self) -> None:
        """Say what came of the last run, below all that Locust says."""
        if self.judge is not None and self.judge.report is not None:
            say(self.judge.report.text())

    def _judged(self, cost: dict[str, Any]) -> None:
        assert self.judge is not None
        assert self.judge.run is not None
        run, self.judge.run = self.judge.run, None
        folder = Path(self.environment.parsed_options.report)
        users = run.record.seconds.values()
        phones = max((sample.phones for sample in users), default=0)
        if not isinstance(self.runner, MasterRunner):  # which has its workers' last samples only when all is over
            cost |= _agreement(self.environment.stats, run.record.rows.get(rows.END_TO_END))
        self.judge.report = run.finish(folder, phones, cost)

    def _measuring(self) -> None:
        run = None if self.judge is None else self.judge.run
        if run is not None and not run.measured_s:
            run.schedule(self._cut_links)

    def _cut_links(self) -> None:
        if self.process is not None:
            self.process.bridge.call(self.process.fleet.cut_links)

    def _request(self, row: str, took_s: float) -> None:
        self.environment.events.request.fire(
            request_type=_PHONE,
            name=row,
            response_time=took_s * 1000,
            response_length=0,
            exception=None,
            context={},
        )

    def _tell_master(self) -> None:
        while True:
            gevent.sleep(TAKE_S)
            if self.process is not None:
                self._tell(self.process, self.process.take_record(), final=False)

    def _tell(self, process: PhonesProcess, record: Record, *, final: bool) -> None:
        said = {"process": process.name, "record": record.to_data(), "final": final, "measuring": process.measuring}
        self.runner.send_message(MESSAGE, said)


def _agreement(stats: Any, ours: Histogram | None) -> dict[str, Any]:
    """Compare Locust's percentiles of one row with those that were taken on the phones' loop.

    Where few messages took long the two may choose neighbours: what lies between the percentiles beside is the same.
    """
    entry = stats.entries.get((rows.END_TO_END, _PHONE))
    if entry is None or not ours:
        return {}
    shown: dict[str, Any] = {}
    worst = 0.0
    for percent in (50, 95, 99):
        theirs_ms = float(entry.get_response_time_percentile(percent / 100))
        below_ms, own_ms, above_ms = (ours.percentile_s(percent + beside) * 1000 for beside in (-1, 0, 1))
        shown[f"p{percent}_ms_locust_and_loop"] = [theirs_ms, round(own_ms, 1)]
        worst = max(worst, abs(theirs_ms - min(max(theirs_ms, below_ms), above_ms)) / max(own_ms, 1.0))
    return {**shown, "differs_by_pct": round(worst * 100, 1), "agrees": worst * 100 <= AGREES_PCT}


def say(text: str) -> None:
    """Tell people something, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def install() -> None:
    """Make a run of phones of every run of this locustfile; call it once, at the top.

    Raises:
        SystemExit: Locust was started without LOCUST_SKIP_MONKEY_PATCH=1.
    """
    if monkey.is_module_patched("socket"):
        sys.exit(f"onebar_loadtest runs asyncio beside Locust: start it with {UNPATCHED} in the environment")
    monkey.patch_time()  # Locust's master waits with time.sleep, and its hub must go on meanwhile
    events: Any = locust.events  # whose methods have no types
    events.init_command_line_parser.add_listener(options.add)
    events.init.add_listener(_init)
    events.test_start.add_listener(lambda environment, **_: environment.onebar.start())
    events.test_stopping.add_listener(lambda environment, **_: environment.onebar.stopping())
    events.test_stop.add_listener(lambda environment, **_: environment.onebar.stop())


def _init(environment: Any, **_: Any) -> None:
    try:
        environment.onebar = Onebar(environment)
    except (ValueError, LogError, ThresholdsError, BackendError) as error:
        sys.exit(f"loadtest: {error}")
    # The one event that does not say of which environment it is.
    environment.events.spawning_complete.add_listener(lambda **_: environment.onebar.spawned())
    environment.events.quitting.add_listener(lambda **_: environment.onebar.quit())
    environment.events.quit.add_listener(lambda **_: environment.onebar.last_words())
