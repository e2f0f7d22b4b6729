"""What happens to all phones at once, and how many there are: described as data, in shares of the run's time."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

FaultKind = Literal["dark", "storm", "restart", "crowd"]
"""`dark`: nothing passes for some phones. `storm`: the server is killed and comes back, or without a server of ours,
all links are cut at once. `restart`: the server says goodbye and comes back. `crowd`: everybody writes at once."""

SERVER_FAULTS: Final = frozenset({"storm", "restart"})
"""Those that happen to the server, and end all links."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens once in a run."""

    kind: FaultKind
    at: float
    """When, as a share of the run's time."""
    lasts: float = 0.0
    """How long, as a share of the run's time."""
    share: float = 1.0
    """How many of the phones it hits."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A curve of users, and faults."""

    what: str
    """What it is, in one sentence."""
    faults: tuple[Fault, ...] = ()
    curve: tuple[tuple[float, float], ...] = ()
    """How many users there are: (share of the time, share of the users), with straight lines between; empty for all
    users all the time."""
    crowd: tuple[tuple[float, float], ...] = ()
    """The same for the light devices beside the phones: (share of the time, share of their messages)."""
    knee: bool = False
    """Whether it asks for ever more, to find where the system bends."""

    def users_at(self, share: float) -> float:
        """Return the share of the users at a share of the run's time."""
        return _at(self.curve, share)

    def crowd_at(self, share: float) -> float:
        """Return the share of the light devices' messages at a share of the run's time."""
        return _at(self.crowd, share)


def _at(curve: tuple[tuple[float, float], ...], share: float) -> float:
    before = (0.0, 0.0)
    for point in curve:
        if share <= point[0]:
            return before[1] + (point[1] - before[1]) * (share - before[0]) / max(point[0] - before[0], 1e-9)
        before = point
    return curve[-1][1] if curve else 1.0


RAMP_STEPS: Final = 10
"""Steps of the ramp: each long enough for its percentiles to mean something."""

_STEPS: Final = tuple(
    point
    for step in range(RAMP_STEPS)
    for point in (
        ((step + 0.2) / RAMP_STEPS, (step + 1) / RAMP_STEPS),
        ((step + 1) / RAMP_STEPS, (step + 1) / RAMP_STEPS),
    )
)

SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "steady": Shape("All phones are there from the start, and nothing happens to them but their weather."),
        "commute": Shape(
            "The rush hour: ever more phones come, a fifth of them is in a tunnel for a while, twice; then most go.",
            (Fault("dark", 0.35, 0.1, 0.2), Fault("dark", 0.55, 0.1, 0.2)),
            ((0.3, 1.0), (0.7, 1.0), (0.9, 0.4), (1.0, 0.4)),
        ),
        "stadium": Shape(
            "Everybody writes at the same moment, three times.", tuple(Fault("crowd", at) for at in (0.4, 0.6, 0.8))
        ),
        "tunnel": Shape("Half of the phones are in a tunnel for a fifth of the time.", (Fault("dark", 0.4, 0.2, 0.5),)),
        "restart": Shape("The server is restarted, and says goodbye before (R17).", (Fault("restart", 0.5),)),
        "storm": Shape("The server is killed and comes back: all phones reconnect.", (Fault("storm", 0.5),)),
        "ramp": Shape("Ever more phones, to find how many there can be.", curve=_STEPS, knee=True),
        "swell": Shape(
            "The crowd of light devices beside the phones says ever more, to find how much a server can carry.",
            crowd=_STEPS,
            knee=True,
        ),
    }
)  # fmt: skip
"""Shapes by name."""


def shape(name: str) -> Shape:
    """Return the shape of this name.

    Raises:
        ValueError: There is none; the text lists the names.
    """
    found = SHAPES.get(name)
    if found is None:
        raise ValueError(f"there is no shape {name!r}; there are: {', '.join(SHAPES)}")
    return found
