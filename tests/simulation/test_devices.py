"""People with two phones: what is said reaches both, and what is said on one is on the other."""

import random

import pytest

from onebar.core.turn import RemoveDevice
from onebar.events import DeviceRemoved
from onebar.models import MessageState
from tests.simulation import havoc
from tests.simulation.app import Saying
from tests.simulation.faults import Fault, Kind
from tests.simulation.phone import Phone
from tests.simulation.scenarios import (
    SETTLE_S,
    add_phone,
    calm_world,
    came,
    cut_often,
    expect,
    make_peace,
    pass_time,
    say,
    talk,
)
from tests.simulation.world import World


def say_on(world: World, phone: Phone, reader: int) -> Saying:
    """Let a person say something on a certain one of the phones."""
    saying = expect(world, phone.no - 1, reader, f"{len(world.sayings)} on {phone.name}")
    phone.app.say(saying)
    return saying


def two_phones_each(seed: int) -> tuple[World, list[Phone]]:
    """Make a world in which Alice and Bob have two phones each, and all know whom they talk to."""
    world = calm_world(seed)
    talk(world, 1, 1.0)
    pass_time(world, 5)
    phones = [*world.phones, add_phone(world, 0), add_phone(world, 1)]
    pass_time(world, 5)
    for phone in phones[2:]:
        say_on(world, phone, 2 - phone.no)
        pass_time(world, 5)
    return world, phones


def have_everything(world: World, phones: list[Phone]) -> bool:
    """Whether what each has said since all four are there is on all phones of both, once."""
    later = dict(list(world.sayings.items())[len(world.phones) :])
    said = [sorted(text for text, saying in later.items() if saying.author == no) for no in (0, 1)]
    return all(
        sorted(text for text in came(phone, world.phones[2 - phone.no]) if text in later) == said[2 - phone.no]
        and sorted(text for text in own_words(phone, world.phones[2 - phone.no]) if text in later) == said[phone.no - 1]
        for phone in phones
    )


def own_words(phone: Phone, to: Phone) -> list[str]:
    """Return what stands in a phone's history as said by its own person, wherever it was said."""
    return [message.text for message in phone.store.history(to.number, 10_000) if message.outgoing]


def test_what_is_said_reaches_both_phones_of_the_reader_and_the_other_one_of_the_author() -> None:
    world, phones = two_phones_each(1)
    for phone in phones:
        say_on(world, phone, 2 - phone.no)
        pass_time(world, 2)
    pass_time(world, SETTLE_S)
    make_peace(world)
    assert have_everything(world, phones)


def test_a_new_phone_that_knows_nobody_has_what_is_said_on_the_other_one() -> None:
    world = calm_world()
    bob = world.phones[1]
    alice_b = add_phone(world, 0)
    text = say(world, 0, 1)
    pass_time(world, SETTLE_S)
    make_peace(world)
    assert own_words(alice_b, bob) == [text]


def test_a_phone_that_is_added_in_a_conversation_gets_what_is_said_from_then_on() -> None:
    world = calm_world()
    alice, bob = world.phones
    for _ in range(5):
        say(world, 0, 1)
        pass_time(world, 1)
    bob_b = add_phone(world, 1)
    later = [say(world, 0, 1) for _ in range(3)]
    pass_time(world, SETTLE_S)
    make_peace(world)
    assert came(bob, alice)[-3:] == later
    assert came(bob_b, alice)[-3:] == later


def test_a_phone_that_is_removed_hears_so_and_nothing_more() -> None:
    world = calm_world()
    alice, bob = world.phones
    bob_b = add_phone(world, 1)
    say(world, 0, 1)
    pass_time(world, 10)
    bob.hear(RemoveDevice(bob_b.engine.device.device))
    pass_time(world, 10)
    last = say(world, 0, 1)
    pass_time(world, SETTLE_S)
    make_peace(world)
    assert DeviceRemoved.__name__ in bob_b.app.told
    assert came(bob, alice)[-1] == last
    assert last not in came(bob_b, alice)
    assert alice.store.history(bob.number, 1)[0].state is MessageState.DELIVERED


@pytest.mark.parametrize("seed", range(6))
def test_both_phones_have_everything_although_links_break_and_phones_die(seed: int) -> None:
    world, phones = two_phones_each(seed)
    dice, now_s = random.Random(seed), world.clock.now_s
    cut_often(world, 30, 12)
    kinds = (Kind.CRASH_IN_COMMIT, Kind.CRASH_AFTER_COMMIT, Kind.TORN_OUTPUTS, Kind.COMMIT_ERROR)
    havoc.plan(world, tuple(Fault(dice.choice(kinds), dice.randint(0, 2), now_s + dice.uniform(0, 30), dice.random())
                            for _ in range(12)))  # fmt: skip
    for _ in range(30):
        phone = dice.choice(phones)
        say_on(world, phone, 2 - phone.no)
        pass_time(world, dice.expovariate(1.0))
        if dice.random() < 0.1:
            dice.choice(phones[2:]).crash()
    pass_time(world, SETTLE_S)
    make_peace(world)
    assert have_everything(world, phones)
