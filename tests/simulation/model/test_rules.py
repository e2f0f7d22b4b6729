"""The model alone: it keeps its promises, notices broken ones, and agrees with the model beside the project."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.simulation.model.explore import Explored, explore_model
from tests.simulation.model.rules import AtAnyTime, Event, InTurns, Kind, Rules, Step
from tests.simulation.model.state import (
    FIRST,
    MISSING,
    OUT,
    REJECTED,
    SENT,
    Down,
    Envelope,
    Link,
    Notes,
    Scope,
    State,
    Up,
)

pytestmark = pytest.mark.slow

OTHER: Final = Path(__file__).parents[4] / "shared" / "model" / "delivery_model.py"
"""A model by somebody else, where the team keeps it."""

beside = pytest.mark.skipif(not OTHER.exists(), reason=f"there is no {'/'.join(OTHER.parts[-3:])} beside the project")

PLAIN, TOPPED, CALM = Scope(), Scope(rejects=0, second=True), Scope(faults=0, second=True)
SCOPES = [PLAIN, CALM, Scope("AAB", rejects=0), Scope("ABA", faults=0, window=3, second=True)]


class MarkFirst(AtAnyTime):
    def learn(self, state: State, mark: int, notes: Notes) -> State:
        return super().learn(state, mark, ())


class ForgottenNotes(AtAnyTime):
    def answer(self, state: State, place: int, kind: str, number: int) -> State:
        return super().answer(state, place, kind, number)._replace(notes=())


class BareWelcome(AtAnyTime):
    def answer(self, state: State, place: int, kind: str, number: int) -> State:
        if kind == "welcome":
            return self.say(state, place, Down(kind, state.mark))
        return super().answer(state, place, kind, number)


class BareAccepted(AtAnyTime):
    def answer(self, state: State, place: int, kind: str, number: int) -> State:
        if kind == "accepted":
            return self.say(state, place, Down(kind, state.mark, tuple(n for n in state.notes if n[0] == number)))
        return super().answer(state, place, kind, number)


class JudgedAgain(AtAnyTime):
    def takes(self, state: State, number: int) -> bool:
        return number <= state.mark + 1


class NoContiguity(AtAnyTime):
    def takes(self, state: State, number: int) -> bool:
        return number > state.mark


class HelloOnly(AtAnyTime):
    def submission(self, state: State, number: int) -> Up:
        return Up("submit", number, 0)


class Resealed(AtAnyTime):
    def fresh(self, state: State) -> list[int]:
        last = {envelope.message: envelope.verdict for envelope in state.outbox}
        return [m for m in range(len(self.scope.chats)) if last.get(m, REJECTED) == REJECTED]


class EarlyFloor(AtAnyTime):
    def own_steps(self, state: State) -> Iterator[Step]:
        yield from super().own_steps(state)
        for place, link in enumerate(state.links):
            if link.whole and link.down:
                up = (*link.up, Up("hello", 0, link.down[0].mark))
                links = state.with_link(place, link._replace(up=up)).links
                dead = tuple(other._replace(whole=False, down=()) for other in links)
                yield Event(Kind.CLIENT_DIES), state._replace(links=dead, confirmed=False)


class TwoCommits(AtAnyTime):
    def own_steps(self, state: State) -> Iterator[Step]:
        yield from super().own_steps(state)
        for link in state.links:
            if link.up and link.up[0].kind == "submit" and self.takes(state, link.up[0].number):
                boxes = self.stored(state, state.outbox[link.up[0].number - 1])
                yield Event(Kind.SERVER_DIES), self.server_dies(state._replace(boxes=boxes))


class Unsure(AtAnyTime):
    def holding_back(self, state: State) -> list[int]:
        return list(state.due)


class Overtaking(AtAnyTime):
    def holding_back(self, state: State) -> list[int]:
        return [envelope.message for envelope in state.outbox if envelope[1:] == (FIRST, OUT)]


CHANGED: list[tuple[type[AtAnyTime], str, Scope]] = [
    (ForgottenNotes, "forget-notes", PLAIN),
    (BareWelcome, "bare-Welcome", PLAIN),
    (BareAccepted, "bare-Accepted", PLAIN),
    (MarkFirst, "mark-first", PLAIN),
    (EarlyFloor, "early-floor", PLAIN),
    (HelloOnly, "hello-only", PLAIN),
    (TwoCommits, "two-commits", PLAIN),
    (JudgedAgain, "judge-again", PLAIN),
    (NoContiguity, "no-contiguity", PLAIN),
    (Resealed, "reseal", PLAIN),
    (Unsure, "unsure", CALM),
    (Overtaking, "overtake", CALM),
]
"""A rule with one part changed: our way to change it, and the other model's name for it."""

HARMLESS = {"hello-only", "no-contiguity"}
"""These hold as long as every link carries the outbox in order and without holes."""


_explored: dict[tuple[type[Rules], Scope], Explored] = {}


