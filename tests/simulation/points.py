"""The smallest world, two phones and one message: every point at which it can break, and every way to break there.

A commit is a point, and so is a message on a link. A point is named by its number, as counted by the party that
commits or the phone whose message it is, from the beginning of the world: before anybody has registered.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from onebar.core.frames import ServerFrame
from onebar.core.turn import Input, Turn
from onebar_loadtest.workloads import Say
from tests.simulation.checkers import Checks, ViolationError
from tests.simulation.clock import SpinningError
from tests.simulation.faults import SERVER, Fault, Kind
from tests.simulation.world import JOINED_S, PEACE, Plan, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.backend import Server
    from tests.simulation.network import Wire
    from tests.simulation.party import Party
    from tests.simulation.phone import Phone

SMALL: Final = Plan(seed=1, phones=2, window=8, profile=PEACE, script=(Say(0.0, 0, 1, 20),), seconds=4.0, faults=())
"""Two phones and one message; 12 s, so that what broke twice is dialed again before peace is made."""


SWITCHED_ON: Final = 1
"""The commit in which a new phone makes its keys, before anything is known to anybody: nothing breaks before it."""


class Way(NamedTuple):
    """A way to break."""

    kind: Kind
    amount: float


AT_COMMIT: Final[dict[str, Way]] = {
    "lost": Way(Kind.CRASH_IN_COMMIT, 0.0),
    "kept": Way(Kind.CRASH_IN_COMMIT, 1.0),
    "nothing said": Way(Kind.CRASH_AFTER_COMMIT, 0.0),
    "all said": Way(Kind.CRASH_AFTER_COMMIT, 1.0),
}
"""The ways to die at a commit that differ in what is left. Those between two outputs are added where there are two."""

AT_MESSAGE: Final[dict[str, Way]] = {"cut, lost": Way(Kind.CUT, 0.0), "cut, arrived": Way(Kind.CUT, 1.0)}
"""The ways in which a connection ends at a message."""

ALONE_AT_COMMIT: Final[dict[str, Way]] = {
    "before": Way(Kind.CRASH_BEFORE_COMMIT, 0.0),
    "error, lost": Way(Kind.COMMIT_ERROR, 0.0),
    "error, kept": Way(Kind.COMMIT_ERROR, 1.0),
}
"""Tried alone only: who dies before a commit leaves what is left when it is lost; an error is no death."""

ALONE_AT_MESSAGE: Final[dict[str, Way]] = {"half-open": Way(Kind.HALF_OPEN, 0.5)}
"""Tried alone only: it is a loss of which both ends hear late."""


@dataclass
class Counts:
    """How far each party has come."""

    commits: list[int]
    messages: list[int]


@dataclass
class Outcome:
    """What a run came to."""

    why: str
    """The checker that objects, the exception that came, or nothing."""
    fired: int
    """How many of the faults happened."""
    begins: Counts
    """How far each party was at the last fault."""
    ends: Counts
    """How far each party was when peace was made: later, nothing breaks any more."""
    joining: bool = False
    """Whether the last fault came while people were joining and publishing their keys."""
    outputs: dict[tuple[int, int], int] = field(default_factory=dict)
    """How many things each party said after each commit: (party, commit) → outputs, or links."""


class SmallWorld(World):
    """A world that counts the points at which it can break."""

    def __init__(self, faults: tuple[Fault, ...] = (), *, keep_all: bool = False) -> None:
        self.begins = Counts([0, *SMALL.phones * [SWITCHED_ON]], [0] * (1 + SMALL.phones))
        self.outputs: dict[tuple[int, int], int] = {}
        self.joining = False
        super().__init__(SMALL, keep_all=keep_all, early=faults)
        self.checks = _Listening(self)
        self.ends = self.counts()

    @property
    def parties(self) -> "list[Party]":
        """The server and the phones, by their numbers."""
        return [self.server, *self.phones]

    def counts(self) -> Counts:
        """Return how far each party has come."""
        return Counts([party.commits for party in self.parties], [party.messages for party in self.parties])

    def fired(self, fault: Fault, party: "Party") -> None:
        super().fired(fault, party)
        self.begins, self.joining = self.counts(), self.clock.now_s < JOINED_S

    def saw_turn(self, phone: "Phone", inputs: "Sequence[Input]", turn: Turn) -> None:
        super().saw_turn(phone, inputs, turn)
        self.outputs.setdefault((phone.no, phone.commits), len(turn.outputs))

    def _make_peace(self) -> None:
        self.ends = self.counts()
        super()._make_peace()


class _Listening(Checks):
    def __init__(self, world: SmallWorld) -> None:
        super().__init__(world)
        self._small = world

    def server_says(self, server: "Server", wire: "Wire", frames: list[ServerFrame]) -> None:
        super().server_says(server, wire, frames)
        outputs, commit = self._small.outputs, (SERVER, server.commits)
        outputs[commit] = outputs.get(commit, 0) + 1


def run(*faults: Fault) -> Outcome:
    """Run the small world with these faults."""
    world, why = SmallWorld(faults), ""
    try:
        world.run()
    except ViolationError as error:
        why = error.checker
    except (Exception, SpinningError) as error:  # noqa: BLE001 - whatever the product raises is a finding
        why = type(error).__name__
    return Outcome(why, sum(world.fired_kinds.values()), world.begins, world.ends, world.joining, world.outputs)


def break_after(outcome: Outcome, *, alone: bool = False) -> Iterator[Fault]:
    """Yield every way to break at every point of a run that comes after its last fault; `alone`: those only, too."""
    at_commit = AT_COMMIT | (ALONE_AT_COMMIT if alone else {})
    at_message = AT_MESSAGE | (ALONE_AT_MESSAGE if alone else {})
    for party, (begins, ends) in enumerate(zip(outcome.begins.commits, outcome.ends.commits, strict=True)):
        for nth in range(begins + 1, ends + 1):
            for way in at_commit.values():
                yield Fault(way.kind, party, 0.0, way.amount, nth)
            outputs = outcome.outputs.get((party, nth), 0)
            for place in range(1, outputs):
                yield Fault(Kind.TORN_OUTPUTS, party, 0.0, share(party, place, outputs), nth)
    for party, (begins, ends) in enumerate(zip(outcome.begins.messages, outcome.ends.messages, strict=True)):
        for nth in range(begins + 1, ends + 1):
            for way in at_message.values():
                yield Fault(way.kind, party, 0.0, way.amount, nth)


def share(party: int, place: int, outputs: int) -> float:
    """Return the amount with which exactly `place` of the outputs leave: a phone rounds, the server counts up."""
    return (place - 0.5) / outputs if party == SERVER else place / outputs


def points_of(outcome: Outcome) -> int:
    """Return how many points of a run come after its last fault."""
    ends, begins = outcome.ends, outcome.begins
    return sum(ends.commits) - sum(begins.commits) + sum(ends.messages) - sum(begins.messages)


@dataclass
class Tally:
    """What one first fault came to, alone and with every second one."""

    single: int = 0
    pairs: int = 0
    idle: int = 0
    """Runs in which a fault did not happen: there must be none, or a point was missed."""
    failures: list[tuple[tuple[Fault, ...], str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add what another first fault came to."""
        self.single += other.single
        self.pairs += other.pairs
        self.idle += other.idle
        self.failures += other.failures

    def note(self, faults: tuple[Fault, ...], outcome: Outcome) -> None:
        """Note what a run came to."""
        self.idle += outcome.fired < len(faults)
        if outcome.why:
            self.failures.append((faults, outcome.why))


def try_first(first: Fault) -> Tally:
    """Run a fault alone, and then with every one that can come after it.

    A fault while people join is tried alone: with second ones, publishing keys would triple the runs.
    """
    logging.disable(logging.CRITICAL)  # the product reports every fault that it meets
    tally, outcome = Tally(single=1), run(first)
    tally.note((first,), outcome)
    alone = (first.kind, first.amount) in {*ALONE_AT_COMMIT.values(), *ALONE_AT_MESSAGE.values()}
    if alone or outcome.why or outcome.joining:
        return tally
    for second in break_after(outcome):
        tally.pairs += 1
        tally.note((first, second), run(first, second))
    return tally
