import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.report import BenchError
from benchmarks.weak import __main__ as module
from benchmarks.weak.__main__ import OWN, PEERS, Plan, WeakReport, add_figures, chosen, present, weathers
from benchmarks.weak.peers import USERS_MAX
from benchmarks.weak.verdict import Row
from benchmarks.weak.weathers import NAMES


def row(peer: str, case: str, p95_s: float, recovery_s: float = math.nan, lost: int = 0) -> Row:
    return Row(case, peer, 100, lost, 0, 0, 0.1, p95_s, p95_s, recovery_s, 5000, 5000, 1)


ROWS = [
    row(OWN, "edge", 1.0),
    row("mqtt", "edge", 2.0),
    row(OWN, "half-open", 9.0, 8.5),
    row("mqtt", "half-open", 5.0, 4.0, lost=2),
]


@pytest.fixture
def report() -> WeakReport:
    return WeakReport("bench-weak", "Weak networks", ("profiles", "first_in", "lost", "duplicated", "reordered"))


def test_nothing_said_chooses_all_and_what_is_unknown_is_told() -> None:
    assert chosen(["a", "b"], "") == ["a", "b"]
    assert chosen(["a", "b"], " b,") == ["b"]
    with pytest.raises(BenchError, match="no c; there are: a, b"):
        chosen(["a", "b"], "b,c")


def test_full_is_more_of_the_same() -> None:
    quick, full = Plan.of({"FULL": ""}), Plan.of({"FULL": "1", "SEED": "9"})
    assert (quick.rounds, quick.texts, quick.seed) == (2, 100, 1)
    assert (full.rounds, full.texts, full.seed) == (3, 200, 9)
    assert (quick.photos, quick.name) == (0, "bench-weak")
    with_photos = Plan.of({"PHOTOS": "2"})
    assert (with_photos.photos, with_photos.name) == (2, "bench-weak-photos")


def test_every_conversation_has_accounts_of_its_own() -> None:
    most = Plan.of({"FULL": "1"}).rounds * len(NAMES) * 2
    assert most <= USERS_MAX


def test_the_figures_are_those_of_onebar_alone(report: WeakReport) -> None:
    add_figures(report, ROWS)
    found = {figure.key: figure.value for figure in report.figures}
    assert found["profiles"] == 2
    assert (found["first_in"], found["behind_in"]) == (1, 1)
    assert (found["lost"], found["duplicated"], found["reordered"]) == (0, 0, 0)
    assert found["half_open_recovery_s"] == 8.5
    assert "edge_recovery_s" not in found
    assert found["bytes_ratio"] == 1
    assert report.last_line() == "bench-weak: profiles=2 first_in=1 lost=0 duplicated=0 reordered=0"


def test_photos_are_figures_where_there_are_some(report: WeakReport) -> None:
    add_figures(report, [replace(each, photos=4, photos_lost=each.lost, photo_p95_s=3.0) for each in ROWS])
    found = {figure.key: figure.value for figure in report.figures}
    assert found["photos_lost"] == 0


def test_the_json_file_holds_no_infinity(report: WeakReport) -> None:
    report.rows = [row("mqtt", "tunnel", math.inf)]
    kept = json.loads(json.dumps(report.known(), allow_nan=False))
    assert kept["conversations"][0]["p95_s"] is None
    assert kept["conversations"][0]["recovery_s"] is None
    assert kept["conversations"][0]["peer"] == "mqtt"


def test_a_peer_that_is_not_installed_is_left_out_by_name(
    report: WeakReport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(type(PEERS[1]), "missing", lambda _peer: "apt-get install prosody")
    monkeypatch.setattr(module, "install", lambda _packages: False)
    names = [peer.facts.name for peer in PEERS[:2]]
    assert [peer.facts.name for peer in present(report, names)] == [OWN]
    assert "xmpp is left out, since it is not installed: apt-get install prosody" in capsys.readouterr().out
    with pytest.raises(BenchError, match="PEERS must name onebar"):
        present(report, ["xmpp"])


def test_the_recorded_drive_is_left_out_where_it_is_not(
    report: WeakReport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.weak.weathers.TRACES", tmp_path)
    cases = weathers(report, Plan.of({}), ["edge", "lte-drive"])
    assert [case.name for case in cases] == ["edge"]
    assert "lte-drive is left out" in capsys.readouterr().out
