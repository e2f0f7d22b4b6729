"""The real server of the small worlds: the product's router on its engine, as a machine with values as states."""

import copy
from typing import Final, NamedTuple

import msgspec

from onebar.core import content
from onebar.core.frames import (
    Accepted,
    CaughtUp,
    Note,
    Refused,
    Response,
    ServerFrame,
    Unreadable,
    Welcome,
    decode_client,
    decode_server,
    encode_message,
)
from onebar.core.questions import AddDevice, Publish
from onebar.core.sealing import the_way
from onebar.core.turn import Registered
from onebar.crypto.keys import PeerKeys
from onebar_mockserver.flight import open_flight
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.links import Link, Outgoing
from onebar_mockserver.ports import Asked, Keys
from onebar_mockserver.rivals import Rivals
from onebar_mockserver.router import Boarded, Ended, Input, Received, Router
from onebar_mockserver.sqlite.batch import Kept
from tests.simulation.inline import InlineEngine, key_fields, run
from tests.simulation.model import peer
from tests.simulation.model.client import HOST, NOW, SENDER_PHONE, Item
from tests.simulation.model.state import MISSING, REJECTED, Down, Notes
from tests.simulation.model.tables import Rows, Tables

LIMITS: Final = ServerLimits(rates={})
"""Without rates: a number that is put off is, to both sides, one that was lost on the way, which the model has."""

FULL: Final = ServerLimits(mailbox_bytes_max=0, rates={})
"""With these every mailbox is full: a well-formed envelope is rejected."""


class Part(NamedTuple):
    """What a turn of the server takes: the next item of a link, or, without one, the link's end."""

    link: int
    item: Item | None


class ServerSaid(NamedTuple):
    """What a turn of the server does to one link: messages of one frame each, and whether it closes it."""

    link: int
    messages: tuple[bytes, ...]
    closes: bool


class ServerView(NamedTuple):
    """The server's part of the model's state."""

    mark: int
    floor: int
    notes: Notes
    boxes: tuple[tuple[int, ...], tuple[int, ...]]
    links: frozenset[int]


Memory = tuple[dict[int, Link], dict[int, Rivals], dict[int, Link]]


class _Hub(Router):
    """The product's router, which can be put back into an earlier state."""

    def memory(self) -> Memory:
        return copy.deepcopy((self._links, self._by_device, self._behind))

    def go_back(self, memory: Memory) -> None:
        self._links, self._by_device, self._behind = copy.deepcopy(memory)


class _Database(InlineEngine):
    """The product's engine in memory, which can forget whom it has greeted and change its limits."""

    def memory(self) -> frozenset[int]:
        return frozenset(self._judged)

    def go_back(self, judged: frozenset[int]) -> None:
        self._judged, self._judged_by, self._known, self._rows = set(judged), self.connection, set(), Kept()

    def limit(self, limits: ServerLimits) -> None:
        self._limits = limits


class _Place(NamedTuple):
    rows: Rows
    links: Memory
    judged: frozenset[int]


