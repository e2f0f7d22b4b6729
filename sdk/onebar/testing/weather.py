"""The model of a bad network: seeded, without sockets or clock, for the simulator and the proxy alike.

    weather = Weather(profile("edge"), Random(7))
    flow = weather.dial(now_s)                                # one TCP connection, with its fate
    arrives_s = flow.arrival_s(now_s, nbytes, up=True)        # infinity: it never does

A `Weather` is one radio: its flows share the rate. The times are those of the caller's clock, which never goes back.
What it leaves out: slow start, and that a retransmission costs rate. The numbers are of platform measurements: 60
connections with request and echo over an emulated link of 100 ms round trip, see `RTO_S_MIN` and `SYN_RETRIES_S`.
"""

import math
from collections.abc import Iterable
from random import Random
from typing import Final, Literal

from onebar.testing.forecast import Forecast, WeatherEvent, fork
from onebar.testing.profiles import NetworkProfile
from onebar.testing.traces import Playing, Trace

SEGMENT_BYTES: Final = 1448
"""Most payload of a TCP segment: 1500 bytes of Ethernet less HEADER_BYTES."""

HEADER_BYTES: Final = 52
"""IPv4 and TCP headers with time stamps, which each segment adds to what is paid for."""

RTO_S_MIN: Final = 0.2
"""A lost segment is sent again after a round trip and this (Linux TCP_RTO_MIN); 430 ms measured at 100 ms."""

RTO_S_SPREAD: Final = 0.03
"""At most this is added: the variance of the round trip, as measured."""

RTO_S_MAX: Final = 120.0
"""The time doubles with each loss up to this (Linux TCP_RTO_MAX, RFC 6298 §2.5)."""

SYN_RETRIES_S: Final = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0)
"""When a dial's SYN is sent (RFC 6298 §2.1, Linux tcp_syn_retries 6)."""

SYN_GIVES_UP_S: Final = 127.0
"""Then the kernel gives up."""

BURST_SEGMENTS: Final = 10
"""A connection sends this much before loss can slow it (RFC 6928, initial window)."""

MATHIS: Final = 1.22
"""Rate <= MATHIS * segment / (round trip * sqrt(loss)): Mathis et al., 'Macroscopic behaviour of TCP', 1997."""

Death = Literal["", "reset", "silence"]
"""How a flow ends: not at all, with an RST, or without a word."""


