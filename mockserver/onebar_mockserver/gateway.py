"""The gateway: which links are open, what they bring into the turns, and what the turns say on them."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from onebar.core import frames
from onebar.core.frames import ClientFrame, GoAway, Refused, ServerFrame, Unreadable
from onebar_mockserver.connections import Connections
from onebar_mockserver.faults import Faults
from onebar_mockserver.flight import Flight
from onebar_mockserver.limits import LINK_PENDING_BYTES_MAX, LINK_PENDING_MAX, MAIL_MESSAGE_BYTES, STOP_S
from onebar_mockserver.links import GOING_AWAY, REFUSED
from onebar_mockserver.router import Boarded, Ended, Received, Turn
from onebar_mockserver.turns import TurnLoop

MAIL = frames.Deliver | frames.Dropped | frames.Delivered | frames.Undelivered | frames.CaughtUp
"""Frames of the mailbox; all others answer something and go before them, in messages of their own."""

TIMER_STEP_S = 1e-6
"""Timers of the same moment may run in any order, so held messages of one link are this far apart."""


class Socket(Protocol):
    """What the gateway needs of a link's socket."""

    def say(self, messages: list[bytes], close: int | None) -> None:
        """Send the messages in one write, then begin to close with this code, if any."""

    def cut(self, messages: list[bytes]) -> None:
        """Send the messages and drop the connection without a closing frame."""

    def pause(self, paused: bool) -> None:
        """Stop or go on reading."""


class Gateway:
    """The open links of one server."""

    def __init__(self, faults: Faults, connections: Connections | None = None) -> None:
        self.faults = faults
        self.connections = connections
        self.turns: TurnLoop
        self.stopping = False
        self._sockets: dict[int, Socket] = {}
        self._paused: set[int] = set()
        self._pending_bytes: dict[int, int] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._held_until: dict[int, float] = {}
        self._last = 0

    @property
    def links(self) -> int:
        """How many links are open."""
        return len(self._sockets)

    @property
    def paused(self) -> int:
        """How many links are not read, because they are far ahead of their turns."""
        return len(self._paused)

    def join(self, socket: Socket) -> int:
        """Take a new link in; return its number."""
        self._last += 1
        self._sockets[self._last] = socket
        self._empty.clear()
        return self._last

    def leave(self, link: int) -> None:
        """Note that a link's socket is gone."""
        if self._sockets.pop(link, None) is not None:
            self._paused.discard(link)
            self._held_until.pop(link, None)
            if not self._sockets:
                self._empty.set()
            self.turns.put(link, Ended(link))

    def board(self, link: int, host: str, flight: Flight) -> None:
        """Bring a link's flight into the next turn."""
        if self.stopping:
            self.refuse(link, "unavailable")
            return
        self.turns.put(link, Boarded(link, host, flight.signature, flight.message, flight.hello))
        self.receive(link, flight.behind, len(flight.message))

    def receive(self, link: int, received: list[ClientFrame | Unreadable], size: int) -> None:
        """Bring the frames of a message of `size` bytes into the next turns.

        A link that is far ahead of its turns is not read until they have caught up.
        """
        for frame in received:
            self.turns.put(link, Received(link, frame))
        self._pending_bytes[link] = self._pending_bytes.get(link, 0) + size
        too_much = self.turns.pending(link) > LINK_PENDING_MAX or self._pending_bytes[link] > LINK_PENDING_BYTES_MAX
        if too_much and link in self._sockets:
            self._paused.add(link)
            self._sockets[link].pause(True)

    def taken(self, link: int) -> None:
        """Go on reading a link whose inputs have had their turn."""
        if self.turns.pending(link):
            return
        self._pending_bytes.pop(link, None)
        if link in self._paused:
            self._paused.discard(link)
            self._sockets[link].pause(False)

    def refuse(self, link: int, reason: str) -> None:
        """Refuse a link that never came into a turn."""
        self._say(link, [Refused(reason)], REFUSED)

    def release(self, turn: Turn) -> None:
        """Send what a committed turn says."""
        for link, outgoing in turn.items():
            self._say(link, outgoing.frames(), outgoing.close)

    def lost(self) -> None:
        """Close every link, because what the last turn did is unknown."""
        self._pending_bytes.clear()
        for link in list(self._sockets):
            self._say(link, [], GOING_AWAY)

    async def close(self) -> None:
        """Close every link, and cut those whose peer does not answer soon."""
        self.lost()
        await self.emptied(STOP_S)
        self.drop_links()

    def go_away(self, within_ms: int) -> None:
        """Tell every link to reconnect within this time (R17), and take no new ones."""
        self.stopping = True
        for link in list(self._sockets):
            self._say(link, [GoAway(within_ms, "restart")], None)

    async def emptied(self, within_s: float) -> bool:
        """Wait until no link is open; return whether that was within the time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), within_s)
        return self._empty.is_set()

    def drop_links(self) -> None:
        """Cut every link abruptly, as a dying network does."""
        for socket in list(self._sockets.values()):
            socket.cut([])

    def _say(self, link: int, said: list[ServerFrame], close: int | None) -> None:
        socket = self._sockets.get(link)
        if socket is None or not (said or close):
            return
        shaped = self.faults.shape(said)
        messages = list(encode_messages(shaped.frames))
        now = asyncio.get_running_loop().time()
        due = max(self._held_until.get(link, 0.0) + TIMER_STEP_S, now + shaped.delay_s)
        if shaped.delay_s > 0 or link in self._held_until:
            # Later messages must not overtake this one, so they wait at least as long.
            self._held_until[link] = due
            asyncio.get_running_loop().call_at(due, self._send_held, link, messages, close, shaped.cut, due)
        else:
            _send(socket, messages, close, shaped.cut)

    def _send_held(self, link: int, messages: list[bytes], close: int | None, cut: bool, due: float) -> None:
        if self._held_until.get(link) == due:
            del self._held_until[link]
        if (socket := self._sockets.get(link)) is not None:
            _send(socket, messages, close, cut)


def _send(socket: Socket, messages: list[bytes], close: int | None, cut: bool) -> None:
    if cut:
        socket.cut(messages)
    else:
        socket.say(messages, close)


def encode_messages(said: list[ServerFrame]) -> Iterator[bytes]:
    """Encode a turn's frames as messages so short that a slow link always hears something soon.

    A message ends before it is longer than MAIL_MESSAGE_BYTES, so only a frame that is longer by itself makes a longer
    one; and answers share none with mail, so that `Welcome` and verdicts never wait for a page of it.
    """
    if len(said) == 1:
        yield frames.encode_message(said)
        return
    part: list[msgspec.Raw] = []
    size = 0
    mail = False
    for frame in said:
        encoded = frames.encode(frame)
        full = size + len(encoded) > MAIL_MESSAGE_BYTES or len(part) == frames.FRAMES_MAX
        if part and (full or isinstance(frame, MAIL) != mail):
            yield frames.encode(part)
            part, size = [], 0
        part.append(msgspec.Raw(encoded))
        size += len(encoded)
        mail = isinstance(frame, MAIL)
    if part:
        yield frames.encode(part)
