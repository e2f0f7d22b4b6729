"""Whole conversations in virtual time: a calm one, and a hundred that are drawn from their seeds, faults and all."""

import pytest

from tests.simulation.__main__ import failed_seeds
from tests.simulation.scenarios import all_came_in_order, calm_world, make_peace, pass_time, talk
from tests.simulation.world import World, draw_plan

SEEDS_AT_ONCE = 10


@pytest.mark.parametrize("phones", [2, 3])
def test_a_calm_conversation_arrives_once_in_order_on_the_first_connections(phones: int) -> None:
    world = calm_world(phones=phones)
    talk(world, 30, 0.2)
    pass_time(world, 20)
    assert all_came_in_order(world)
    assert not world.crashes
    assert not world.cuts
    assert [phone.dials for phone in world.phones] == [1] * phones
    make_peace(world)


@pytest.mark.parametrize("first", range(0, 40, SEEDS_AT_ONCE))
def test_whatever_breaks_the_checkers_find_all_well(first: int) -> None:
    """A quick look; `make sim` takes thousands. A failing seed: `make sim SEED=…`."""
    for seed in range(first, first + SEEDS_AT_ONCE):
        run(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", failed_seeds())
def test_a_seed_that_failed_once_does_not_fail_again(seed: int) -> None:
    run(seed)


def run(seed: int) -> None:
    world = World(draw_plan(seed))
    try:
        world.run()
    except BaseException as error:
        error.add_note(f"again, with its trace: make sim SEED={seed}")
        raise
