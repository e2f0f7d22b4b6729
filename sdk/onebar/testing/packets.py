"""The weather as packets meet it: queued, carried, delayed, lost. Seeded, without sockets or clock.

    line = PacketLine(profile("3g-lossy"), Random(7))
    line.send(packet, now_s, up=True)                         # an IPv4 packet leaves the phone
    line.next_s()                                             # when something comes out
    line.due(now_s, up=True)                                  # what comes out at the server

A packet waits in a queue of bytes that drops what does not fit, is sent at the rate or by the trace, is delayed, and
is lost by chance; packets stay in order. What would come out in a blackout, or belongs to a dead connection, is lost.
What TCP makes of that is left to the TCP of both ends.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from onebar.testing.forecast import WeatherEvent, fork
from onebar.testing.pipe import rate_kbps
from onebar.testing.profiles import NetworkProfile
from onebar.testing.segments import ACK, RST, SYN, Endpoint, Segment
from onebar.testing.weather import Death, Flow, Weather

PACKET_BYTES_MAX: Final = 1500
"""Longest packet: Ethernet's, which nearly every network carries."""

QUEUE_BYTES_MIN: Final = 2 * PACKET_BYTES_MAX
"""Smallest queue: with less even a slow sender's pairs of packets would be torn."""

CONNECTIONS_MAX: Final = 10_000
"""Most connections that are remembered; beyond it the oldest is forgotten, and then nothing kills it."""


@dataclass(slots=True)
class PacketFigures:
    """What a line has carried since it began."""

    up_bytes: int = 0
    """Bytes that came out at the server, headers included."""
    down_bytes: int = 0
    """Bytes that came out at the phone."""
    packets: int = 0
    """Packets that came out, both ways."""
    lost: int = 0
    """Packets that chance, a blackout, or the death of their connection took."""
    dropped: int = 0
    """Packets that found the queue full."""
    connections: int = 0
    """TCP connections that the phone opened, with the refused ones."""


class PacketLine:
    """A link between a phone and a server that carries IPv4 packets."""

    def __init__(self, profile: NetworkProfile, random: Random, scripted: Iterable[WeatherEvent] = ()) -> None:
        """Begin at 0 s; everything is drawn from `random`, what is `scripted` is added.

        Raises:
            ValueError: The profile has a box that reads HTTP; only a `WeakNetwork` does that.
        """
        self.weather = Weather(_checked(profile), fork(random), scripted)
        self.figures = PacketFigures()
        self._lanes = {True: _Lane(self.weather, fork(random), up=True), False: _Lane(self.weather, random, up=False)}
        self._connections: dict[tuple[Endpoint, Endpoint], _Connection] = {}
        self._known_profile = profile
        self._resets_s = math.inf

    def send(self, packet: bytes, now_s: float, *, up: bool) -> None:
        """Let a packet leave the phone, or the server.

        Args:
            packet: An IPv4 packet.
            now_s: The time now; never before that of the call before.
            up: From the phone to the server.
        """
        self._keep_up(now_s)
        lane = self._lanes[up]
        if not lane.has_room(len(packet), now_s):
            self.figures.dropped += 1
        elif not lane.carry(packet, now_s):
            self.figures.lost += 1

    def due(self, now_s: float, *, up: bool) -> list[bytes]:
        """Return the packets that have come out at the server, or at the phone."""
        self._keep_up(now_s)
        if now_s >= self._resets_s:
            self._cut_those_due(now_s)
        out = []
        for packet, ours in self._lanes[up].due(now_s):
            if self.weather.dark(now_s) or not (ours or self._passes(packet, now_s, up)):
                self.figures.lost += 1
            else:
                out.append(packet)
        nbytes = sum(map(len, out))
        self.figures.packets += len(out)
        if up:
            self.figures.up_bytes += nbytes
        else:
            self.figures.down_bytes += nbytes
        return out

    def next_s(self) -> float:
        """Return when something is next due; infinity if nothing is under way."""
        return min(self._resets_s, *(lane.next_s() for lane in self._lanes.values()))

    def switch(self, profile: NetworkProfile, now_s: float) -> None:
        """Become another network; what is under way arrives as planned.

        Raises:
            ValueError: As for a new line.
        """
        self.weather.switch(_checked(profile), now_s)
        self._keep_up(now_s)

    def silence(self, now_s: float) -> None:
        """Let every connection die without a word."""
        for connection in self._connections.values():
            connection.end(now_s, "silence")
        self._plan_resets()

    def reset(self, now_s: float) -> None:
        """End every connection with an RST to both ends."""
        for connection in self._connections.values():
            connection.end(now_s, "reset")
        self._plan_resets()

    def _keep_up(self, now_s: float) -> None:
        self.weather.keep_up(now_s)
        if self.weather.profile is not self._known_profile:
            self._known_profile = self.weather.profile
            for connection in self._connections.values():
                connection.flow.redraw(now_s)
            self._plan_resets()

    def _passes(self, packet: bytes, now_s: float, up: bool) -> bool:
        """Whether a packet's connection is alive; a reset one answers."""
        segment = Segment.read(packet)
        if segment is None:
            return True
        connection = self._connection(segment, now_s, up)
        if connection is None or connection.takes(segment, now_s, up, self.weather.nat_timeout_s):
            return True
        if connection.flow.death == "reset" and not segment.flags & RST:
            self._answer(segment, now_s, up)
        return False

    def _connection(self, segment: Segment, now_s: float, up: bool) -> "_Connection | None":
        ends = (segment.source, segment.target) if up else (segment.target, segment.source)
        known = self._connections.get(ends)
        if not up or segment.flags & (SYN | ACK) != SYN or (known and known.syn.seq == segment.seq):
            return known
        self.figures.connections += 1
        self._connections.pop(ends, None)
        if len(self._connections) >= CONNECTIONS_MAX:
            del self._connections[next(iter(self._connections))]
        known = self._connections[ends] = _Connection(self.weather.dial(now_s), segment, now_s)
        self._resets_s = min(self._resets_s, known.resets_s)
        return known

    def _plan_resets(self) -> None:
        self._resets_s = min((each.resets_s for each in self._connections.values()), default=math.inf)

    def _cut_those_due(self, now_s: float) -> None:
        """Tell both ends of each connection whose time has come, as an answer to what each said last."""
        for connection in self._connections.values():
            if now_s >= connection.resets_s:
                connection.told = True
                for up, segment in connection.last.items():
                    self._answer(segment, now_s, up)
        self._plan_resets()

    def _answer(self, segment: Segment, now_s: float, up: bool) -> None:
        self._lanes[not up].carry(segment.reset().packet(), now_s, ours=True)


