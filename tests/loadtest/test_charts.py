import re

import pytest

from onebar_loadtest.charts import Band, chart, nice


@pytest.mark.parametrize(("value", "round_one"), [(0, 1), (0.3, 0.5), (1, 1), (7, 10), (21, 50), (1999, 2000)])
def test_an_axis_ends_at_a_round_number(value: float, round_one: float) -> None:
    assert nice(value) == pytest.approx(round_one)


def test_a_hole_in_the_values_is_a_hole_in_the_line() -> None:
    drawn = chart("Phones", "phones", [("online", [1, 2, None, 4]), ("asked", [4, 4, 4, 4])], [Band("storm <1>", 1, 2)])
    assert drawn.count("<polyline") == 3
    assert "storm &lt;1&gt;" in drawn
    assert drawn.count("<rect") == 1
    assert "http" not in drawn


def test_a_logarithmic_axis_has_powers_of_ten_and_what_is_below_it_is_at_its_foot() -> None:
    drawn = chart("Times", "ms", [("p50", [1.0, 10.0, 100.0, 1000.0])], floor=10.0)
    (points,) = re.findall(r'points="([^"]*)"', drawn)
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert heights[0] == heights[1]
    assert heights[1] - heights[2] == pytest.approx(heights[2] - heights[3])
    for mark in ("10", "100", "1000"):
        assert f">{mark}</text>" in drawn
