"""What people say of themselves in a world, and the model that what others know of them is held against."""

import random
from functools import partial
from typing import TYPE_CHECKING, Final

from onebar.core.content import Profile
from onebar.core.profiles import OWN
from onebar.core.turn import SetProfile
from tests.simulation.faults import ANEW, MALICE, REJECTING, Kind

if TYPE_CHECKING:
    from tests.simulation.phone import Phone
    from tests.simulation.world import World

SHARE: Final = 0.25
"""In which share of the worlds people have profiles: the others are as they were before there were any."""

CHANGES_MAX: Final = 3
"""How often one person changes it at most."""

LOSING: Final = {Kind.NIGHT, Kind.RESTORE, *ANEW, *MALICE, *REJECTING}
"""After these a profile may be lost on its way, until the next one or a month later: it is told without a receipt."""


def plan(world: "World", from_s: float, seconds: float) -> None:
    """Let people say something of themselves, at any time."""
    dice = random.Random(f"{world.seed} profiles")
    if dice.random() >= SHARE:
        return
    for person in range(len(world.phones)):
        for number in range(dice.randint(0, CHANGES_MAX)):
            deed = partial(say, world, person, f"{number} of person {person}")
            world.clock.at(from_s + dice.uniform(0, seconds), deed)


def say(world: "World", person: int, name: str) -> None:
    """Let a person say something of themselves; whether that is stored is not waited for."""
    world.names.setdefault(person, set()).add(name)
    world.phones[person].hear(SetProfile(name=name))


def judge(world: "World") -> None:
    """Judge what everybody knows of everybody, when all is drained."""
    for author in world.phones:
        own = author.store.profiles.get(OWN)
        for reader in world.phones:
            if reader is not author:
                _judge(world, author, own, reader)


def _judge(world: "World", author: "Phone", own: Profile | None, reader: "Phone") -> None:
    known = reader.store.profiles.of(author.number)
    said = world.names.get(author.no - 1, set())
    true = known is None or known.name in said
    world.checks.look("profiles-are-true", true, f"{reader.name} takes {author.name} for somebody else")
    lost = LOSING & world.touched.keys()
    newer = known is not None and (own is None or known.counter > own.counter)
    world.checks.look("profiles-are-true", not newer or bool(lost), f"{reader.name} knows more than {author.name} said")
    if own is None:
        return
    opened = any(world.sayings[text].author == author.no - 1 for text in reader.app.heard if text in world.sayings)
    if opened and not lost:
        world.checks.look("profiles-are-told", known == own, f"{reader.name} knows {known} of {author.name}, not {own}")
