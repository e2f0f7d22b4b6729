"""Visit every state that can be reached, shortest way first."""

from contextlib import closing
from typing import NamedTuple

from tests.simulation.model.product import Product, World
from tests.simulation.model.rules import CHANCES, Event, InTurns, Rules, Step
from tests.simulation.model.state import Scope, State, broken_promise, final, shown


class Explored(NamedTuple):
    """What a model can come to."""

    states: set[State]
    transitions: int
    broken: str
    """The first promise that a state breaks, or nothing."""


def explore_model(rules: Rules) -> Explored:
    """Visit all states of a model; none is followed beyond a broken promise."""
    start = rules.start
    waiting, states, transitions, first = [start], {start}, 0, ""
    for state in waiting:  # grows meanwhile
        broken = broken_promise(state, rules.scope)
        steps = [] if broken else list(rules.steps(state))
        if not (broken or final(state, rules.scope) or any(event.kind not in CHANCES for event, _ in steps)):
            broken = "stuck: not all is final, and nothing is due"
        first = first or broken
        for _, after in steps:
            transitions += 1
            if after not in states:
                states.add(after)
                waiting.append(after)
    return Explored(states, transitions, first)


Origins = dict[World, tuple[World, Event] | None]
"""From where, and by what, each state of the product was reached first."""


class MismatchError(AssertionError):
    """The product does something else than the rules; the text says what, and how it comes about."""


class Checked(NamedTuple):
    """How much was compared."""

    states: int
    """Of the model; the product agrees on each of them."""
    transitions: int
    worlds: int
    """States of the product: several may stand for one of the model, because the product remembers more."""
    turns: int
    """Turns of the client and the server that were run for real."""


class Visited(NamedTuple):
    """Where the product was led."""

    origins: Origins
    states: set[State]
    transitions: int


def explore(scope: Scope) -> Checked:
    """Lead the product through everything that the model can come to, and compare after every step.

    Raises:
        MismatchError: They differ; the way there is one of the shortest.
    """
    with closing(Product(scope)) as product:
        origins, states, transitions = visit(product, InTurns(scope))
        return Checked(len(states), transitions, len(origins), product.turns)


def visit(product: Product, rules: InTurns) -> Visited:
    """Visit all states of a product beside those of the rules; see `explore`."""
    origins: Origins = {product.start: None}
    waiting, states, transitions = [(product.start, rules.start)], {rules.start}, 0
    known: dict[State, list[Step]] = {}
    for world, state in waiting:  # grows meanwhile
        steps = known.get(state) or known.setdefault(state, list(rules.steps(state)))
        transitions += len(steps)
        for event, expected in steps:
            after = product.after(world, event)
            if difference := compare(product, after, expected):
                raise MismatchError("\n".join([*_way(origins, world), str(event), difference]))
            if after not in origins:
                origins[after] = world, event
                waiting.append((after, expected))
                states.add(expected)
    return Visited(origins, states, transitions)


def compare(product: Product, world: World, expected: State) -> str:
    """Return how the product's state differs from the model's, or nothing."""
    found, app_sees, settled = product.seen(world)
    lines = [f"{name}: the product has {ours!r}, the rules say {theirs!r}"
             for name, ours, theirs in zip(State._fields, found, expected, strict=True) if ours != theirs]  # fmt: skip
    if app_sees != shown(expected):
        lines.append(f"shown: the product shows {app_sees!r}, the rules say {shown(expected)!r}")
    if settled != expected.settled:
        lines.append(f"settled: the client's floor is {settled}, the rules say {expected.settled}")
    return "\n".join(lines)


def _way(origins: Origins, world: World) -> list[str]:
    events = []
    while (origin := origins[world]) is not None:
        world, event = origin
        events.append(str(event))
    return events[::-1]
