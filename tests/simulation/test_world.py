"""The world: the same plan is the same run, everywhere; another plan is another run."""

import math
import os
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from onebar.testing import PROFILES
from onebar_loadtest.workloads import Say
from tests.simulation.faults import Fault, Kind
from tests.simulation.scenarios import calm_world
from tests.simulation.world import PEACE, Plan, World, draw_plan

SEEDS = (3, 5, 8, 13)

PRINT_DIGESTS = """
import logging, sys
from tests.simulation.test_world import digest
from tests.simulation.world import draw_plan
logging.disable()
print(*(digest(draw_plan(int(seed))) for seed in sys.argv[1:]))
"""

PLAN = Plan(1, 2, 8, PEACE, tuple(Say(at_s / 10, 0, 1, 9) for at_s in range(20)), 2.0, ())

OTHERWISE: dict[str, object] = {
    "seed": 2,
    "phones": 3,
    "window": 1,
    "profile": replace(PEACE, delay_ms=300),
    "script": PLAN.script[1:],
    "seconds": 3.0,
    "faults": (Fault(Kind.CUT, 1, 3.5),),
    "reads": 1.0,
    "files": 1.0,
}
"""Another value for each field of a plan."""


def digest(plan: Plan) -> str:
    world = World(plan)
    world.run()
    return world.trace.digest


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    assert draw_plan(seed) == draw_plan(seed)
    assert digest(draw_plan(seed)) == digest(draw_plan(seed))


@pytest.mark.process
@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_same_seed_gives_the_same_run_in_any_process(hash_seed: str) -> None:
    command = [sys.executable, "-c", PRINT_DIGESTS, *map(str, SEEDS)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert printed.split() == [digest(draw_plan(seed)) for seed in SEEDS]


@pytest.mark.parametrize("field", [field.name for field in fields(Plan)])
def test_every_field_of_a_plan_matters(field: str) -> None:
    plan = PLAN if field != "seed" else replace(PLAN, profile=PROFILES["3g"])  # in peace there is nothing to draw
    changed = {field: OTHERWISE[field]}
    assert digest(plan) != digest(replace(plan, **changed))  # type: ignore[arg-type]


def test_other_dice_for_the_same_plan_are_another_run() -> None:
    plans = [draw_plan(seed) for seed in range(40)]
    assert {plan.phones for plan in plans} >= {2, 3, 4}
    assert {plan.window for plan in plans} == {1, 2, 8, 64}
    assert len({plan.profile.name for plan in plans}) > 5
    assert len({digest(plan) for plan in plans[:10]}) == 10


def test_a_fault_may_be_armed_before_anybody_has_joined() -> None:
    world = World(PLAN, early=(Fault(Kind.CRASH_IN_COMMIT, 0, 0.0, nth=1),))
    assert world.fired_kinds == {Kind.CRASH_IN_COMMIT: 1}
    world.run()


def test_a_calm_world_has_joined_and_is_at_rest() -> None:
    world = calm_world()
    assert all(phone.engine.device.device for phone in world.phones)
    assert [phone.dials for phone in world.phones] == [1, 1]
    assert not world.fired_kinds
    assert math.isclose(world.clock.now_s, 3.0)