class Server:
    """The backend. Its states are numbers; `step` leads from one to the next."""

    def __init__(self) -> None:
        self._engine = _Database(LIMITS)
        self._router = _Hub(self._engine, self._engine, LIMITS)
        self._numbers: dict[object, int] = {}
        self._places: list[_Place] = []
        self._views: dict[int, ServerView] = {}
        self._steps: dict[tuple[object, ...], tuple[int, tuple[ServerSaid, ...]]] = {}
        self._frames: dict[bytes, Down] = {}
        self._opened: dict[tuple[int, int, bytes], int] = {}

    def close(self) -> None:
        """Close the database."""
        self._engine.connection.close()

    def forget(self) -> None:
        """Forget what was tried; the numbers of the states stay."""
        self._steps.clear()

    @property
    def tried(self) -> int:
        """How many turns were run for real."""
        return len(self._steps)

    def begin(self, sender: PeerKeys, message_ids: list[int]) -> int:
        """Register both sides and return the first state."""
        self._sender_keys, self._message_ids = sender, message_ids
        self.sender = self._register(SENDER_PHONE, sender)
        self.peer = self._register(peer.PHONE, peer.KEYS[0].public())
        self.devices = (self.peer.device, self.peer.device + 1)
        self._publishes(Publish(peer.signed_list(self.peer.account, self.devices[:1])))
        self._tables = Tables(self._engine.connection)
        return self._number()

    def step(self, state: int, *parts: Part, full: bool = False) -> tuple[int, tuple[ServerSaid, ...]]:
        """Run one turn; return the state after it and what it says."""
        key = state, parts, full
        if key not in self._steps:
            self._go(state)
            self._engine.limit(FULL if full else LIMITS)
            turn = run(self._router.turn([_input(part) for part in parts], NOW.wall_ms))
            self._steps[key] = self._number(), tuple(_said(number, outgoing) for number, outgoing in turn.items())
        return self._steps[key]

    def die(self, state: int) -> int:
        """Return the state after the process was killed and started anew."""
        if (state, "dies") not in self._steps:
            self._go(state)
            self._router.reset()
            self._engine.go_back(frozenset())
            self._steps[state, "dies"] = self._number(), ()
        return self._steps[state, "dies"][0]

    def second_appears(self, state: int) -> int:
        """Return the state after the recipient's first device has added a second one."""
        if (state, "second") not in self._steps:
            self._go(state)
            self._publishes(AddDevice(*key_fields(peer.KEYS[1].public())))
            self._publishes(Publish(peer.signed_list(self.peer.account, self.devices)))
            self._steps[state, "second"] = self._number(), ()
        return self._steps[state, "second"][0]

    def _publishes(self, question: Publish | AddDevice) -> None:
        asked = Asked(self.peer.account, self.peer.device, question)
        (answer,) = run(self._engine.answer([asked], NOW.wall_ms))
        assert not answer.error, answer.error

    def view(self, state: int) -> ServerView:
        """Return what the model says of this state."""
        if state not in self._views:
            self._go(state)
            self._views[state] = self._look(self._places[state])
        return self._views[state]

    def frame(self, message: bytes) -> Down:
        """Return what a message to the client says, in the model's words."""
        if message not in self._frames:
            self._frames[message] = self._down(decode_server(message)[0])
        return self._frames[message]

    def _down(self, frame: ServerFrame | Unreadable) -> Down:
        if isinstance(frame, Welcome):
            return Down("welcome", frame.mark, self._notes(frame.notes))
        if isinstance(frame, Accepted):
            return Down("accepted", frame.mark, self._notes(frame.notes))
        return Down("found" if isinstance(frame, Response) and not frame.error else type(frame).__name__)

    def _register(self, phone: str, keys: PeerKeys) -> Registered:
        code = run(self._engine.issue_code(phone, b"seed", NOW.wall_ms)).code
        answer = run(self._engine.register(phone, code, Keys(*key_fields(keys)), NOW.wall_ms))
        return Registered(answer.account, answer.device, phone)

    def _go(self, state: int) -> None:
        place = self._places[state]
        self._tables.put(place.rows)
        self._router.go_back(place.links)
        self._engine.go_back(place.judged)

    def _number(self) -> int:
        rows, links, judged = self._tables.read(), self._router.memory(), self._engine.memory()
        key = rows, repr(links), judged
        if key not in self._numbers:
            self._numbers[key] = len(self._places)
            self._places.append(_Place(rows, links, judged))
        return self._numbers[key]

    def _look(self, place: _Place) -> ServerView:
        execute, sender = self._engine.connection.execute, self.sender.device
        mark, floor = execute("SELECT mark, floor FROM positions WHERE device = ?", (sender,)).fetchone()
        told = execute("SELECT note FROM notes WHERE device = ? ORDER BY out_no", (sender,)).fetchall()
        return ServerView(
            mark,
            floor,
            self._notes(tuple(msgspec.msgpack.decode(note, type=Note) for (note,) in told)),
            (self._box(0), self._box(1)),
            frozenset(place.links[0]),
        )

    def _box(self, which: int) -> tuple[int, ...]:
        """Open all that waits for one of the recipient's devices, as it would, and return which messages it is."""
        rows = self._engine.connection.execute(
            "SELECT out_no, body FROM entries WHERE device = ? ORDER BY seq", (self.devices[which],)
        ).fetchall()
        return tuple(self._message(which, out_no, body) for out_no, body in rows)

    def _message(self, which: int, out_no: int, sealed: bytes) -> int:
        key = which, out_no, sealed
        if key not in self._opened:
            sender, recipient = (self.sender.account, self.sender.device), (self.peer.account, self.devices[which])
            plain = peer.open_first(which, sealed, the_way(sender, out_no, recipient), self._sender_keys)
            what = content.decode(plain)
            assert isinstance(what, content.Text)
            known = what.message_id in self._message_ids and what.text == f"message {what.chat_no}"
            self._opened[key] = self._message_ids.index(what.message_id) if known else -1
        return self._opened[key]

    def _notes(self, notes: tuple[Note, ...]) -> Notes:
        second = ((self.peer.account, self.devices[1]),)
        words: dict[tuple[object, ...], str] = {("mailbox_full", (), ()): REJECTED, ("", second, ()): MISSING}
        return tuple((note.out_no, words.get((note.reason, note.missing, note.removed), repr(note))) for note in notes)


def _input(part: Part) -> Input:
    link, item = part
    if item is None:
        return Ended(link)
    if item.flight:
        flight = open_flight(item.data)
        return Boarded(link, HOST, flight.signature, flight.message, flight.hello)
    (frame,) = decode_client(item.data)
    return Received(link, frame)


def _said(link: int, outgoing: Outgoing) -> ServerSaid:
    frames = [frame for frame in outgoing.frames() if not isinstance(frame, CaughtUp)]
    return ServerSaid(link, tuple(encode_message([frame]) for frame in frames), outgoing.close is not None)


def is_refusal(message: bytes) -> bool:
    """Return whether a message to the client is a Refused."""
    return isinstance(decode_server(message)[0], Refused)