class Weather:
    """One network as one phone, or several on one radio, see it."""

    def __init__(
        self, profile: NetworkProfile, random: Random, scripted: Iterable[WeatherEvent] = (), start_s: float = 0.0
    ) -> None:
        """Begin at `start_s`; everything is drawn from `random`, what is `scripted` is added."""
        self._scripted = tuple(scripted)
        self._random = fork(random)
        self._dials = fork(random)
        self._events = fork(random)
        self.up, self.down = _Way(), _Way()
        self.switch(profile, start_s)

    def __repr__(self) -> str:
        return f"<Weather {self.profile.name}>"

    def switch(self, profile: NetworkProfile, now_s: float) -> None:
        """Become another network; what is under way arrives as planned. See `Flow.redraw` for the flows' fates."""
        self._become(profile, now_s)
        self._forecast = Forecast(profile, self._events, self._scripted, now_s)
        self._note_dark(now_s)
        self._switches_s = self._forecast.switches[0].at_s if self._forecast.switches else math.inf

    def _become(self, profile: NetworkProfile, now_s: float) -> None:
        self.profile = profile
        self.delay_s, self.jitter_s = profile.delay_ms / 1000, profile.jitter_ms / 1000
        self.queue_s, self.loss = profile.queue_ms / 1000, profile.loss
        self.nat_timeout_s = profile.nat_timeout_s or math.inf
        self.up.become(profile.up_kbps, profile.up_trace, now_s)
        self.down.become(profile.down_kbps, profile.down_trace, now_s)
        self.lossy_byte_s = profile.round_trip_s * math.sqrt(self.loss) / (MATHIS * SEGMENT_BYTES)

    def blackout(self, now_s: float, lasts_s: float) -> None:
        """Let nothing pass from now on for `lasts_s`, beside what the profile does."""
        self._forecast.blackout(now_s, lasts_s)
        self._note_dark(now_s)

    def next_event(self, now_s: float) -> WeatherEvent | None:
        """Return what happens next to the whole network, strictly after `now_s`; None if never anything."""
        return self._forecast.next_event(now_s)

    def dark(self, now_s: float) -> bool:
        """Whether nothing passes at this time."""
        return self.dark_at(now_s, now_s)

    def dark_at(self, at_s: float, now_s: float) -> bool:
        """Whether nothing will pass at a time that is not before `now_s`."""
        return self._forecast.dark(at_s, at_s, now_s) is not None

    def dial(self, now_s: float) -> "Flow":
        """Open a TCP connection: draw when it is there, and its fate."""
        self.keep_up(now_s)
        return Flow(self, now_s, self._dials)

    def keep_up(self, now_s: float) -> None:
        """Let a scripted switch of the profile happen that is due."""
        while now_s >= self._switches_s:
            switch = self._forecast.switches.popleft()
            if switch.profile is not None:
                self._become(switch.profile, switch.at_s)
            self._switches_s = self._forecast.switches[0].at_s if self._forecast.switches else math.inf

    def retried_s(self, start_s: float, done_s: float, rto_s: float, now_s: float) -> float:
        """Return when TCP first sends again what darkness swallowed, or `start_s` if none did."""
        while window := self._forecast.dark(start_s, done_s, now_s):
            retry_s, took_s = max(start_s, window.at_s), done_s - start_s
            while retry_s < window.ends_s:
                retry_s += rto_s
                rto_s = min(2 * rto_s, RTO_S_MAX)
            start_s, done_s = retry_s, retry_s + took_s
        self._note_dark(now_s)
        return start_s

    def _note_dark(self, now_s: float) -> None:
        window = self._forecast.next_dark(now_s)
        self.dark_from_s = window.at_s if window else math.inf

    def chance(self) -> float:
        """Draw from 0 to 1."""
        return self._random.random()

    def cut_after(self, now_s: float) -> WeatherEvent | None:
        """Return the next event that ends every connection."""
        return self._forecast.next_cut(now_s)


class _Way:
    """One direction of the radio."""

    __slots__ = ("byte_s", "free_s", "playing")

    def __init__(self) -> None:
        self.byte_s = 0.0
        self.free_s = 0.0
        self.playing: Playing | None = None

    def become(self, kbps: float | None, trace: Trace | None, now_s: float) -> None:
        self.byte_s = 8 / 1000 / kbps if kbps else 0.0
        self.playing = Playing(trace, now_s) if trace else None


class _Lane:
    """One direction of a flow: bytes stay in order."""

    __slots__ = ("arrived_s", "paced_s", "sent_s")

    def __init__(self, now_s: float) -> None:
        self.arrived_s = self.sent_s = self.paced_s = now_s


