"""Profiles over several phones of a person, over crashes, and where they are lost on their way."""

import pytest

from onebar.core.content import Profile
from onebar.core.profiles import OWN
from onebar.core.turn import SetProfile
from onebar.store.profiles import TOLD_AGAIN_MS
from tests.simulation import profiles
from tests.simulation.faults import AT_COMMIT, Fault, Kind
from tests.simulation.phone import Phone
from tests.simulation.scenarios import add_phone, befall, calm_world, make_peace, pass_time, say
from tests.simulation.world import World


def names(world: World, *phones: Phone) -> list[str | None]:
    """How each of these phones knows the first person; its own phones by their own profile."""
    author = world.phones[0]
    found = [
        phone.store.profiles.get(OWN) if phone.no == author.no else phone.store.profiles.of(author.number)
        for phone in phones
    ]
    return [None if one is None else one.name for one in found]


def test_all_phones_of_a_person_agree_and_so_do_their_friends() -> None:
    world = calm_world()
    alice, bob = world.phones
    second = add_phone(world, 0)
    profiles.say(world, 0, "Alice")
    say(world, 0, 1)
    pass_time(world, 10)
    assert names(world, alice, second, bob) == ["Alice"] * 3
    world.names[0].add("Alicia")
    second.hear(SetProfile(name="Alicia"))
    say(world, 0, 1)
    pass_time(world, 10)
    assert names(world, alice, second, bob) == ["Alicia", "Alicia", "Alicia"]
    make_peace(world)


@pytest.mark.parametrize("kind", sorted(AT_COMMIT))
@pytest.mark.parametrize("amount", [0.0, 0.9])
def test_whatever_crash_meets_the_change_who_was_written_to_hears_of_what_was_stored(kind: Kind, amount: float) -> None:
    world = calm_world()
    alice, bob = world.phones
    say(world, 0, 1)
    pass_time(world, 10)
    for party in (alice.no, bob.no):
        befall(world, kind, party, amount=amount)
    profiles.say(world, 0, "Alice")
    pass_time(world, 60)
    assert names(world, alice, bob) in (["Alice", "Alice"], [None, None])
    make_peace(world)


def test_what_was_lost_on_its_way_comes_with_a_message_a_month_later() -> None:
    world = calm_world()
    bob = world.phones[1]
    say(world, 0, 1)
    profiles.say(world, 0, "Alice")
    pass_time(world, 10)
    bob.database.connection.execute("DELETE FROM profile")  # as if it had not opened
    say(world, 0, 1)
    pass_time(world, 60)
    assert names(world, bob) == [None]
    pass_time(world, TOLD_AGAIN_MS / 1000)
    say(world, 0, 1)
    pass_time(world, 60)
    assert names(world, bob) == ["Alice"]


def test_who_restores_an_old_phone_does_not_take_a_newer_name_from_others() -> None:
    world = calm_world()
    alice, bob = world.phones
    say(world, 0, 1)
    pass_time(world, 10)
    image = alice.image()
    profiles.say(world, 0, "Alice")
    pass_time(world, 10)
    world.fired(Fault(Kind.RESTORE, alice.no, world.clock.now_s), alice)
    world.restore(alice, image)
    pass_time(world, 60)
    assert names(world, alice, bob) == [None, "Alice"]
    profiles.say(world, 0, "Alicia")
    say(world, 0, 1)
    pass_time(world, 60)
    assert names(world, alice, bob) == ["Alicia", "Alicia"]
    known = bob.store.profiles.of(alice.number)
    assert isinstance(known, Profile)
