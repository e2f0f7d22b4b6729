"""Connections in virtual time: what is sent arrives late, and any connection may break, at one end or at both."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from onebar.core.frames import FlightWanted, decode_client, encode_message
from onebar.core.turn import LinkConnected, LinkLost, MessageArrived
from onebar_mockserver.flight import open_flight
from onebar_mockserver.router import Boarded, Ended, Received
from tests.simulation import malice
from tests.simulation.faults import Fault, Kind

if TYPE_CHECKING:
    from tests.simulation.phone import Phone

HOST: Final = "server.test"

REQUEST_BYTES: Final = 420
"""What an upgrade request takes beside its flight: request line, headers, and the handshakes before it."""

PACKET_BYTES: Final = 46
"""What a message takes beside its payload: IP, TCP and WebSocket headers."""

GHOST_S: Final = 5.0
"""How long a middlebox keeps its own connection."""

SILENCE_S: Final = 120.0
"""After this time a server's system gives up a peer that is silent: TCP's own time-outs."""


class Wire:
    """One connection of a phone."""

    def __init__(self, phone: "Phone", link_no: int, flight: bytes) -> None:
        self.phone, self.link_no = phone, link_no
        self.world, self.server = phone.world, phone.world.server
        self.number = next(self.world.wire_numbers)
        self.boarded = False
        self._phone_open = self._server_open = True
        self._up_works = self._down_works = True
        self._up_at_s = self._down_at_s = 0.0
        self._flow = phone.weather.dial(self.world.clock.now_s)
        connects_s, clock = self._flow.connects_s, self.world.clock
        if self._flow.refused:
            clock.at(connects_s, lambda: self._end_at_phone("connection refused"))
        elif connects_s < math.inf:
            clock.at(connects_s, lambda: self._request(flight))
            if self._flow.death == "reset":
                clock.at(self._flow.ends_s, lambda: self.cut("connection reset", lose=True))

    def _request(self, flight: bytes) -> None:
        if not self._phone_open:
            return
        now_s = self.world.clock.now_s
        if flight and (fault := self.phone.take(Kind.STRIPPED_FLIGHT, now_s)):
            self.world.fired(fault, self.phone)
            flight = b""
        ghost = self.phone.take(Kind.REPEATED_UPGRADE, now_s) if flight else None
        if ghost is not None:
            self.world.fired(ghost, self.phone)
        if flight and (ghost is not None or self._flow.duplicate_upgrade):
            pause_s = 0.0 if ghost is None or ghost.amount < 0.5 else 0.3
            self.world.clock.after(pause_s, lambda: self._repeat(flight))
        late = self.phone.take(Kind.LATE_UPGRADE, now_s)
        if late is not None:
            self.world.fired(late, self.phone)
            self._up_at_s = now_s + late.amount
        self._up(REQUEST_BYTES + len(flight) * 4 // 3, lambda: self._upgraded(flight))

    def _repeat(self, flight: bytes) -> None:
        """A middlebox sends the request once more; nobody reads what the server answers to it."""
        ghost = next(self.world.wire_numbers)
        self.server.hear(*boarding(ghost, flight))
        self.world.clock.after(GHOST_S, lambda: self.server.hear(Ended(ghost)))

    def _upgraded(self, flight: bytes) -> None:
        self.server.wires[self.number] = self
        self._down(REQUEST_BYTES, lambda: self.phone.hear(LinkConnected(self.link_no)))
        if flight:
            self._board(flight)
        else:
            self.to_phone(encode_message([FlightWanted()]))

    def _board(self, flight: bytes) -> None:
        self.boarded = True
        self.server.hear(*boarding(self.number, flight))

    def to_server(self, data: bytes) -> None:
        """Carry a message up."""
        fault = self._next_message()
        if self._up_works:
            self._up(PACKET_BYTES + len(data), lambda: self._arrived(data))
        self._break(fault)

    def _arrived(self, data: bytes) -> None:
        if not self.boarded:
            self._board(data)
            return
        frames = decode_client(data)
        self.world.checks.server_hears(self, frames)
        self.server.hear(*(Received(self.number, frame) for frame in frames))

    def to_phone(self, data: bytes) -> None:
        """Carry a message down."""
        fault = self._next_message()
        data = malice.tamper(self.phone, data)
        if self._down_works:
            self._down(PACKET_BYTES + len(data), lambda: self.phone.hear(MessageArrived(self.link_no, data)))
        self._break(fault)

    def _next_message(self) -> Fault | None:
        self.phone.messages += 1
        now_s, count = self.world.clock.now_s, self.phone.messages
        return self.phone.take(Kind.CUT, now_s, count) or self.phone.take(Kind.HALF_OPEN, now_s, count)

    def _break(self, fault: Fault | None) -> None:
        if fault is None:
            return
        self.world.fired(fault, self.phone)
        if fault.kind is Kind.CUT:
            self.cut("the network broke", lose=fault.amount < 0.5)
        else:
            self.half_open(phone_hears=fault.amount < 0.3, server_hears=fault.amount > 0.7)

    def _up(self, size: int, action: Callable[[], None]) -> None:
        at_s = self._up_at_s = self._arrival_s(size, up=True)
        if at_s < math.inf:
            self.world.clock.at(at_s, lambda: action() if self._server_open else None)

    def _down(self, size: int, action: Callable[[], None]) -> None:
        at_s = self._down_at_s = self._arrival_s(size, up=False)
        if at_s < math.inf:
            self.world.clock.at(at_s, lambda: action() if self._phone_open else None)

    def _arrival_s(self, size: int, *, up: bool) -> float:
        at_s = self._flow.arrival_s(self.world.clock.now_s, size, up=up)
        return max(at_s, self._up_at_s if up else self._down_at_s)

    def cut(self, why: str, *, lose: bool) -> None:
        """Break it; both ends hear of it, after what was still on its way or instead of it."""
        if not (self._up_works or self._down_works):
            return
        self.world.cuts += 1
        self.world.note(self.phone.name, "cut", self.link_no, lose)
        self._up_works = self._down_works = False
        if lose:
            self._server_open = self._phone_open = False
        clock = self.world.clock
        at_server_s, at_phone_s = (self._arrival_s(PACKET_BYTES, up=up) for up in (True, False))
        clock.at(min(at_server_s, clock.now_s + SILENCE_S), self._end_at_server)
        if at_phone_s < math.inf:
            clock.at(at_phone_s, lambda: self._end_at_phone(why))

    def half_open(self, *, phone_hears: bool, server_hears: bool) -> None:
        """Let it die; an end that does not hear of it goes on talking to nobody."""
        self.world.cuts += 1
        self._up_works = self._down_works = self._phone_open = False
        self.world.note(self.phone.name, "half-open", self.link_no, phone_hears, server_hears)
        if phone_hears:
            self.world.clock.after(0.1, lambda: self._end_at_phone("reset"))
        self._server_open = False
        self.world.clock.after(0.1 if server_hears else SILENCE_S, self._end_at_server)

    def close(self) -> None:
        """The server closes it, behind what it said."""
        self._down(PACKET_BYTES, lambda: self._end_at_phone("closed by the server"))
        self._up_works = False
        self._end_at_server()

    def end_by_server(self) -> None:
        """The server's process died: what it had sent may still arrive."""
        self._up_works = self._server_open = False
        self.server.wires.pop(self.number, None)
        if self._down_works:
            self._down(PACKET_BYTES, lambda: self._end_at_phone("the server died"))
        self._down_works = False

    def hang(self) -> None:
        """The phone is done with it, or died: what it had sent may still arrive."""
        self._phone_open = self._down_works = False
        self.phone.wires.pop(self.link_no, None)
        if self._up_works:
            at_s = self._arrival_s(PACKET_BYTES, up=True)
            self.world.clock.at(min(at_s, self.world.clock.now_s + SILENCE_S), self._end_at_server)
        self._up_works = False

    def _end_at_server(self) -> None:
        self._server_open = False
        if self.server.wires.pop(self.number, None) is not None:
            self.server.hear(Ended(self.number))

    def _end_at_phone(self, why: str) -> None:
        self._phone_open = False
        if self.phone.wires.pop(self.link_no, None) is not None:
            self.phone.hear(LinkLost(self.link_no, why))


def boarding(number: int, flight: bytes) -> list[Boarded | Received]:
    """Return the server's inputs for a flight that arrived."""
    opened = open_flight(flight)
    first = Boarded(number, HOST, opened.signature, opened.message, opened.hello)
    return [first, *(Received(number, frame) for frame in opened.behind)]
