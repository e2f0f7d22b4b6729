"""Virtual time."""

import pytest

from tests.simulation import clock
from tests.simulation.clock import START_MS, Clock, SpinningError


def test_actions_happen_in_order_of_time_and_then_of_their_calls() -> None:
    time, seen = Clock(), list[str]()
    time.at(2.0, lambda: seen.append("c"))
    time.after(1.0, lambda: seen.append("a"))
    time.at(1.0, lambda: seen.append("b"))
    time.run_until(3.0)
    assert seen == ["a", "b", "c"]
    assert time.actions == 3


def test_what_lies_ahead_waits() -> None:
    time, seen = Clock(), list[float]()
    time.at(5.0, lambda: seen.append(time.now_s))
    time.run_until(4.9)
    assert not seen
    time.run_until(6.0)
    assert seen == [5.0]
    assert time.now_s == 6.0


def test_nothing_happens_in_the_past() -> None:
    time, seen = Clock(), list[float]()
    time.run_until(10.0)
    time.at(3.0, lambda: seen.append(time.now_s))
    time.run_until(2.0)
    assert not seen, "time does not go back"
    time.run_until(10.0)
    assert seen == [10.0]


def test_an_action_may_call_for_another_at_once() -> None:
    time, seen = Clock(), list[float]()
    time.at(1.0, lambda: time.after(0.0, lambda: seen.append(time.now_s)))
    time.run_until(1.0)
    assert seen == [1.0]


def test_the_wall_clock_goes_with_it() -> None:
    time = Clock()
    time.run_until(1.5)
    assert time.wall_ms == START_MS + 1500


def test_a_system_that_keeps_itself_busy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "ACTIONS_MAX", 100)
    time = Clock()

    def spin() -> None:
        time.after(0.0, spin)

    spin()
    with pytest.raises(SpinningError, match="ACTIONS_MAX = 100"):
        time.run_until(1.0)
