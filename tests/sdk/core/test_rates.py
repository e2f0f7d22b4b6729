from hypothesis import given
from hypothesis import strategies as st

from onebar.core.rates import ROUNDING, Rate, after_one, wait_s

RATE = Rate(3, 2.0)


def test_a_bucket_is_full_at_first_and_fills_again() -> None:
    full_at_s = 0.0
    for _ in range(3):
        assert wait_s(RATE, full_at_s, 100.0) == 0.0
        full_at_s = after_one(RATE, full_at_s, 100.0)
    assert full_at_s == 106.0
    assert wait_s(RATE, full_at_s, 100.5) == 1.5
    assert wait_s(RATE, full_at_s, 102.0) == 0.0


@given(st.lists(st.floats(0.0, 5.0), max_size=40), st.integers(1, 5), st.integers(1, 8))
def test_never_more_than_the_size_and_what_came_back_meanwhile(pauses: list[float], size: int, refill_s: int) -> None:
    rate, now_s, full_at_s = Rate(size, float(refill_s)), 1000.0, 0.0
    taken: list[float] = []
    for pause in pauses:
        now_s += pause
        if wait_s(rate, full_at_s, now_s) == 0.0:
            full_at_s = after_one(rate, full_at_s, now_s)
            taken.append(now_s)
    for first, since_s in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= size + (taken[last] - since_s) / refill_s + ROUNDING


@given(st.floats(1.6e9, 2e9), st.integers(1, 1000), st.integers(50, 1_000_000))
def test_a_full_bucket_gives_its_last_one_whatever_its_refill(now_s: float, size: int, refill_ms: int) -> None:
    rate, full_at_s = Rate(size, refill_ms / 1000), 0.0
    for _ in range(size):
        assert wait_s(rate, full_at_s, now_s) == 0.0
        full_at_s = after_one(rate, full_at_s, now_s)
    assert wait_s(rate, full_at_s, now_s) > 0.0


@given(st.floats(1.6e9, 2e9), st.integers(1, 500), st.integers(50, 100_000))
def test_who_has_waited_as_told_need_not_wait_again(now_s: float, size: int, refill_ms: int) -> None:
    rate, full_at_s = Rate(size, refill_ms / 1000), 0.0
    while not (told_s := wait_s(rate, full_at_s, now_s)):
        full_at_s = after_one(rate, full_at_s, now_s)
    assert wait_s(rate, full_at_s, now_s + told_s) == 0.0