def explored(kind: type[Rules], scope: Scope) -> Explored:
    """Explore once what several tests look at."""
    if (kind, scope) not in _explored:
        _explored[kind, scope] = explore_model(kind(scope))
    return _explored[kind, scope]


@pytest.mark.parametrize("kind", [AtAnyTime, InTurns])
@pytest.mark.parametrize("scope", SCOPES)
def test_the_rules_keep_every_promise(kind: type[Rules], scope: Scope) -> None:
    assert explored(kind, scope).broken == ""


@pytest.mark.parametrize("scope", [PLAIN, CALM])
def test_the_product_chooses_among_what_the_rules_allow(scope: Scope) -> None:
    allowed = {ours(state) for state in explored(AtAnyTime, scope).states}
    assert {ours(state) for state in explored(InTurns, scope).states} <= allowed


@pytest.mark.parametrize(("kind", "change", "scope"), CHANGED)
def test_a_rule_with_one_part_changed_breaks_a_promise(kind: type[Rules], change: str, scope: Scope) -> None:
    assert bool(explored(kind, scope).broken) == (change not in HARMLESS)


def test_what_waits_for_nothing_is_noticed() -> None:
    class Asleep(AtAnyTime):
        def own_steps(self, state: State) -> Iterator[Step]:
            return iter(())

    assert explore_model(Asleep(PLAIN)).broken.startswith("stuck")


@beside
@pytest.mark.parametrize("scope", [*SCOPES, TOPPED])
def test_the_other_model_comes_to_the_same_states(scope: Scope) -> None:
    other = load_other()
    found = reached(other, variant(other, scope))
    assert {theirs(other, state) for state in found} == {ours(s) for s in explored(AtAnyTime, scope).states}


@beside
@pytest.mark.parametrize(("kind", "change", "scope"), CHANGED)
def test_the_other_model_finds_the_same_changes_harmful(kind: type[Rules], change: str, scope: Scope) -> None:
    other = load_other()
    *_, why, _ = other.explore(variant(other, scope, change))
    assert bool(why) == bool(explored(kind, scope).broken)


def load_other() -> Any:
    """Run the other model's text; importing it would leave a cache beside it.

    It has no rule for what fences an older link but that every Hello does; ours is what follows a Hello (R16).
    """
    module = types.ModuleType("delivery_model")
    text = OTHER.read_text("utf-8")
    assert FENCE_THEIRS in text
    exec(compile(text.replace(FENCE_THEIRS, FENCE_OURS), OTHER.name, "exec"), module.__dict__)
    return module


FENCE_THEIRS = """
        if n == HELLO and "fence" in v.changes:
            t = t.broken("up", but=range(i, len(s.links)))
"""
FENCE_OURS = """
        if "fence" in v.changes:
            late = [j for j in range(i) if n != HELLO or [f[0] for f in s.links[j].up[:1]] == [HELLO]]
            t = t.broken("up", but=[j for j in range(len(s.links)) if j not in late])
"""


def variant(other: Any, scope: Scope, *changes: str) -> Any:
    """Return our rules and scope in its words: links carry the outbox in order, and a newer Hello ends older ones."""
    base = ("in-order", "no-resend", "fence", *changes)
    return other.Variant(base, scope.chats, scope.faults, scope.rejects, scope.window, scope.second)


def reached(other: Any, changed: Any) -> set[Any]:
    """Return all states of the other model."""
    start = other.State(changed.faults, changed.rejects)
    waiting, states = [start], {start}
    for state in waiting:  # grows meanwhile
        for _, _, after in other.steps(state, changed):
            if after not in states:
                states.add(after)
                waiting.append(after)
    return states


def ours(state: State) -> State:
    """Return what both models say: all but what is on the links, which they cut and close a little differently."""
    return state._replace(written=0, knows_second=False, confirmed=False, floor=0, links=())


def theirs(other: Any, state: Any) -> State:
    """Return the same of a state of the other model. It keeps `missing` as a verdict; ours keeps what is due for it."""
    words = {other.OUT: OUT, other.SENT: SENT, other.MISSING: SENT, other.REJECTED: REJECTED}
    topped = {message for message, devices, _ in state.outbox if devices == "2"}
    outbox = tuple(Envelope(m, tuple(map(int, devices)), words[verdict]) for m, devices, verdict in state.outbox)
    due = tuple(m for m, _, verdict in state.outbox if verdict == other.MISSING and m not in topped)
    notes = tuple((n, REJECTED if kind == other.REJECTED else MISSING) for n, kind in state.notes)
    return State(state.faults, state.rejects, outbox=outbox, due=due, mark=state.mark, notes=notes,
                 boxes=state.boxes, second_since=state.d2_since)  # fmt: skip


def test_both_ends_forget_a_link_that_delivers_nothing_more() -> None:
    broken = Link((), (), whole=False, welcomed=True, position=3)
    reading = broken._replace(down=(Down("accepted", 1),))
    writing = broken._replace(up=(Up("submit", 1),))
    tidied = State(0, 0, links=(broken, reading, writing)).tidy().links
    assert tidied == (reading, Link((Up("submit", 1),), whole=False))
