from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.testing.traces import OPPORTUNITY_BYTES, Playing, Trace, load_trace, synthetic_trace

TEN = Trace("ten", (10, 20, 20, 40))


def test_each_opportunity_carries_1500_bytes() -> None:
    playing = Playing(TEN, 0.0)
    assert [playing.done_s(0.0, OPPORTUNITY_BYTES) for _ in range(4)] == [0.010, 0.020, 0.020, 0.040]


def test_small_packets_that_wait_share_an_opportunity() -> None:
    playing = Playing(TEN, 0.0)
    assert [playing.done_s(0.0, 700) for _ in range(3)] == [0.010, 0.010, 0.020]


def test_an_opportunity_without_a_packet_is_lost() -> None:
    playing = Playing(TEN, 0.0)
    assert playing.done_s(0.025, 1) == 0.040


def test_a_trace_is_played_again_from_its_start() -> None:
    playing = Playing(TEN, 100.0)
    assert playing.done_s(100.041, 1500) == pytest.approx(100.050)
    assert playing.done_s(100.041, 3 * 1500) == pytest.approx(100.080)


def test_what_is_not_taken_is_there_for_others() -> None:
    playing = Playing(TEN, 0.0)
    assert playing.done_s(0.0, 4000, take=False) == 0.020
    assert playing.done_s(0.0, 1500) == 0.010


def test_a_time_that_is_rounded_keeps_its_opportunity() -> None:
    trace = Trace("thirds", (100, 200, 300))
    assert Playing(trace, 0.1).done_s(0.1 + 0.1 + 1e-12, 1) == pytest.approx(0.2)


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=30), st.integers(0, 2**32))
def test_bytes_stay_in_order_and_the_rate_holds(sizes: list[int], seed: int) -> None:
    trace = synthetic_trace(Random(seed), mean_kbps=400, lasts_s=5)
    playing = Playing(trace, 0.0)
    done_s = [playing.done_s(0.0, size) for size in sizes]
    assert done_s == sorted(done_s)
    loops, rest_s = divmod(done_s[-1], trace.times_ms[-1] / 1000)
    chances = loops * len(trace.times_ms) + sum(at_ms <= rest_s * 1000 + 0.5 for at_ms in trace.times_ms)
    assert sum(sizes) <= chances * OPPORTUNITY_BYTES


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "drive.up"
    path.write_text("0\n5\n5\n1000\n")
    trace = load_trace(path)
    assert trace == Trace("drive.up", (0, 5, 5, 1000))
    assert trace.mean_kbps == 48
    assert repr(trace) == "Trace(name='drive.up')"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1\nx\n", r"drive, line 2: 'x' is no whole number"),
        ("1\n\n2\n", r"drive, line 2: ''"),
        ("-5\n", "line 1: '-5'"),
        ("", "drive: needs times"),
        ("0\n", "drive: needs times"),
        ("5\n4\n", "drive: the times are not in order"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "drive"
    path.write_text(text)
    with pytest.raises(ValueError, match=wrong):
        load_trace(path)


def test_an_absent_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_trace(tmp_path / "absent")


def test_a_synthetic_trace_has_its_mean_its_length_and_its_gaps() -> None:
    trace = synthetic_trace(Random(1), mean_kbps=1000, lasts_s=600)
    assert trace.mean_kbps == pytest.approx(1000, rel=0.01)
    assert trace.times_ms[-1] == 600_000
    seconds = {at_ms // 1000 for at_ms in trace.times_ms}
    assert 0 < 600 - len(seconds) < 120


def test_the_same_seed_draws_the_same_trace() -> None:
    drawn = [synthetic_trace(Random(seed), mean_kbps=300) for seed in (4, 4, 5)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(("mean_kbps", "lasts_s"), [(0, 10), (-1, 10), (float("inf"), 10), (100, 0)])
def test_a_synthetic_trace_of_nothing_is_refused(mean_kbps: float, lasts_s: int) -> None:
    with pytest.raises(ValueError, match="needs a rate"):
        synthetic_trace(Random(1), mean_kbps=mean_kbps, lasts_s=lasts_s)
