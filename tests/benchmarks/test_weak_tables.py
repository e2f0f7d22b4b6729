import math
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.weak.__main__ import PEERS
from benchmarks.weak.tables import draw_chart, print_tables, seconds
from benchmarks.weak.verdict import Row

ROWS = [
    Row("edge", "onebar", 80, 0, 0, 0, 0.9, 1.0, 1.1, math.nan, 8000, 8000, 0),
    Row("edge", "xmpp", 80, 2, 1, 3, 1.9, math.inf, math.inf, math.inf, 16000, 16000, 4),
    Row("edge", "mqtt", 0, 0, 0, 0, math.inf, math.inf, math.inf, math.nan, 0, 0, 0, "not connected after 90 s"),
]


@pytest.mark.parametrize(("value", "told"), [(1.234, "1.23"), (math.inf, "never"), (math.nan, "-")])
def test_times_are_told(value: float, told: str) -> None:
    assert seconds(value) == told


def test_the_tables_tell_figures_faults_and_facts(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(ROWS, [peer.facts for peer in PEERS], "onebar")
    told = capsys.readouterr().out
    for words in (
        "first",
        "never",
        "not connected after 90 s",
        "prosody",
        "mosquitto",
        "synchronous=FULL",
    ):
        assert words in told


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_chart(ROWS, tmp_path / "reports" / "weak.png")
    assert (tmp_path / "reports" / "weak.png").read_bytes().startswith(b"\x89PNG")


def test_photos_have_columns_where_there_are_some(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [replace(each, photos=2, photos_lost=1, photo_p50_s=5.0, photo_p95_s=math.inf) for each in ROWS]
    print_tables(rows, [peer.facts for peer in PEERS], "onebar")
    told = capsys.readouterr().out
    for words in ("photos lost", "1 of 2", "5.00", "not connected after 90 s"):
        assert words in told
    print_tables(ROWS, [], "onebar")
    assert "photos lost" not in capsys.readouterr().out
