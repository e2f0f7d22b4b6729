from pathlib import Path

import pytest
from benchmarks.goals import SCALE
from benchmarks.report import Report
from benchmarks.rounds import Rounds
from benchmarks.scale import Step, add, draw, markdown

LINKS = [
    Step(100, (Rounds(100, 90, 110, 3), Rounds(50, 50, 50, 3)), (Rounds(10, 10, 10, 3), Rounds(5, 5, 5, 3))),
    Step(10_000, (Rounds(120, 110, 130, 3), Rounds(60, 60, 60, 3)), (Rounds(15, 15, 15, 3), Rounds(6, 6, 6, 3))),
]
MAIL = [Step(1000, (Rounds(100, 90, 110, 3), Rounds(50, 50, 50, 3)), (), 0.5, 2_000_000)]


def test_the_largest_stands_beside_the_smallest() -> None:
    report = Report(SCALE, "scale", ("links_ratio",))
    add(report, "links", LINKS)
    add(report, "mail", MAIL)
    assert [report.value(key) for key in ("links_ratio", "links_ratio_busy", "mail_ratio")] == [1.2, 1.2, 1.0]
    assert next(figure.note for figure in report.figures if figure.key == "links_ratio") == "an echo: 1.50 x"


def test_the_tables_have_every_size() -> None:
    text = markdown(LINKS, MAIL)
    assert "| 10,000 | 120 (110–130) | 60 (60–60) | 15 (15–15) | 6 (6–6) |" in text
    assert "| 1,000 | 100 (90–110) | 50 (50–50) | 0.500 | 2 |" in text


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only `make bench-scale` needs it")
    draw(LINKS, MAIL, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
