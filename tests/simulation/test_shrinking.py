"""A failing run made short."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.simulation import shrinking
from tests.simulation.app import App
from tests.simulation.faults import Fault, Kind
from tests.simulation.shrinking import _fewest, objection, shrink
from tests.simulation.world import Plan, draw_plan


def forget_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a defect: an app that is killed forgets which events it has dealt with."""
    consume = App.consume

    def forgetful(self: App, killed: Fault | None = None) -> bool:
        done = self.done_up_to
        any_came = consume(self, killed=killed)
        if killed:
            self.done_up_to = done
        return any_came

    monkeypatch.setattr(App, "consume", forgetful)


def failing_plan() -> Plan:
    for seed in range(100, 300):
        plan = draw_plan(seed)
        if sum(fault.kind is Kind.APP_KILLED for fault in plan.faults) > 2 and objection(plan) == "ledger-exact":
            return plan
    raise AssertionError("the planted defect is never found")


def test_a_planted_defect_shrinks_to_the_faults_and_the_message_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_what_was_done(monkeypatch)
    plan = failing_plan()
    assert len(plan.faults) > 5
    assert len(plan.script) > 3
    short = shrink(plan, "ledger-exact")
    assert Kind.APP_KILLED in {fault.kind for fault in short.faults}
    assert len(short.faults) <= 2
    assert len(short.script) == 1
    assert objection(short) == "ledger-exact"
    for fault in short.faults:
        assert objection(replace(short, faults=tuple(one for one in short.faults if one is not fault))) == ""
    assert set(short.faults) <= set(plan.faults)


def test_a_plan_that_holds_has_no_objection() -> None:
    assert objection(draw_plan(1)) == ""


def test_an_exception_is_an_objection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: App) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(App, "look", fail)
    assert objection(draw_plan(1)) == "KeyError"


@pytest.mark.parametrize("needed", [{0}, {39}, {3, 17}, {0, 20, 39}, set(range(40)), set()])
def test_what_is_needed_is_what_is_kept(needed: set[int]) -> None:
    assert list(_fewest(range(40), needed.issubset)) == sorted(needed)


def test_a_large_schedule_takes_few_runs() -> None:
    runs = []

    def fails(kept: Sequence[int]) -> bool:
        runs.append(kept)
        return 77 in kept

    assert _fewest(range(100), fails) == [77]
    assert len(runs) < 30


def test_it_ends_after_a_number_of_runs_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "RUNS_MAX", 5)
    monkeypatch.setattr(shrinking, "objection", lambda plan: "why" if plan.faults else "")
    faults = tuple(Fault(Kind.CUT, 1, float(n)) for n in range(64))
    short = shrink(replace(draw_plan(1), faults=faults), "why")
    assert 1 <= len(short.faults) < 64
