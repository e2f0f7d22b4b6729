import random

from benchmarks.storm.curve import busiest_second, crash_arrivals, per_second


def test_each_second_is_counted() -> None:
    assert per_second([-0.1, 0.0, 0.9, 1.0, 2.9, 3.0], 3) == [2, 1, 1]


def test_the_busiest_second_may_begin_anywhere() -> None:
    assert busiest_second([0.0, 0.6, 0.7, 1.5, 1.6, 2.5]) == 3
    assert busiest_second([0.0, 1.0]) == 1
    assert busiest_second([]) == 0


def test_phones_come_at_their_first_dial_that_is_not_refused() -> None:
    pauses = {0: 0.25, 1: 0.5, 2: 1.0}
    found = crash_arrivals(2, 1.0, lambda failures, _: pauses[failures], random.Random(1).randbytes)
    assert found == [0.75, 0.75]
