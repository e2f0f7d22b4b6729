"""Faults that wait for a commit, a message or a dial."""

from tests.simulation.faults import Fault, Kind
from tests.simulation.party import Party


def party(*faults: Fault) -> Party:
    someone = Party(1, "someone")
    someone.waiting += faults
    return someone


def test_a_fault_happens_at_the_first_commit_after_its_time_and_only_once() -> None:
    fault = Fault(Kind.CRASH_BEFORE_COMMIT, 1, 5.0)
    someone = party(fault)
    assert [someone.at_commit(now_s) for now_s in (1.0, 4.9, 6.0, 7.0)] == [None, None, fault, None]
    assert someone.commits == 4


def test_a_numbered_fault_happens_at_exactly_that_commit() -> None:
    fault = Fault(Kind.CRASH_IN_COMMIT, 1, 0.0, nth=3)
    someone = party(fault)
    assert [someone.at_commit(1.0) for _ in range(4)] == [None, None, fault, None]


def test_what_waits_for_a_message_does_not_happen_at_a_commit() -> None:
    fault = Fault(Kind.CUT, 1, 0.0)
    someone = party(fault)
    assert someone.at_commit(1.0) is None
    assert someone.take(Kind.HALF_OPEN, 1.0) is None
    assert someone.take(Kind.CUT, 1.0) is fault
    assert someone.take(Kind.CUT, 1.0) is None


def test_a_numbered_message_is_that_one_only() -> None:
    fault = Fault(Kind.CUT, 1, 0.0, nth=2)
    someone = party(fault)
    assert [someone.take(Kind.CUT, 9.0, count) for count in (1, 2, 3)] == [None, fault, None]
