"""The product against the rules, state by state, in worlds that take seconds; `python -m` takes larger ones."""

import random
from collections.abc import Iterator
from contextlib import closing

import pytest

from onebar.core.frames import decode_server
from tests.simulation.model.client import Client
from tests.simulation.model.explore import compare, explore, explore_model, visit
from tests.simulation.model.product import Product, World
from tests.simulation.model.rules import InTurns
from tests.simulation.model.server import Part, Server, ServerSaid
from tests.simulation.model.state import Scope

pytestmark = pytest.mark.slow

WORLDS = [Scope(), Scope("AAA", faults=0, window=3, second=True)]


@pytest.mark.parametrize("scope", WORLDS)
def test_the_product_does_what_the_rules_say_whatever_happens_in_whatever_order(scope: Scope) -> None:
    checked = explore(scope)
    model = explore_model(InTurns(scope))
    assert (checked.states, model.broken) == (len(model.states), "")
    assert checked.worlds > checked.states


def test_the_product_tops_up_a_second_device_as_the_rules_say_with_one_fault_anywhere() -> None:
    assert explore(Scope(rejects=0, second=True)).states > 2000


@pytest.mark.parametrize("seed", range(20))
def test_a_walk_that_never_goes_back_agrees_too(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing is remembered outside of what counts as a state, and what was tried once is always so."""
    monkeypatch.setattr(Client, "_go", lambda *_: None)
    monkeypatch.setattr(Server, "_go", lambda *_: None)
    dice, scope = random.Random(seed), Scope("AAA", faults=4, rejects=1, second=True)
    rules = InTurns(scope)
    with closing(Product(scope)) as product:
        world, state = product.start, rules.start
        while steps := list(rules.steps(state)):
            event, state = dice.choice(steps)
            product.forget()
            world = product.after(world, event)
            assert not compare(product, world, state)
            if len(state.outbox) == len(scope.chats) and not state.links:
                return


def test_frames_that_share_a_turn_of_the_server_have_the_same_effect_as_one_by_one() -> None:
    scope, compared = Scope(rejects=0), 0
    with closing(Product(scope)) as product:
        for world in visit(product, InTurns(scope)).origins:
            for parts in sharing(world):
                compared += 1
                state, said = world.server, list[ServerSaid]()
                for part in parts:
                    state, words = product.server.step(state, part)
                    said += words
                together, at_once = product.server.step(world.server, *parts)
                assert (together, last_words(at_once)) == (state, last_words(said))
    assert compared > 100, compared


def sharing(world: World) -> Iterator[tuple[Part, ...]]:
    """Yield all that waits on one link, and what two links bring first. A whole flight fences nobody: it differs."""
    for wire in world.wires:
        if len(wire.up) > 1 and not wire.up[0].flight:
            yield tuple(Part(wire.link, item) for item in wire.up)
        yield from (
            (Part(wire.link, wire.up[0]), Part(other.link, other.up[0]))
            for other in world.wires
            if other is not wire and wire.up and other.up
        )


def last_words(said: list[ServerSaid] | tuple[ServerSaid, ...]) -> dict[int, tuple[dict[str, bytes], bool]]:
    """Return for each link the last frame of each kind, and whether it is closed: verdicts are cumulative.

    What is said to a link that is closed with it does not count.
    """
    words: dict[int, tuple[dict[str, bytes], bool]] = {}
    for link, messages, closes in said:
        frames, closed = words.get(link, ({}, False))
        kinds = {type(decode_server(message)[0]).__name__: message for message in messages}
        words[link] = {**frames, **kinds}, closed or closes
    return {link: ({}, True) if closed else (frames, closed) for link, (frames, closed) in words.items()}
