"""One direction of a forwarded connection: what goes in comes out when the weather says."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from onebar.testing.weather import SEGMENT_BYTES, Flow, Weather

PIECE_S: Final = 0.005
"""Bytes are read in pieces of this time at the network's rate: coarser ones arrive in lumps, finer ones cost CPU."""

PIECE_BYTES_MAX: Final = 65536
"""Longest piece: a fast network needs no finer ones."""

WAITING_BYTES_MAX: Final = 1024 * 1024
"""Most bytes under way in one direction of a connection on a network without a rate; then the sender has to wait."""

WAITING_BYTES_MIN: Final = 2 * SEGMENT_BYTES
"""So much may be under way on every network: a round trip's worth is no less for TCP."""

BATCH_S: Final = 0.0005
"""What is due this soon is written now: the loop's timers are no finer than a millisecond."""


class Air(Protocol):
    """What a pipe needs of its network."""

    @property
    def weather(self) -> Weather:
        """The model that says when bytes arrive."""

    @property
    def frozen_until_s(self) -> float:
        """Nothing comes out before this time."""

    def now_s(self) -> float:
        """Return the time of the weather's clock."""

    def call_at(self, at_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call at a time of the weather's clock."""

    def count(self, nbytes: int, up: bool) -> None:
        """Note that bytes came out."""


class Sink(Protocol):
    """Where a pipe ends."""

    def write(self, data: bytes) -> None:
        """Take bytes."""

    def write_eof(self) -> None:
        """Take the end of the bytes."""

    def reset(self) -> None:
        """Take that the connection was cut."""


def piece_bytes(weather: Weather, up: bool) -> int:
    """Return how many bytes are read at once."""
    kbps = rate_kbps(weather, up)
    return PIECE_BYTES_MAX if kbps is None else max(SEGMENT_BYTES, min(PIECE_BYTES_MAX, int(kbps * 125 * PIECE_S)))


def waiting_bytes(weather: Weather, up: bool) -> int:
    """Return the most bytes of a connection that may be under way: a round trip's worth and the bottleneck's queue."""
    kbps = rate_kbps(weather, up)
    if kbps is None:
        return WAITING_BYTES_MAX
    wanted = int(kbps * 125 * (weather.profile.round_trip_s + weather.queue_s))
    return min(max(wanted, WAITING_BYTES_MIN), WAITING_BYTES_MAX)


def rate_kbps(weather: Weather, up: bool) -> float | None:
    """Return the mean rate of a direction in kbit/s; None is unlimited."""
    profile = weather.profile
    trace = profile.up_trace if up else profile.down_trace
    return trace.mean_kbps if trace else profile.up_kbps if up else profile.down_kbps


class Pipe:
    """A queue of bytes with their times of arrival, and of the end or the cut that comes after them."""

    def __init__(self, air: Air, flow: Flow, *, up: bool, source: asyncio.Transport, sink: Sink) -> None:
        """Carry from `source`, which is told to wait when too much is under way, to `sink`."""
        self._air, self._flow, self.up = air, flow, up
        self._source, self._sink = source, sink
        self._queue: deque[tuple[float, bytes | None]] = deque()
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._holding = False
        self.silent = False

    def take(self, data: bytes) -> None:
        """Carry bytes; empty ones are the end."""
        if not self._put(data, len(data)):
            self._hold_back()

    def take_reset(self) -> None:
        """Carry that the connection was cut, after the bytes before it."""
        self._put(None, 0)

    def silence(self) -> None:
        """Swallow what is under way and all that comes."""
        self.silent = True
        self.drop()
        self._source.resume_reading()

    def drop(self) -> None:
        """Forget what is under way; stop the timers."""
        self._queue.clear()
        self._waiting_bytes = 0
        for timer in filter(None, (self._timer, self._resume)):
            timer.cancel()
        self._timer = self._resume = None

    def hold(self) -> None:
        """Let nothing out: the sink has enough."""
        self._holding = True

    def release(self) -> None:
        """Go on."""
        self._holding = False
        self._deliver()

    def _put(self, data: bytes | None, nbytes: int) -> bool:
        """Let something begin its way; return whether it was looked at once what may be read after it."""
        if self.silent:
            return False
        arrives_s = self._flow.arrival_s(self._air.now_s(), nbytes, self.up)
        if arrives_s == float("inf"):
            self.silent = True  # what left before the flow died still arrives
            return False
        self._waiting_bytes += nbytes
        self._queue.append((arrives_s, data))
        if self._timer is not None or self._holding:
            return False
        self._deliver()
        return True

    def _deliver(self) -> None:
        self._timer = None
        now_s = self._air.now_s()
        while self._queue and not self._holding:
            due_s = max(self._queue[0][0], self._air.frozen_until_s)
            if due_s > now_s + BATCH_S:
                self._timer = self._air.call_at(due_s, self._deliver)
                break
            self._hand_over(self._queue.popleft()[1])
        self._hold_back()

    def _hand_over(self, data: bytes | None) -> None:
        if data is None:
            self._sink.reset()
        elif not data:
            self._sink.write_eof()
        else:
            self._waiting_bytes -= len(data)
            self._air.count(len(data), self.up)
            self._sink.write(data)

    def _hold_back(self) -> None:
        """Read on only while the connection and the bottleneck have room."""
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        if self._source.is_closing():
            return
        weather = self._air.weather
        way = weather.up if self.up else weather.down
        room_s = way.free_s - weather.queue_s
        if self.silent:
            self._source.resume_reading()
        elif room_s > self._air.now_s() + BATCH_S:
            self._source.pause_reading()
            self._resume = self._air.call_at(room_s, self._hold_back)
        elif self._waiting_bytes >= WAITING_BYTES_MIN and self._waiting_bytes >= waiting_bytes(weather, self.up):
            self._source.pause_reading()  # until something is delivered
        else:
            self._source.resume_reading()
