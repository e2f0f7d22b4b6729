"""The bad network finds a side that does not do what it must."""

from random import Random

import pytest

from onebar.crypto.double_ratchet import start_as_initiator, start_as_responder
from onebar.crypto.primitives import public_of
from onebar.crypto.suites import ONEBAR_V1
from tests.interop.conversation import RefusedError, Tally, Weather, converse, drawn_weather
from tests.interop.our_side import OurSide
from tests.interop.transcripts import replay

STORM = Weather(late_max=20, lost=0.2, tampered=0.3, replayed=0.3)


class OpensTwice(OurSide):
    """Opens from memory what it has opened before."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._opened: dict[bytes, bytes] = {}

    def open(self, envelope: bytes) -> bytes:
        if envelope not in self._opened:
            self._opened[envelope] = super().open(envelope)
        return self._opened[envelope]


class OpensAnything(OurSide):
    """Never refuses."""

    def open(self, envelope: bytes) -> bytes:
        try:
            return super().open(envelope)
        except RefusedError:
            return b""


class Garbles(OurSide):
    """Opens something else."""

    def open(self, envelope: bytes) -> bytes:
        return super().open(envelope) + b"!"


class NeverLate(OurSide):
    """Opens only what comes in the order in which it was sealed."""

    def open(self, envelope: bytes) -> bytes:
        plain = super().open(envelope)
        assert self._ratchet is not None
        if self._ratchet.state.skipped:
            raise RefusedError("something is missing before it")
        return plain


def pair(kind: type[OurSide], dice: Random) -> tuple[OurSide, OurSide]:
    root_key, secret = dice.randbytes(32), dice.randbytes(32)
    first, second = OurSide(ONEBAR_V1, dice, b"a", b"b"), kind(ONEBAR_V1, dice, b"b", b"a")
    first.start(start_as_initiator(ONEBAR_V1, root_key, public_of(secret), first.entropy))
    second.start(start_as_responder(ONEBAR_V1, root_key, secret))
    return first, second


@pytest.mark.parametrize("seed", range(10))
def test_two_honest_sides_fail_in_nothing_and_every_envelope_is_counted(seed: int) -> None:
    dice = Random(seed)
    sides = pair(OurSide, dice)
    tally = converse(sides, dice, 100, drawn_weather(dice, 100))
    assert tally.failures == []
    assert tally.messages + tally.lost == 100
    for side in sides:
        assert replay(side.transcript()) > 0


def test_a_storm_loses_changes_and_repeats() -> None:
    dice = Random(1)
    tally = converse(pair(OurSide, dice), dice, 200, STORM)
    assert min(tally.lost, tally.tampered, tally.replayed) > 10


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (OpensTwice, "replayed, was opened"),
        (OpensAnything, "changed, was opened"),
        (Garbles, "opened as something else"),
        (NeverLate, "was refused: something is missing before it"),
    ],
)
def test_a_side_that_does_wrong_is_found(kind: type[OurSide], failure: str) -> None:
    dice = Random(2)
    failures = converse(pair(kind, dice), dice, 100, STORM).failures
    assert any(failure in it for it in failures)


def test_tallies_add_up() -> None:
    tally = Tally(1, 2, 3, 4, ["a"])
    tally.add(Tally(10, 20, 30, 40, ["b"]))
    assert tally == Tally(11, 22, 33, 44, ["a", "b"])
