"""A run from start to report, with a server that only pretends."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event

from onebar_loadtest.accounting import Tally
from onebar_loadtest.record import Record
from onebar_loadtest.run import Judge, Run
from onebar_loadtest.settings import Settings
from onebar_loadtest.thresholds import Outcome, load
from tests.loadtest.hub import until


class PretendedBackend:
    def __init__(self) -> None:
        self.pid, self.acts, self.cpu_s = 7, list[str](), 0.0

    def sample(self) -> tuple[float, float] | None:
        self.cpu_s += 0.25
        return self.cpu_s, 80.0

    def restart(self) -> None:
        self.acts.append("restart")

    def crash(self) -> None:
        self.acts.append("crash")
        self.pid, self.cpu_s = 8, 0.0


@pytest.mark.parametrize(("shape", "act"), [("restart", "restart"), ("storm", "crash")])
def test_faults_of_the_server_happen_and_are_noted(shape: str, act: str, tmp_path: Path) -> None:
    backend, said = PretendedBackend(), list[str]()
    run = Run(replace(Settings(), shape=shape, run_s=0.1), load(), backend, said.append)  # type: ignore[arg-type]
    run.schedule(lambda: pytest.fail("the links of a server of ours are not cut one by one"))
    until(lambda: run.faults)
    until(lambda: run.server)
    run.record.tallies["here"] = Tally(sent=1, delivered=1)
    report = run.finish(tmp_path, 3, {"us_per_event": 6.0})
    assert backend.acts == [act]
    assert report.verdict.outcome is Outcome.PASSED
    assert [fault[0] for fault in report.faults] == [shape]
    assert "is back after" in said[-1]
    known = json.loads((tmp_path / "loadtest.json").read_text())
    assert known["locust"] == {"us_per_event": 6.0}


def test_without_a_server_of_ours_a_storm_cuts_the_links() -> None:
    cut = Event()
    run = Run(replace(Settings(), shape="storm", run_s=0.1), load(), None, lambda text: None)
    run.schedule(cut.set)
    assert cut.wait(10)


ENVIRONMENT = SimpleNamespace(parsed_options=SimpleNamespace(thresholds="", backend=False, backend_cpu=-1))


def test_a_judge_waits_for_the_last_record_of_each_worker() -> None:
    judge = Judge(ENVIRONMENT, lambda text: None)
    judge.hear({"process": "worker 0", "record": Record().to_data(), "final": True})  # of an earlier run
    run = judge.begin(Settings(settle_s=5.0))

    def tell(process: str, *, final: bool) -> None:
        record = Record(tallies={process: Tally(sent=2, delivered=2)})
        judge.hear({"process": process, "record": record.to_data(), "final": final})

    tell("worker 0", final=False)
    tell("worker 1", final=True)
    waiting = gevent.spawn(judge.await_workers, 5.0)
    gevent.sleep(0)
    assert not waiting.ready()
    tell("worker 0", final=True)
    waiting.join(10)
    assert waiting.successful()
    assert run.record.tally() == Tally(sent=4, delivered=4)
    judge.close()
