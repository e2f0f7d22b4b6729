import math

import pytest
from benchmarks.weak.ledger import Ledger, Outage, joined, percentile


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    for number in (1, 2, 3):
        ledger.note_sent((0, number), float(number))
    return ledger


def test_what_has_not_come_is_lost_and_takes_for_ever(ledger: Ledger) -> None:
    ledger.note_came(0, "1 hello", 1.5)
    ledger.note_came(0, "3 hello", 3.25)
    assert ledger.lost == 1
    assert ledger.took_s() == [0.25, 0.5, math.inf]


def test_what_comes_twice_is_doubled_and_counts_by_its_first_coming(ledger: Ledger) -> None:
    for at_s in (1.5, 9.0, 9.5):
        ledger.note_came(0, "1 hello", at_s)
    assert ledger.doubled == 2
    assert ledger.took_s()[0] == 0.5


def test_what_comes_after_a_later_text_is_out_of_order(ledger: Ledger) -> None:
    for number in (2, 1, 3):
        ledger.note_came(0, f"{number} hello", 4.0)
    assert ledger.reordered == 1


def test_the_two_directions_have_orders_of_their_own(ledger: Ledger) -> None:
    ledger.note_sent((1, 1), 1.0)
    ledger.note_came(0, "2 hello", 2.0)
    ledger.note_came(1, "1 hello", 2.0)
    assert ledger.reordered == 0


def test_a_recovery_ends_when_all_that_the_outage_could_delay_has_come(ledger: Ledger) -> None:
    ledger.note_came(0, "1 hello", 1.2)
    ledger.note_came(0, "2 hello", 7.0)
    ledger.note_came(0, "3 hello", 6.0)
    ledger.note_sent((0, 4), 30.0)
    ledger.note_came(0, "4 hello", 50.0)
    assert ledger.recoveries_s([Outage(1.5, 5.0)]) == [2.0]
    assert ledger.recoveries_s([Outage(20.0, 25.0)]) == []


def test_a_recovery_never_ends_when_a_text_is_lost(ledger: Ledger) -> None:
    ledger.note_came(0, "1 hello", 1.2)
    assert ledger.recoveries_s([Outage(1.5, 5.0)]) == [math.inf]


def test_outages_that_overlap_are_one() -> None:
    assert joined([Outage(4, 6), Outage(1, 3), Outage(2, 4.5)]) == [Outage(1, 6)]
    assert joined([Outage(1, 2), Outage(3, 4)]) == [Outage(1, 2), Outage(3, 4)]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95), percentile(values, 99)) == (50, 95, 99)
    assert percentile([3.0], 95) == 3.0
    assert percentile([], 95) == 0.0
