"""What a weather brings, told as it happens on an asyncio loop."""

import asyncio
from collections.abc import Callable

from onebar.testing.forecast import WeatherEvent
from onebar.testing.weather import Weather

Watcher = Callable[[WeatherEvent], None]
"""Is told of an event when it happens."""


class WeatherClock:
    """The seconds of a weather, from `start` on; its events call the watchers in the order in which they came."""

    def __init__(self, weather: Weather) -> None:
        """Stand still at 0."""
        self._weather = weather
        self._loop: asyncio.AbstractEventLoop | None = None  # known: to find the running one is a call of the system
        self._started_s = 0.0
        self._next_event: asyncio.TimerHandle | None = None
        self._watchers: list[Watcher] = []

    def start(self) -> None:
        """Begin to run."""
        self._loop = asyncio.get_running_loop()
        self._started_s = self._loop.time()
        self.look()

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._next_event is not None:
            self._next_event.cancel()

    def watch(self, watcher: Watcher) -> None:
        """Call for every event that the profile or the script brings."""
        self._watchers.append(watcher)

    def now_s(self) -> float:
        """Return the seconds since `start`."""
        return (self._loop or asyncio.get_running_loop()).time() - self._started_s

    def call_at(self, at_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call at a time of `now_s`."""
        return (self._loop or asyncio.get_running_loop()).call_at(self._started_s + at_s, call)

    def look(self, after_s: float | None = None) -> None:
        """Look again for what is next, as the weather was changed."""
        self.stop()
        event = self._weather.next_event(self.now_s() if after_s is None else after_s)
        self._next_event = None if event is None else self.call_at(event.at_s, lambda: self._happened(event))

    def _happened(self, event: WeatherEvent) -> None:
        self._weather.keep_up(event.at_s)
        for watcher in self._watchers:
            watcher(event)
        self.look(event.at_s)
