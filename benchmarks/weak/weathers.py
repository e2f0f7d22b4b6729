"""The networks that the conversation is held over, and what happens to each phone meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.weather import TRACES, recorded
from onebar.testing import NetworkProfile, Timeline, profile

DARK_S: Final = 1.0
"""Time without a network at a handover."""


@dataclass(frozen=True, slots=True)
class Case:
    """One network, for both phones, each with a radio of its own."""

    name: str
    calm: NetworkProfile
    """What the phones connect over before the conversation begins."""
    during: NetworkProfile
    """What it is like during the conversation."""
    timelines: tuple[Timeline, Timeline] = field(default=(Timeline(), Timeline()))
    """What happens to each phone besides, in seconds from the start of the conversation."""
    hint: bool = False
    """Whether the phone's system tells the app that there is another network, as it does at a handover."""

    @property
    def breaks(self) -> bool:
        """Whether there are outages, after which the conversation recovers."""
        return bool(any(timeline.events for timeline in self.timelines) or self.during.blackout_every_s)


def steady(network: NetworkProfile) -> Case:
    """Return a network that stays as it is."""
    return Case(network.name, network, network)


def tunnel(lasts_s: float) -> Case:
    """Return LTE with a tunnel for one phone and then for the other, each a quarter of the conversation."""
    lte, dark_s = profile("lte"), lasts_s / 4
    ways = (Timeline().wait(0.15 * lasts_s).blackout(dark_s), Timeline().wait(0.6 * lasts_s).blackout(dark_s))
    return Case("tunnel", lte, lte, ways)


def flapping() -> Case:
    """Return 3G that goes away every 8 s for 4 s, on average, for each phone by itself."""
    return Case("flapping", profile("3g"), profile("flapping"))


def handover(lasts_s: float) -> Case:
    """Return LTE with two new addresses for one phone and one for the other; the system tells the app of each."""
    lte = profile("lte")
    first = Timeline().wait(0.15 * lasts_s).handover(DARK_S).wait(0.5 * lasts_s).handover(DARK_S)
    return Case("handover", lte, lte, (first, Timeline().wait(0.4 * lasts_s).handover(DARK_S)), hint=True)


def half_open(lasts_s: float) -> Case:
    """Return LTE whose connections die without a word, twice for one phone and once for the other."""
    lte = profile("lte")
    first = Timeline().wait(0.15 * lasts_s).silence().wait(0.5 * lasts_s).silence()
    return Case("half-open", lte, lte, (first, Timeline().wait(0.4 * lasts_s).silence()))


def recorded_drive() -> list[Case]:
    """Return the recorded LTE drive, if this machine has it."""
    return [steady(drive) for drive in recorded(TRACES)]


def all_cases(lasts_s: float) -> list[Case]:
    """Return all networks for a conversation of this length; the recorded one only where it is there."""
    scripted: tuple[Callable[[float], Case], ...] = (tunnel, handover, half_open)
    made = {case.name: case for case in (make(lasts_s) for make in scripted)}
    steady_ones = [steady(profile(name)) for name in ("edge", "2g-rural", "3g-lossy")]
    return [*steady_ones, *recorded_drive(), made["tunnel"], flapping(), made["handover"], made["half-open"]]


NAMES: Final = ("edge", "2g-rural", "3g-lossy", "lte-drive", "tunnel", "flapping", "handover", "half-open")
"""All of them, the recorded one too."""
