import json
from pathlib import Path

from onebar_loadtest import rows
from onebar_loadtest.accounting import Tally
from onebar_loadtest.options import shown
from onebar_loadtest.record import Record
from onebar_loadtest.report import Report, ServerSample, write
from onebar_loadtest.settings import Settings
from onebar_loadtest.thresholds import load


def report(lost: int = 0) -> Report:
    unlucky = Tally(sent=2, delivered=2 - lost, lost=lost)
    record = Record(tallies={"worker 0": Tally(sent=5, accepted=5, delivered=5), "worker 1": unlucky})
    record.row(rows.LOOP_LAG).add(0.004)
    record.row(rows.END_TO_END).add(0.25)
    for at_s in range(100, 130):
        sample = record.second(at_s)
        sample.phones, sample.online, sample.delivered = 10, 9, 1
        sample.end_to_end.add(0.25)
    server = {at_s: ServerSample(0.5, 80.0) for at_s in range(105, 130)}
    return Report(shown(Settings(seed=42)), record, load(), server, [("storm", 110.0, 114.0)], 100.0, 104.0, 10)


def test_the_last_line_has_the_keys_that_other_tools_read() -> None:
    text = report().text()
    assert text.splitlines()[-1] == (
        "loadtest: phones=10 sent=7 delivered=7 lost=0 duplicated=0 reordered=0 lag_p99_ms=4.0 p95_ms=250"
    )
    assert "passed: every message" in text


def test_a_loss_is_in_every_form_of_the_report(tmp_path: Path) -> None:
    bad = report(lost=2)
    write(bad, tmp_path / "reports")
    known = json.loads((tmp_path / "reports" / "loadtest.json").read_text())
    assert (known["outcome"], known["accounting"]["lost"], known["processes"]["worker 1"]["lost"]) == ("failed", 2, 2)
    assert known["settings"]["seed"] == 42
    assert known["faults"] == [["storm", 110.0, 114.0]]
    assert len(known["seconds"]) == 30
    assert "server_cpu" not in known["seconds"][0]
    assert known["seconds"][9]["server_cpu"] == 0.5
    page = (tmp_path / "reports" / "loadtest.html").read_text()
    assert "messages lost is 2, the limit is 0" in page
    assert "FAILED: see above" in bad.text()


def test_a_knee_is_looked_for_only_while_people_talk() -> None:
    seconds = Record()
    for at_s in range(130):
        sample = seconds.second(at_s)
        sample.phones, sample.delivered = 2 + 2 * (at_s // 10), 1
        sample.end_to_end.add(30.0 if at_s < 10 or at_s >= 120 else 0.25)
    settings = shown(Settings(shape="ramp"))
    found = Report(settings, seconds, load(), measured_s=10.0, ended_s=120.0).knee
    assert found is not None
    assert (found.phones, found.bends) == (24, False)
    assert report().knee is None
