"""Bytes at equal quality are read off between two measured qualities."""

import pytest
from benchmarks.photo_quality import Point, around, bytes_at, geometric_mean


def test_bytes_grow_exponentially_between_two_points() -> None:
    points = [Point(80.0, 400), Point(60.0, 100)]
    assert bytes_at(70.0, points) == pytest.approx(200)
    assert bytes_at(60.0, points) == pytest.approx(100)


def test_of_more_points_the_nearest_two_count() -> None:
    points = [Point(60.0, 100), Point(70.0, 120), Point(80.0, 480)]
    assert bytes_at(75.0, points) == pytest.approx(240)
    assert bytes_at(65.0, points) == pytest.approx(109.545, abs=0.01)


def test_outside_the_nearest_line_goes_on() -> None:
    points = [Point(60.0, 100), Point(70.0, 200)]
    assert bytes_at(80.0, points) == pytest.approx(400)
    assert bytes_at(50.0, points) == pytest.approx(50)


def test_equal_scores_are_no_line() -> None:
    assert bytes_at(60.0, [Point(60.0, 100), Point(60.0, 200)]) in (100.0, 200.0)


def test_ratios_have_a_geometric_mean() -> None:
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def test_qualities_are_tried_until_the_score_lies_between_them() -> None:
    def measure(quality: int) -> Point:
        return Point(float(quality), quality)

    assert [point.size for point in around(80.0, (76, 84), measure)] == [76, 84]
    assert [point.size for point in around(95.0, (76, 84), measure)] == [76, 84, 92]
    assert [point.size for point in around(99.0, (76, 84), measure)] == [76, 84, 92]
    assert [point.size for point in around(61.0, (76, 84), measure)] == [76, 84, 68, 60]
