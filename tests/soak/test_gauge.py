"""Slopes are those of the samples, and looking sees memory and files."""

import os
from pathlib import Path

import pytest

from tests.soak.gauge import Gauge, Sample, look, per_minute


def test_a_slope_counts_after_the_warm_up() -> None:
    warm = [Sample(number * 1.0, 1000.0 * number, 0) for number in range(25)]
    steady = [Sample(25.0 + number, 30_000 + 2.0 * number, 7 + number % 2) for number in range(75)]
    assert per_minute(warm + steady, "rss_kb") == pytest.approx(120)
    assert per_minute(steady, "fds") == pytest.approx(0, abs=0.2)
    assert per_minute(warm[:1], "rss_kb") == 0


async def test_a_file_that_stays_open_is_seen(tmp_path: Path) -> None:
    before = look(os.getpid())
    assert before.rss_kb > 1000
    gauge = Gauge(os.getpid())
    with (tmp_path / "open").open("w"):
        assert (await gauge.settled(before.fds, 0)).fds == before.fds + 1
    assert (await gauge.settled(before.fds, 0)).fds == before.fds
