"""What will happen on a network and when: drawn from a seed, in order, as far ahead as somebody asks."""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import tee
from operator import attrgetter
from random import Random
from typing import Final, Literal

from onebar.testing.profiles import NetworkProfile

EventKind = Literal["blackout", "signal", "handover", "reset", "silence", "switch"]
"""`blackout`: nothing passes, connections stay. `signal`: the darkness is over. `handover`: a new address, so every
connection dies silently; new ones work after a dark moment. `reset`: every connection gets an RST. `silence`: every
connection dies silently. `switch`: another profile."""

HANDOVER_S_MIN: Final = 0.5
"""Shortest time without a network between two addresses (radio and DHCP are quick)."""

HANDOVER_S_MAX: Final = 5.0
"""Longest: Wi-Fi is left late, and the mobile network has to be asked for a connection."""

TICK_S: Final = 1e-6
"""How far apart two events are that a script has at one instant: less than anybody measures."""

_by_time: Final = attrgetter("at_s")


@dataclass(frozen=True, slots=True)
class WeatherEvent:
    """Something that happens to a whole network. Times are in seconds of the caller's clock."""

    at_s: float
    kind: EventKind
    lasts_s: float = 0.0
    """How long nothing passes: for `blackout` and `handover`."""
    profile: NetworkProfile | None = None
    """What the network is from now on: for `switch`."""

    @property
    def ends_s(self) -> float:
        """When something passes again."""
        return self.at_s + self.lasts_s


def fork(random: Random) -> Random:
    """Return dice of their own, so that what one part draws does not change what another sees."""
    return Random(random.getrandbits(64))  # noqa: S311 - a simulation


class Forecast:
    """The events of one network. Its clock never goes back."""

    def __init__(
        self, profile: NetworkProfile, random: Random, scripted: Iterable[WeatherEvent] = (), start_s: float = 0.0
    ) -> None:
        """Draw from `random` what `profile` leaves to chance, and add what is `scripted`."""
        script = _apart(event for event in scripted if event.ends_s >= start_s)
        self.switches: Final = deque(event for event in script if event.kind == "switch")
        spans = _spans(profile, start_s, self.switches)
        handovers, gaps = tee(_handovers(spans, fork(random)))
        blackouts = _blackouts(spans, fork(random))
        cuts = [event for event in script if event.kind in {"handover", "reset", "silence"}]
        dark = [event for event in script if event.lasts_s > 0]
        self._cuts = heapq.merge(cuts, handovers, key=_by_time)
        self._dark = heapq.merge(dark, blackouts, gaps, key=_by_time)
        self._next_cut = next(self._cuts, None)
        self._next_dark = next(self._dark, None)
        self._windows: deque[WeatherEvent] = deque()

    def blackout(self, now_s: float, lasts_s: float) -> None:
        """Let nothing pass from now on for `lasts_s`."""
        self._windows.appendleft(WeatherEvent(now_s, "blackout", lasts_s))

    def next_cut(self, now_s: float) -> WeatherEvent | None:
        """Return the first event after `now_s` that ends every connection."""
        while self._next_cut is not None and self._next_cut.at_s <= now_s:
            self._next_cut = next(self._cuts, None)
        return self._next_cut

    def dark(self, start_s: float, end_s: float, now_s: float) -> WeatherEvent | None:
        """Return the first dark time that covers a part of a time, which is not before `now_s`."""
        self._draw(end_s, now_s)
        for event in self._windows:
            if event.at_s <= end_s and event.ends_s > start_s:
                return event
        return None

    def next_dark(self, now_s: float) -> WeatherEvent | None:
        """Return the first dark time that has not ended."""
        self._draw(now_s, now_s)
        return min(self._windows, key=_by_time, default=self._next_dark)

    def next_event(self, now_s: float) -> WeatherEvent | None:
        """Return what happens next, after `now_s`: the darkness of a handover is part of it, its end is a `signal`."""
        ends_s = now_s
        while window := self.dark(ends_s, ends_s, now_s):
            ends_s = window.ends_s
        dark = WeatherEvent(ends_s, "signal") if ends_s > now_s else self.next_dark(now_s)
        switch = next((event for event in self.switches if event.at_s > now_s), None)
        events = (self.next_cut(now_s), dark, switch)
        return min((event for event in events if event is not None), key=_by_time, default=None)

    def _draw(self, until_s: float, now_s: float) -> None:
        while self._next_dark is not None and self._next_dark.at_s <= until_s:
            self._windows.append(self._next_dark)
            self._next_dark = next(self._dark, None)
        while self._windows and self._windows[0].ends_s <= now_s:
            self._windows.popleft()


@dataclass(frozen=True, slots=True)
class _Span:
    """A time with one profile."""

    profile: NetworkProfile
    start_s: float
    end_s: float


def _apart(scripted: Iterable[WeatherEvent]) -> list[WeatherEvent]:
    """Sort a script, and move what happens at one instant apart, so that `next_event` tells each."""
    script: list[WeatherEvent] = []
    starts: set[float] = set()
    ends: set[float] = set()
    for event in sorted(scripted, key=_by_time):
        moved = event
        while moved.at_s in (starts if moved.lasts_s else starts | ends):
            moved = replace(moved, at_s=moved.at_s + TICK_S)
        starts.add(moved.at_s)
        ends.add(moved.ends_s)  # a signal; but none between darkness and darkness
        script.append(moved)
    return script


def _spans(profile: NetworkProfile, start_s: float, switches: Iterable[WeatherEvent]) -> list[_Span]:
    spans = []
    for switch in switches:
        spans.append(_Span(profile, start_s, switch.at_s))
        profile, start_s = switch.profile or profile, switch.at_s
    return [*spans, _Span(profile, start_s, math.inf)]


def _handovers(spans: Iterable[_Span], random: Random) -> Iterator[WeatherEvent]:
    for span in spans:
        at_s = span.start_s
        while every_s := span.profile.handover_every_s:
            at_s += random.expovariate(1 / every_s)
            if at_s >= span.end_s:
                break
            event = WeatherEvent(at_s, "handover", random.uniform(HANDOVER_S_MIN, HANDOVER_S_MAX))
            yield event
            at_s = event.ends_s


def _blackouts(spans: Iterable[_Span], random: Random) -> Iterator[WeatherEvent]:
    for span in spans:
        at_s = span.start_s
        while every_s := span.profile.blackout_every_s:
            at_s += random.expovariate(1 / every_s)
            if at_s >= span.end_s:
                break
            event = WeatherEvent(at_s, "blackout", span.profile.blackout_lasts_s * random.uniform(0.5, 1.5))
            yield event
            at_s = event.ends_s
