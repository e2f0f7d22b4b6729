"""Two sides talk over a bad network, and every envelope has to do what it must: open once, or never."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

PLAIN_BYTES_MAX: Final = 200
"""Longest text: several blocks of every cipher here, and none at all."""


class RefusedError(Exception):
    """A side did not open an envelope."""


class Side(Protocol):
    """One end of a session, whoever wrote it."""

    def seal(self, plain: bytes) -> bytes:
        """Return an envelope for the other side."""

    def open(self, envelope: bytes) -> bytes:
        """Return what is in an envelope of the other side; raises `RefusedError`."""

    def authenticated(self, envelope: bytes) -> Sequence[int]:
        """Return at which places any change to an envelope of the other side must be noticed."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does. Shares are from 0 to 1."""

    late_max: int
    """After how many later sends an envelope arrives at the latest."""
    lost: float
    tampered: float
    """A changed copy arrives before the envelope itself."""
    replayed: float
    """The envelope arrives twice."""


def drawn_weather(dice: Random, late_max: int) -> Weather:
    """Return some weather, from a good day to a bad one; nothing is later than the other side can bear."""
    return Weather(
        late_max=dice.randint(1, late_max),
        lost=dice.choice((0, 0.05, 0.3)),
        tampered=dice.choice((0, 0.15, 0.5)),
        replayed=dice.choice((0, 0.15, 0.5)),
    )


@dataclass(slots=True)
class Tally:
    """What happened."""

    messages: int = 0
    """Sealed by one side and opened by the other."""
    lost: int = 0
    tampered: int = 0
    replayed: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add up two conversations."""
        self.messages += other.messages
        self.lost += other.lost
        self.tampered += other.tampered
        self.replayed += other.replayed
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class InFlight:
    """An envelope on its way."""

    number: int
    to: int
    plain: bytes
    envelope: bytes


def converse(sides: tuple[Side, Side], dice: Random, sends: int, weather: Weather) -> Tally:
    """Let them talk; the first one begins. Returns what happened, with every wrong outcome as a failure."""
    tally = Tally()
    flying: list[InFlight] = []
    reached = False
    for number in range(sends):
        speaker = dice.randrange(2) if reached else 0
        plain = dice.randbytes(dice.randrange(PLAIN_BYTES_MAX + 1))
        envelope = sides[speaker].seal(plain)
        if dice.random() < weather.lost:
            tally.lost += 1
        else:
            flying.append(InFlight(number, 1 - speaker, plain, envelope))
        for arrived in _arrivals(flying, dice, number, weather.late_max):
            opened = _deliver(sides[arrived.to], arrived, dice, weather, tally)
            reached = reached or (opened and arrived.to == 1)
    for arrived in _arrivals(flying, dice, sends + weather.late_max, weather.late_max):
        _deliver(sides[arrived.to], arrived, dice, weather, tally)
    return tally


def _arrivals(flying: list[InFlight], dice: Random, now: int, late_max: int) -> list[InFlight]:
    """Take out what arrives now: all that is due, and some of the rest, in any order."""
    arrived = [it for it in flying if now - it.number >= late_max or dice.random() < 2 / late_max]
    for it in arrived:
        flying.remove(it)
    dice.shuffle(arrived)
    return arrived


def _deliver(side: Side, arrived: InFlight, dice: Random, weather: Weather, tally: Tally) -> bool:
    """Hand an envelope over, with what the weather adds; return whether it opened."""
    if dice.random() < weather.tampered:
        tally.tampered += 1
        changed = bytearray(arrived.envelope)
        changed[dice.choice(side.authenticated(arrived.envelope))] ^= 1 << dice.randrange(8)
        _must_refuse(side, bytes(changed), f"envelope {arrived.number}, changed", tally)
    try:
        plain = side.open(arrived.envelope)
    except RefusedError as error:
        tally.failures.append(f"envelope {arrived.number} was refused: {error}")
        return False
    if plain == arrived.plain:
        tally.messages += 1
    else:
        tally.failures.append(f"envelope {arrived.number} opened as something else")
    if dice.random() < weather.replayed:
        tally.replayed += 1
        _must_refuse(side, arrived.envelope, f"envelope {arrived.number}, replayed", tally)
    return True


def _must_refuse(side: Side, envelope: bytes, what: str, tally: Tally) -> None:
    try:
        side.open(envelope)
    except RefusedError:
        return
    tally.failures.append(f"{what}, was opened")
