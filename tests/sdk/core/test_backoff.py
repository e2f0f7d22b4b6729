"""No pause passes the cap, none is negative, and a storm spreads evenly (D8)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.core.backoff import fraction, pause_s

FAILURES = st.integers(0, 100) | st.integers(0, 10**30)
SIX = st.binary(min_size=6, max_size=6)


@given(FAILURES, st.floats(0.001, 100), st.floats(0.001, 1e6), SIX)
def test_a_pause_is_within_its_bound_and_never_over_the_cap(
    failures: int, min_s: float, max_s: float, data: bytes
) -> None:
    pause = pause_s(failures, min_s, max_s, lambda size: data[:size])
    assert 0 <= pause < max_s
    assert failures > 32 or pause < min_s * 2**failures


@given(FAILURES)
def test_a_year_of_failures_still_tries_again_within_the_cap(failures: int) -> None:
    longest = pause_s(failures + 10, 0.5, 30.0, lambda size: b"\xff" * size)
    assert 29.99 < longest < 30.0


@pytest.mark.parametrize(("failures", "bound_s"), [(0, 0.5), (1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (10**9, 30.0)])
def test_the_bound_doubles_until_the_cap(failures: int, bound_s: float) -> None:
    assert pause_s(failures, 0.5, 30.0, lambda size: b"\x80" + bytes(size - 1)) == bound_s / 2
    assert pause_s(failures, 0.5, 30.0, bytes) == 0.0


def test_a_storm_of_phones_spreads_over_the_whole_time() -> None:
    """Full jitter: each tenth of the time gets its tenth of the phones."""
    tenths = [0] * 10
    for phone in range(5000):
        pause = pause_s(9, 0.5, 30.0, hashlib.shake_128(str(phone).encode()).digest)
        tenths[int(pause / 3)] += 1
    assert all(400 < phones < 600 for phones in tenths), tenths


@given(SIX, SIX)
def test_a_fraction_is_below_one_and_grows_with_its_bytes(one: bytes, other: bytes) -> None:
    low, high = sorted((one, other))
    assert 0 <= fraction(lambda size: low[:size]) <= fraction(lambda size: high[:size]) < 1


def test_a_fraction_asks_for_six_bytes_once() -> None:
    asked: list[int] = []
    fraction(lambda size: asked.append(size) or bytes(size))  # type: ignore[func-returns-value]
    assert asked == [6]
