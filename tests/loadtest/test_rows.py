import random

import pytest

from onebar_loadtest.rows import Histogram


def test_percentiles_are_right_to_two_percent() -> None:
    dice = random.Random(1)
    times = sorted(dice.lognormvariate(-3, 1.5) for _ in range(5000))
    histogram = Histogram()
    for took_s in times:
        histogram.add(took_s)
    for percent in (1, 50, 95, 99, 100):
        true_s = times[max(0, -(-len(times) * percent // 100) - 1)]
        assert histogram.percentile_s(percent) == pytest.approx(true_s, rel=0.021)
    assert histogram.max_s == times[-1]
    assert histogram.known()["mean_ms"] == pytest.approx(sum(times) / 5, rel=1e-3)


def test_histograms_add_up_and_travel() -> None:
    one, other = Histogram(), Histogram()
    one.add(0.1)
    other.add(0.3)
    other.add(-1.0)
    one.merge(Histogram.from_data(other.to_data()))
    assert (one.count, one.max_s) == (3, 0.3)
    assert one.sum_s == pytest.approx(0.4)


def test_an_empty_one_has_nothing_to_tell() -> None:
    assert set(Histogram().known().values()) == {0}
