"""A calm world to begin with, and what the scenarios do in it: talk, let time pass, break something, look."""

import random

from onebar.core.trust import known_list
from onebar.core.turn import AddDevice, Registered
from onebar.models import Message, MessageState
from onebar_mockserver.limits import ServerLimits
from tests.simulation import havoc, verdict
from tests.simulation.app import Saying
from tests.simulation.faults import Fault, Kind
from tests.simulation.phone import Image, Phone
from tests.simulation.world import JOINED_S, PEACE, Plan, World

ADDED_S = 120
"""By then a second phone has been added, whatever breaks."""

SETTLE_S = 400.0
"""By then everything has been asked for again as often as it may be (R11)."""


def calm_world(
    seed: int = 1, *, phones: int = 2, limits: ServerLimits | None = None, reads: float = 0.0, keep_all: bool = False
) -> World:
    """Make a world in which nothing goes wrong, and in which everybody has joined."""
    world = World(Plan(seed, phones, 8, PEACE, (), 0.0, (), reads), keep_all=keep_all)
    if limits is not None:
        world.server.limits = limits
        world.server.crash()
        world.crashes = 0
    world.clock.run_until(JOINED_S)
    return world


def add_phone(world: World, person: int) -> Phone:
    """Give a person a second phone, approved by the first one as the client does it."""
    first = world.phones[person]
    new = Phone(world, first.no, f"{first.name} b", first.number)
    world.further.append(new)
    keys = new.engine.public_keys()
    first.hear(AddDevice(keys))
    for _ in range(ADDED_S):
        pass_time(world, 1.0)
        contact, stock = first.store.contacts.contact(first.engine.device.account), first.engine._state.stock
        devices = known_list(contact)
        if contact is None or devices is None or stock is None or stock.list_counter < devices.counter:
            continue
        for one in devices.certificates:
            if one.keys == keys:
                new.hear(Registered(one.account, one.device, first.number, contact.devices))
                return new
    raise AssertionError(f"{first.name} has no second phone after {ADDED_S} s")


def pass_time(world: World, seconds: float) -> None:
    """Let time pass."""
    world.clock.run_until(world.clock.now_s + seconds)


def say(world: World, author: int, reader: int, words: str = "hello") -> str:
    """Let a person say something; return the text, which begins with its number."""
    saying = expect(world, author, reader, f"{len(world.sayings)} {words}")
    world.phones[author].app.say(saying)
    return saying.text


def expect(world: World, author: int, reader: int, text: str) -> Saying:
    """Let the checkers know that this text is said by one person to another."""
    world.sayings[text] = saying = Saying(len(world.sayings), author, reader, text, world.clock.now_s)
    return saying


def talk(world: World, rounds: int, pause_s: float) -> None:
    """Let everybody say something to everybody, several times."""
    people = range(len(world.phones))
    for _ in range(rounds):
        for author in people:
            for reader in people:
                if author != reader:
                    say(world, author, reader)
        pass_time(world, world.dice.expovariate(1 / pause_s))


def cut_often(world: World, seconds: float, times: int) -> None:
    """Cut connections of everybody at random for a while, with what is on its way or behind it."""
    dice, now_s = random.Random(f"{world.seed} cuts"), world.clock.now_s
    havoc.plan(
        world,
        tuple(
            Fault(Kind.CUT, dice.randint(1, len(world.phones)), now_s + dice.uniform(0, seconds), dice.random())
            for _ in range(times)
        ),
    )


def befall(world: World, kind: Kind, party: int, *, in_s: float = 0.0, amount: float = 0.0) -> None:
    """Let a fault happen, and pass until it has begun."""
    havoc.plan(world, (Fault(kind, party, world.clock.now_s + in_s, amount),))
    pass_time(world, in_s)


def make_peace(world: World) -> None:
    """End all that goes on, and let every checker judge."""
    world._make_peace()
    verdict.judge(world)


def restore(world: World, phone: Phone, image: Image) -> None:
    """Put an older image on a phone, as the fault of that name does."""
    world.fired(Fault(Kind.RESTORE, phone.no, world.clock.now_s), phone)
    world.restore(phone, image)


def said(author: Phone, reader: Phone) -> list[Message]:
    """Return what one said to the other, as it stands in the author's history."""
    return [message for message in author.store.history(reader.number, 10_000) if message.outgoing]


def states(author: Phone, reader: Phone) -> list[MessageState]:
    """Return the states of what one said to the other."""
    return [message.state for message in said(author, reader)]


def came(reader: Phone, author: Phone) -> list[str]:
    """Return the texts of the author in the reader's history, in order."""
    return [message.text for message in reader.store.history(author.number, 10_000) if not message.outgoing]


def all_came_in_order(world: World) -> bool:
    """Whether everything that was said is in the reader's history once, in order, and shown as delivered."""
    return all(
        came(reader, author) == [text for text, what in world.sayings.items() if (what.author, what.reader) == pair]
        and set(states(author, reader)) <= {MessageState.DELIVERED}
        for pair, author, reader in (
            ((a, r), world.phones[a], world.phones[r])
            for a in range(len(world.phones))
            for r in range(len(world.phones))
            if a != r
        )
    )
