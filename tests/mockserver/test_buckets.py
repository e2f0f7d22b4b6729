import pytest

from onebar.core.rates import Rate
from onebar_mockserver import buckets
from onebar_mockserver.buckets import PAID_S, Buckets
from onebar_mockserver.limits import RATES

NOW_S = 1_800_000_000.0


def test_so_much_at_once_then_one_by_one() -> None:
    made = Buckets({"x": Rate(3, 10.0)})
    assert [made.take("x", "a", NOW_S) for _ in range(3)] == [None, None, None]
    assert made.take("x", "a", NOW_S) == 10.0
    assert made.take("x", "a", NOW_S + 4) == 6.0, "asking in vain takes nothing"
    assert made.take("x", "b", NOW_S) is None, "each key has its own"
    assert made.take("x", "a", NOW_S + 10) is None
    assert made.wait_s("x", "a", NOW_S + 10) == 10.0
    assert made.wait_s("x", "a", NOW_S + 20) is None
    assert made.refused == {"x": 2}


def test_what_has_no_rate_is_not_limited() -> None:
    made = Buckets({})
    assert made.take("x", "a", NOW_S) is made.wait_s("x", "a", NOW_S) is made.take_once("x", 1, 2, NOW_S) is None
    assert len(made) == 0


def test_a_clock_that_is_put_back_costs_one_refill() -> None:
    made = Buckets({"x": Rate(1, 10.0)})
    assert made.take("x", "a", NOW_S) is None
    assert made.take("x", "a", NOW_S - 1_000_000) == 10.0


def test_what_was_paid_for_costs_nothing_for_a_day() -> None:
    made = Buckets({"x": Rate(1, 1_000_000.0)})
    assert made.take_once("x", "a", "b", NOW_S) is None
    assert made.take_once("x", "a", "b", NOW_S + PAID_S - 1) is None
    assert made.take_once("x", "a", "c", NOW_S) == 1_000_000.0
    assert made.take_once("x", "a", "b", NOW_S + PAID_S) is not None


@pytest.mark.parametrize("rate", [Rate(1, 1.0), Rate(1, 1_000_000.0)])
def test_memory_is_bounded(rate: Rate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "KEYS_MAX", 50)
    made = Buckets({"x": rate})
    for number in range(1000):
        made.take("x", number, NOW_S + number)
        made.take_once("x", number, number, NOW_S + number * PAID_S)
    assert len(made) <= 101


def test_a_full_memory_forgets_the_one_used_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "KEYS_MAX", 2)
    made = Buckets({"x": Rate(1, 1_000_000.0)})
    for key in "aba":
        made.take("x", key, NOW_S)
    made.take("x", "c", NOW_S)
    assert made.wait_s("x", "b", NOW_S) is None
    assert made.wait_s("x", "a", NOW_S) is not None


def test_the_published_sizes() -> None:
    assert RATES["messages"] == Rate(60, 1.0)
    assert RATES["prekeys"] == Rate(6, 600.0)
    assert RATES["registrations"] == Rate(6, 30.0)
    assert RATES["devices"] == Rate(6, 120.0)
    assert RATES["uploads"] == Rate(50, 1.2)
