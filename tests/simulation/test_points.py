"""The smallest world, broken once at every point; `make sim-exhaustive` breaks it twice."""

import pytest

from tests.simulation.app import App
from tests.simulation.exhaustive import read_fault, write_faults
from tests.simulation.faults import SERVER, Fault, Kind
from tests.simulation.points import SmallWorld, break_after, points_of, run, share, try_first

pytestmark = pytest.mark.slow


def test_nothing_breaks_by_itself() -> None:
    calm = run()
    assert (calm.why, calm.fired) == ("", 0)
    assert points_of(calm) > 25


def test_whatever_breaks_once_all_is_well() -> None:
    singles = list(break_after(run(), alone=True))
    assert len(singles) == len(set(singles)) > 150
    for fault in singles:
        outcome = run(fault)
        assert (outcome.why, outcome.fired) == ("", 1), f"make sim-exhaustive FAULTS={write_faults((fault,))}"


@pytest.mark.parametrize("party", [1, 2])
def test_whatever_breaks_after_a_crash_all_is_well(party: int) -> None:
    crashes = [each for each in break_after(run()) if (each.kind, each.party) == (Kind.CRASH_AFTER_COMMIT, party)]
    first = next(each for each in crashes if not run(each).joining)
    tally = try_first(first)
    assert (tally.single, tally.failures, tally.idle) == (1, [], 0)
    assert tally.pairs > 40


def test_every_commit_and_every_message_is_a_point() -> None:
    calm = run()
    world = SmallWorld()
    world.run()
    singles = list(break_after(calm))
    for party in (1, 2):
        numbers = [fault.nth for fault in singles if fault.kind is Kind.CUT and fault.party == party]
        assert sorted(set(numbers)) == list(range(1, calm.ends.messages[party] + 1))
    for party, first in ((SERVER, 1), (1, 2), (2, 2)):
        numbers = [fault.nth for fault in singles if fault.kind is Kind.CRASH_IN_COMMIT and fault.party == party]
        assert sorted(set(numbers)) == list(range(first, calm.ends.commits[party] + 1))


def test_a_second_fault_comes_after_the_first() -> None:
    first = Fault(Kind.CUT, 1, 0.0, 0.0, nth=4)
    outcome = run(first)
    assert outcome.begins.messages[1] == 4
    assert min(fault.nth for fault in break_after(outcome) if fault.kind is Kind.CUT and fault.party == 1) == 5


@pytest.mark.parametrize("outputs", range(2, 12))
def test_a_share_lets_exactly_so_many_leave(outputs: int) -> None:
    for place in range(1, outputs):
        assert round(share(1, place, outputs) * outputs) == place
        assert sum(number < share(SERVER, place, outputs) * outputs for number in range(outputs)) == place


def test_a_planted_defect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def say_nothing_again(self: App) -> None:
        self._asked.clear()

    monkeypatch.setattr(App, "start", say_nothing_again)
    found = {outcome.why for fault in break_after(run()) if (outcome := run(fault)).why}
    assert found == {"goes-quiet"}


def test_a_failure_ends_the_search_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmallWorld, "_play", lambda self, script: 1 / 0)
    fault = Fault(Kind.CUT, 1, 0.0, 0.0, nth=1)
    assert try_first(fault).failures == [((fault,), "ZeroDivisionError")]


def test_faults_are_read_as_they_were_written() -> None:
    faults = (Fault(Kind.TORN_OUTPUTS, 0, 0.0, 1 / 3, 7), Fault(Kind.CUT, 2, 0.0, 1.0, 3))
    assert tuple(read_fault(text) for text in write_faults(faults).split(",")) == faults
