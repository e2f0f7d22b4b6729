"""A script for a network: what happens to it, one after the other."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from onebar.testing.forecast import EventKind, WeatherEvent
from onebar.testing.profiles import NetworkProfile, profile

HANDOVER_S: Final = 1.0
"""Time without a network at a scripted handover, unless the script says another."""

STEPS: Final = "wait SECONDS, blackout SECONDS, handover [SECONDS], reset, silence, switch PROFILE"
"""What `Timeline.parse` reads."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens when; each step gives a new timeline that goes on where the step ends.

    "At 10 s a tunnel of 30 s, then a handover" is `Timeline().wait(10).blackout(30).handover()`. A `Weather` and a
    `WeakNetwork` take it as `scripted`. All times are in seconds, 0 and above, and anything else is a ValueError.
    """

    events: tuple[WeatherEvent, ...] = ()
    """What was scripted, in order."""
    at_s: float = 0.0
    """Where the next step begins."""

    def __iter__(self) -> Iterator[WeatherEvent]:
        return iter(self.events)

    def wait(self, lasts_s: float) -> Self:
        """Let a time pass."""
        return type(self)(self.events, self.at_s + _checked("wait", lasts_s))

    def blackout(self, lasts_s: float) -> Self:
        """Let nothing pass for a time, as in a tunnel; connections stay."""
        return self._add("blackout", lasts_s)

    def handover(self, dark_s: float = HANDOVER_S) -> Self:
        """Get another address: all connections die silently, new ones work after `dark_s`."""
        return self._add("handover", dark_s)

    def reset(self) -> Self:
        """End every connection with a TCP reset."""
        return self._add("reset")

    def silence(self) -> Self:
        """Let every connection die without a word; new ones work."""
        return self._add("silence")

    def switch(self, to: NetworkProfile) -> Self:
        """Become another network; connections stay."""
        return self._add("switch", to=to)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a script as a command line has it: "wait 10, blackout 30, handover, wait 5, switch edge".

        Raises:
            ValueError: A step is unknown or its number or name is wrong; the text says which.
        """
        timeline = cls()
        for step in filter(None, (part.strip() for part in text.split(","))):
            timeline = timeline._step(step)
        return timeline

    def _step(self, step: str) -> Self:
        match step.split():
            case ["wait", lasts]:
                return self.wait(_seconds(step, lasts))
            case ["blackout", lasts]:
                return self.blackout(_seconds(step, lasts))
            case ["handover", dark]:
                return self.handover(_seconds(step, dark))
            case ["handover"]:
                return self.handover()
            case ["reset"]:
                return self.reset()
            case ["silence"]:
                return self.silence()
            case ["switch", name]:
                return self.switch(profile(name))
        raise ValueError(f"{step!r} is no step; there are: {STEPS}")

    def _add(self, kind: EventKind, lasts_s: float = 0.0, to: NetworkProfile | None = None) -> Self:
        event = WeatherEvent(self.at_s, kind, _checked(kind, lasts_s), to)
        return type(self)((*self.events, event), event.ends_s)


def _seconds(step: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{step!r}: {text!r} is no number of seconds") from None


def _checked(step: str, lasts_s: float) -> float:
    if not (0 <= lasts_s < math.inf):
        raise ValueError(f"{step} for {lasts_s!r} s: needs a time from 0 on")
    return lasts_s
