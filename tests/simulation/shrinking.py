"""A failing run made short: the fewest faults and messages with which the same checker still objects."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from tests.simulation.checkers import ViolationError
from tests.simulation.clock import SpinningError
from tests.simulation.world import Plan, World

T = TypeVar("T")

RUNS_MAX: Final = 400
"""Most runs spent on one failure: about half a minute."""


def objection(plan: Plan) -> str:
    """Run a plan; return the name of the checker that objects, of the exception that came, or nothing."""
    try:
        World(plan).run()
    except ViolationError as error:
        return error.checker
    except (Exception, SpinningError) as error:  # noqa: BLE001 - whatever the product raises is a finding
        return type(error).__name__
    return ""


def shrink(plan: Plan, why: str) -> Plan:
    """Return the plan with as few faults and then as few messages as possible that fails for the same reason."""
    runs = iter(range(RUNS_MAX))

    def still(candidate: Plan) -> bool:
        return next(runs, None) is not None and objection(candidate) == why

    faults = _fewest(plan.faults, lambda kept: still(replace(plan, faults=tuple(kept))))
    plan = replace(plan, faults=tuple(faults))
    script = _fewest(plan.script, lambda kept: still(replace(plan, script=tuple(kept))))
    return replace(plan, script=tuple(script))


def _fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Delta debugging (Zeller and Hildebrandt, 2002): leave out ever smaller parts as long as it still fails."""
    size = max(1, len(items) // 2)
    while items:
        start = 0
        while start < len(items):
            kept = [*items[:start], *items[start + size :]]
            if fails(kept):
                items = kept
            else:
                start += size
        if size == 1:
            break
        size = max(1, size // 2)
    return items
