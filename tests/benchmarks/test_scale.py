from collections.abc import Iterable
from pathlib import Path

import pytest
from benchmarks.goals import SCALE
from benchmarks.report import Report
from benchmarks.rounds import Rounds
from benchmarks.scale import LINK_LOADS, MAIL_LOADS, Step, add, draw, markdown


def rounds(*medians: float) -> list[Rounds]:
    return [Rounds(median, median - 1, median + 1, 3) for median in medians]


def under(names: Iterable[str], *medians: float) -> dict[str, Rounds]:
    return dict(zip(names, rounds(*medians), strict=True))


LINKS = [
    Step(100, under(LINK_LOADS, 100, 50), under(LINK_LOADS, 700, 200), under(LINK_LOADS, 10, 5)),
    Step(10_000, under(LINK_LOADS, 120, 60), under(LINK_LOADS, 900, 300), under(LINK_LOADS, 15, 6)),
]
MAIL = [Step(1000, under(MAIL_LOADS, 100, 50), {}, {}, 0.5, 2_000_000)]


def test_the_largest_stands_beside_the_smallest() -> None:
    report = Report(SCALE, "scale", ("links_ratio",))
    add(report, "links", LINKS)
    add(report, "mail", MAIL)
    assert [report.value(key) for key in ("links_ratio", "links_ratio_busy", "mail_ratio")] == [1.2, 1.2, 1.0]
    assert next(figure.note for figure in report.figures if figure.key == "links_ratio") == "an echo: 1.50 x"


def test_the_tables_have_every_size() -> None:
    text = markdown(LINKS, MAIL)
    assert "| 10,000 | 120 (119–121) | 60 (59–61) | 900 (899–901) | 300 (299–301) | 15 (14–16) | 6 (5–7) |" in text
    assert "| 1,000 | 100 (99–101) | 50 (49–51) | 0.500 | 2 |" in text


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only `make bench-scale` needs it")
    draw(LINKS, MAIL, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
