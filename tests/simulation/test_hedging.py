"""Links beside links, in whole systems: a dead one is replaced in time, and a slow one is not (R16)."""

import pytest

from onebar.core.turn import Attention, NetworkChanged
from onebar.models import Reach
from onebar.testing import profile
from tests.simulation.faults import Kind
from tests.simulation.scenarios import all_came_in_order, befall, calm_world, make_peace, pass_time, say, states, talk
from tests.simulation.world import World

DEAD_S_MAX = 5.0
"""When a dead link is replaced at the latest (DESIGN §10)."""


def slow_world(name: str) -> World:
    """Return a calm world on a slow network: everybody knows everybody, and its round trip is measured."""
    world = calm_world()
    world.profile = profile(name)
    for phone in world.phones:
        phone.weather.switch(world.profile, world.clock.now_s)
        phone.hear(NetworkChanged("slow"))
    talk(world, 3, 5.0)
    pass_time(world, 60)
    return world


@pytest.mark.parametrize("name", ["2g-rural", "edge", "3g-lossy"])
def test_much_mail_on_a_slow_network_is_no_dead_link(name: str) -> None:
    """Thirty long texts at once fill the queue of the radio for a minute and more: each answer comes late."""
    world = slow_world(name)
    before = [phone.dials for phone in world.phones]
    for _ in range(30):
        say(world, 0, 1, "x" * 1500)
        say(world, 1, 0, "y" * 1500)
    pass_time(world, 400)
    assert all_came_in_order(world)
    dialed = [phone.dials - earlier for phone, earlier in zip(world.phones, before, strict=True)]
    assert max(dialed) <= 4, f"{dialed} connections for 30 long texts each"
    make_peace(world)


@pytest.mark.parametrize("server_hears", [0.5, 1.0])
def test_a_link_that_died_without_a_word_is_replaced_in_five_seconds(server_hears: float) -> None:
    world = calm_world()
    talk(world, 5, 1.0)
    pass_time(world, 5)
    befall(world, Kind.HALF_OPEN, 1, amount=server_hears)
    said_s = world.clock.now_s
    say(world, 0, 1)  # the fault strikes with the next message
    say(world, 0, 1)
    while set(states(world.phones[0], world.phones[1])) != {"delivered"}:
        pass_time(world, 0.1)
        assert world.clock.now_s - said_s < DEAD_S_MAX
    make_peace(world)


@pytest.mark.parametrize("dark_s", [4.0, 9.0, 20.0, 40.0])
def test_who_hears_that_the_network_is_back_has_its_mail_through_within_a_second(dark_s: float) -> None:
    """Whatever was dialed in the tunnel: TCP would try again after 1, 3, 7, 15 s only."""
    world = slow_world("lte")
    phone = world.phones[0]
    phone.weather.blackout(world.clock.now_s, dark_s)
    say(world, 0, 1)
    pass_time(world, dark_s)
    assert states(phone, world.phones[1])[-1] == "queued"
    phone.hear(NetworkChanged("slow"))
    pass_time(world, 1.0)
    assert states(phone, world.phones[1])[-1] == "delivered"
    make_peace(world)


def test_in_the_background_a_phone_sleeps_and_a_push_lets_it_fetch_its_mail() -> None:
    world = calm_world()
    talk(world, 2, 1.0)
    pass_time(world, 5)
    sleeper = world.phones[1]
    sleeper.hear(Attention(foreground=False))
    pass_time(world, 5)
    assert sleeper.engine.link.state is Reach.SLEEPING
    say(world, 0, 1)
    pass_time(world, 3600)
    assert states(world.phones[0], sleeper)[-1] == "sent"
    sleeper.hear(Attention(foreground=False))
    pass_time(world, 5)
    assert states(world.phones[0], sleeper)[-1] == "delivered"
    assert sleeper.engine.link.state is Reach.SLEEPING
    sleeper.hear(Attention(foreground=True))
    make_peace(world)
