import json
from pathlib import Path

import pytest
from benchmarks.goals import Goal, Verdict
from benchmarks.report import BenchError, Report

from benchmarks import report as module

GOALS = {"ack": Goal("bench-test", "ack", 12), "tick": Goal("bench-test", "tick", 20, "names are long", 25)}


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr(module, "goal_of", lambda _bench, key: GOALS.get(key))
    return Report("bench-test", "A test", ("ack", "tick"))


def test_met_goals_end_with_zero_a_line_and_a_file(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.say("measuring")
    report.add("ack", "an ack", 12, "B")
    report.add("tick", "a tick", 20, "B", "beside it")
    report.add("speed", "no goal", 1.25, "/s")
    assert report.finish(tmp_path) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "bench-test: ack=12 tick=20"
    assert "measuring" in said
    assert "tick is met; its excuse was not needed" in said
    known = json.loads((tmp_path / "bench-test.json").read_text())
    assert known["figures"] == {"ack": 12, "tick": 20, "speed": 1.25}
    assert [goal["verdict"] for goal in known["goals"]] == ["met", "met"]


def test_an_excused_miss_is_told_and_ends_with_zero(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.add("ack", "an ack", 11, "B")
    report.add("tick", "a tick", 25, "B")
    assert report.finish(tmp_path) == 0
    assert report.verdicts()["tick"] is Verdict.EXCUSED
    assert "tick is missed, excused up to 25: names are long" in capsys.readouterr().out


@pytest.mark.parametrize(("ack", "tick"), [(13, 20), (12, 26)])
def test_a_miss_ends_with_one(report: Report, tmp_path: Path, ack: float, tick: float) -> None:
    report.add("ack", "an ack", ack, "B")
    report.add("tick", "a tick", tick, "B")
    assert report.finish(tmp_path) == 1


def test_a_bench_that_cannot_measure_ends_with_one(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.fail(BenchError("a message was lost")) == 1
    assert "bench-test failed: a message was lost" in capsys.readouterr().out