class _Lane:
    """One direction: a queue in bytes, a rate, a time on the way."""

    def __init__(self, weather: Weather, random: Random, *, up: bool) -> None:
        self._weather, self._random, self._up = weather, random, up
        self._waiting: deque[tuple[float, int]] = deque()  # when each packet leaves the queue, and its bytes
        self._waiting_bytes = 0
        self._coming: deque[tuple[float, bytes, bool]] = deque()

    def has_room(self, nbytes: int, now_s: float) -> bool:
        """Whether the queue takes a packet."""
        while self._waiting and self._waiting[0][0] <= now_s:
            self._waiting_bytes -= self._waiting.popleft()[1]
        kbps = rate_kbps(self._weather, self._up)
        queue_bytes = math.inf if kbps is None else max(QUEUE_BYTES_MIN, kbps * 125 * self._weather.queue_s)
        return self._waiting_bytes + nbytes <= queue_bytes

    def carry(self, packet: bytes, now_s: float, *, ours: bool = False) -> bool:
        """Put a packet under way, after those before it; False if it gets lost, which takes its time all the same."""
        weather = self._weather
        way = weather.up if self._up else weather.down
        start_s = max(now_s, way.free_s)
        way.free_s = start_s + len(packet) * way.byte_s
        if way.playing is not None:
            way.free_s = way.playing.done_s(start_s, len(packet))
        if way.free_s > now_s:
            self._waiting.append((way.free_s, len(packet)))
            self._waiting_bytes += len(packet)
        arrives_s = way.free_s + weather.delay_s - math.log(1 - self._random.random()) * weather.jitter_s
        if self._random.random() < weather.loss:
            return False
        in_order_s = max(arrives_s, self._coming[-1][0]) if self._coming else arrives_s
        self._coming.append((in_order_s, packet, ours))
        return True

    def due(self, now_s: float) -> Iterator[tuple[bytes, bool]]:
        """Take what has come out: packets, and whether they are our own."""
        while self._coming and self._coming[0][0] <= now_s:
            yield self._coming.popleft()[1:]

    def next_s(self) -> float:
        """Return when the next packet comes out."""
        return self._coming[0][0] if self._coming else math.inf


class _Connection:
    """A TCP connection as a box on the way follows it."""

    __slots__ = ("_active_s", "flow", "last", "syn", "told")

    def __init__(self, flow: Flow, syn: Segment, now_s: float) -> None:
        self.flow, self.syn = flow, syn
        self.last: dict[bool, Segment] = {}
        self.told = flow.refused  # an answer to the SYN tells
        self._active_s = now_s

    @property
    def resets_s(self) -> float:
        """When both ends have to be told of a reset."""
        return math.inf if self.told or self.flow.death != "reset" else self.flow.ends_s

    def takes(self, segment: Segment, now_s: float, up: bool, nat_timeout_s: float) -> bool:
        """Whether a segment passes: note it, if so."""
        if self.flow.refused:
            self.end(now_s, "reset")
        elif now_s - self._active_s > nat_timeout_s:
            self.end(self._active_s + nat_timeout_s, "silence")
        if now_s >= self.flow.ends_s:
            return False
        self._active_s = now_s
        self.last[up] = segment
        return True

    def end(self, now_s: float, death: Death) -> None:
        """Die, unless it is dead."""
        if now_s < self.flow.ends_s:
            self.flow.ends_s, self.flow.death = now_s, death


def _checked(profile: NetworkProfile) -> NetworkProfile:
    for field in ("captive_portal", "duplicate_upgrade"):
        if getattr(profile, field):
            raise ValueError(f"{profile.name}: {field} needs a box that reads HTTP: use a WeakNetwork, not packets")
    return profile