class Flow:
    """One TCP connection over a `Weather`."""

    __slots__ = (
        "_active_s",
        "_down",
        "_random",
        "_up",
        "_weather",
        "captive_portal",
        "connects_s",
        "death",
        "dialled_s",
        "duplicate_upgrade",
        "ends_s",
        "refused",
    )

    def __init__(self, weather: Weather, now_s: float, random: Random) -> None:
        profile = weather.profile
        self._weather, self._random = weather, random
        self.dialled_s = now_s
        """When."""
        self.refused = random.random() < profile.refuse
        """Whether the dial is answered by an RST, at `connects_s`."""
        self.duplicate_upgrade = random.random() < profile.duplicate_upgrade
        """Whether the upgrade request comes to the server twice, as on two connections."""
        self.captive_portal = profile.captive_portal
        """Whether a login page answers instead of the server."""
        self.connects_s = self._handshake_s(now_s)
        """When the phone hears that the connection is there; infinity if the kernel gives up (SYN_GIVES_UP_S)."""
        self.death: Death = ""
        """How it ends at `ends_s`."""
        self.ends_s = math.inf
        """When it ends; may come earlier by `nat_timeout_s`, which is found when something is sent."""
        self._active_s = now_s
        self._up, self._down = _Lane(now_s), _Lane(now_s)
        self.redraw(now_s)

    def redraw(self, now_s: float) -> None:
        """Draw the fate again from the profile of now, after a `Weather.switch`; the dead stay dead."""
        if now_s >= self.ends_s:
            return
        profile = self._weather.profile
        ends: list[tuple[float, Death]] = [(math.inf, "")]
        if every_s := profile.reset_every_s:
            ends.append((now_s + self._random.expovariate(1 / every_s), "reset"))
        if every_s := profile.half_open_every_s:
            ends.append((now_s + self._random.expovariate(1 / every_s), "silence"))
        if cut := self._weather.cut_after(now_s):
            ends.append((cut.at_s, "reset" if cut.kind == "reset" else "silence"))
        self.ends_s, self.death = min(ends)

    def arrival_s(self, now_s: float, nbytes: int, up: bool) -> float:
        """Say when bytes that are written now arrive, in order; infinity if never, since the flow is dead.

        Args:
            now_s: The time now; never before that of the call before.
            nbytes: How many bytes of payload; the headers are added here.
            up: From the phone to the server.
        """
        weather = self._weather
        if now_s >= self.ends_s:
            return math.inf
        if now_s - self._active_s > weather.nat_timeout_s:
            self.ends_s, self.death = self._active_s + weather.nat_timeout_s, "silence"
            return math.inf
        self._active_s = now_s
        weather.keep_up(now_s)
        way, lane = (weather.up, self._up) if up else (weather.down, self._down)
        packets = 1 if nbytes <= SEGMENT_BYTES else -(-nbytes // SEGMENT_BYTES)
        start_s, sent_s = self._send(now_s, nbytes + packets * HEADER_BYTES, way, lane)
        lane.sent_s = sent_s
        arrives_s = sent_s + weather.delay_s
        if weather.jitter_s:
            arrives_s -= math.log(1 - weather.chance()) * weather.jitter_s
        if weather.loss:
            arrives_s = self._lost_s(lane, start_s, arrives_s, nbytes, packets)
        lane.arrived_s = arrives_s = max(arrives_s, lane.arrived_s)
        return arrives_s if arrives_s < self.ends_s else math.inf

    def _send(self, now_s: float, wire_bytes: int, way: _Way, lane: _Lane) -> tuple[float, float]:
        """Say when the first and the last bit leave, after this flow's earlier ones and the bottleneck's queue."""
        weather = self._weather
        free_s = max(now_s, way.free_s)
        start_s = max(now_s, lane.sent_s, min(free_s, now_s + weather.queue_s))
        took_s = wire_bytes * way.byte_s
        if start_s + took_s >= weather.dark_from_s:
            rto_s = weather.profile.round_trip_s + RTO_S_MIN
            start_s = weather.retried_s(start_s, start_s + took_s, rto_s, now_s)
        alone = start_s > free_s  # it waits for its own timer: others find the radio free
        if way.playing is not None:
            sent_s = way.playing.done_s(start_s, wire_bytes, take=not alone)
            took_s = sent_s - start_s
            free_s = start_s
        if not alone:
            way.free_s = free_s + took_s
        return start_s, start_s + took_s

    def _lost_s(self, lane: _Lane, start_s: float, arrives_s: float, nbytes: int, packets: int) -> float:
        """Add what loss costs: a timer for one of the last three segments, else a round trip; and a slower rate."""
        weather = self._weather
        loss, rtt_s = weather.loss, weather.profile.round_trip_s
        burst_s = BURST_SEGMENTS * SEGMENT_BYTES * weather.lossy_byte_s
        lane.paced_s = max(lane.paced_s, start_s - burst_s) + nbytes * weather.lossy_byte_s
        arrives_s = max(arrives_s, lane.paced_s + weather.delay_s)
        if weather.chance() >= 1 - (1 - loss) ** packets:
            return arrives_s
        if packets > 3 and weather.chance() * packets >= 3:  # three later ones tell (RFC 5681 §3.2)
            return arrives_s + rtt_s
        rto_s = rtt_s + RTO_S_MIN + weather.chance() * RTO_S_SPREAD
        arrives_s += rto_s
        while weather.chance() < loss:
            rto_s = min(2 * rto_s, RTO_S_MAX)
            arrives_s += rto_s
        return arrives_s

    def _handshake_s(self, now_s: float) -> float:
        weather = self._weather
        through = (1 - weather.loss) ** 2
        for after_s in SYN_RETRIES_S:
            if self._random.random() < through and not weather.dark_at(now_s + after_s, now_s):
                return now_s + after_s + weather.profile.round_trip_s
        return math.inf
