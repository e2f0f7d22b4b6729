"""The real client of the small worlds: the product's engine on its SQLite store, as a machine with values as states.

Everything that the engine reads is in the state: the rows of its database and its links. Time stands still and the
dice always fall alike, so the same input in the same state has the same effect, and each is tried only once.
"""

import dataclasses
import functools
from typing import Final, NamedTuple

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.frames import (
    ClientFrame,
    Hello,
    Request,
    Submit,
    Unreadable,
    decode_client,
    encode_message,
)
from onebar.core.link_states import LinkState
from onebar.core.records import Contact, Kept, Peer
from onebar.core.state import DeviceState
from onebar.core.turn import (
    Dial,
    Hang,
    Input,
    Instant,
    Output,
    Registered,
    Send,
    Transmit,
)
from onebar.crypto.wrapping import WrappingKey
from onebar.store import SqliteStore
from onebar.store.database import Database
from onebar_mockserver.flight import SIGNATURE_BYTES
from tests.simulation.model import peer
from tests.simulation.model.state import OUT, REJECTED, SENT, Envelope, Up
from tests.simulation.model.tables import Rows, Tables

HOST: Final = "server.test"
SENDER_PHONE: Final = "+12025550101"

NOW: Final = Instant(1000.0, peer.MADE_MS)
"""Always: no timer is ever due, and the end of patience is one more break of a link."""

MESSAGE_ID_BYTES: Final = 8
"""How many dice a message's id takes. Nothing else takes as many after the start."""

# No memory, or words about it, or what waits for a clock that stands still. The links are looked at one by one.
_WITHOUT_EFFECT: Final = frozenset(
    ("store", "entropy", "config", "now", "outputs", "drawn", "news", "why", "failures", "dial_at_s", "links")
)
# The flight is said again only after FlightWanted; whether a link was useful counts for the next pause only.
_WITHOUT_EFFECT_OF_LINK: Final = frozenset(("flight", "useful"))


class Item(NamedTuple):
    """A message on its way to the server: a flight, or a single frame."""

    flight: bool
    data: bytes


@functools.cache
def frame_of(item: Item) -> Up:
    """Return what an item says, in the model's words."""
    frame = decode_client(item.data[SIGNATURE_BYTES:] if item.flight else item.data)[0]
    if isinstance(frame, Hello):
        return Up("hello", 0, frame.floor)
    if isinstance(frame, Submit):
        return Up("submit", frame.out_no, frame.floor)
    return Up("find") if isinstance(frame, Request) and frame.method == "device" else Up(type(frame).__name__)


class ClientSaid(NamedTuple):
    """What a turn of the client does to one link: dials it, puts items on it, or hangs it up."""

    link: int
    items: tuple[Item, ...]
    hangs: bool = False


class LinkView(NamedTuple):
    """What the client remembers of a link that it holds."""

    connected: bool
    welcomed: bool
    position: int
    asking: bool


class ClientView(NamedTuple):
    """The client's part of the model's state, and what the app sees."""

    written: int
    outbox: tuple[Envelope, ...]
    due: tuple[int, ...]
    knows_second: bool
    confirmed: bool
    settled: int
    shown: dict[int, str]
    links: dict[int, LinkView]


class _Phone(Engine):
    """The product's engine, which can be put back into an earlier state."""

    def memory(self) -> DeviceState:
        return self._state.copy()

    def go_back(self, memory: DeviceState) -> None:
        self._state = memory.copy()
        self._committed = memory.device
        self._calls.clear()
        self._links.clear()


class _Place(NamedTuple):
    rows: Rows
    memory: DeviceState
    sealed: tuple[tuple[int, tuple[int, ...]], ...]


class Client:
    """The sender. Its states are numbers; `step` leads from one to the next."""

    def __init__(self, window: int) -> None:
        self._database = Database(":memory:")
        self._store = SqliteStore(self._database, WrappingKey(bytes(32), bytes))
        # Of gaps nobody is told: the rules know envelopes and verdicts, not what is said in silence besides (R9).
        self._store.places.given_up = lambda message_no: None  # type: ignore[method-assign]
        self._config = Config(host=HOST, window=window, one_time_prekeys=0)
        self._salt = 0
        self.phone = _Phone(self._store, self._entropy, self._config)
        self.devices: tuple[int, ...] = ()
        self._numbers: dict[object, int] = {}
        self._places: list[_Place] = []
        self._views: dict[int, ClientView] = {}
        self._steps: dict[tuple[int, tuple[Input, ...]], tuple[int, tuple[ClientSaid, ...]]] = {}

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def forget(self) -> None:
        """Forget what was tried; the numbers of the states stay."""
        self._steps.clear()

    @property
    def tried(self) -> int:
        """How many turns were run for real."""
        return len(self._steps)

    def begin(self, registered: Registered, account: int, devices: tuple[int, ...]) -> int:
        """Become a device that knows the recipient's first one, and has fetched prekeys of both; return the state."""
        self.devices = devices
        self.phone.turn([registered], NOW)
        own, dice = self.phone.memory().keys, bytes(range(64))
        with self._store.transaction():
            self._store.contacts.put(
                Contact(account, peer.PHONE, peer.ACCOUNT_KEY, peer.signed_list(account, devices[:1]))
            )
            self._store.contacts.put_device(Peer(account, devices[0], peer.KEYS[0].public(), removed=False))
            for which, device in enumerate(devices):
                self._store.sessions.put(account, device, Kept(peer.session_with(which, own, dice)))
        self._tables = Tables(self._database.connection, ("event",))
        return self._number(())

    def message_id(self, message: int) -> int:
        """Return the id that the dice give to this message."""
        return int.from_bytes(self._dice(message + 1, MESSAGE_ID_BYTES), "big") >> 1

    def send(self, state: int) -> Send:
        """Return the input by which the app sends the next message."""
        return Send(peer.PHONE, f"message {self.view(state).written + 1}")

    def step(self, state: int, *inputs: Input) -> tuple[int, tuple[ClientSaid, ...]]:
        """Run one turn; return the state after it and what it says."""
        known = self._steps.get((state, inputs))
        if known is None:
            self._go(state)
            self._salt = self.view(state).written + 1 if any(isinstance(item, Send) for item in inputs) else 0
            said = _said(self.phone.turn(inputs, NOW).outputs)
            known = self._steps[state, inputs] = self._number(self._places[state].sealed), said
        return known

    def die(self, state: int) -> int:
        """Return the state after the app was killed and is about to start anew."""
        known = self._steps.get((state, ()))
        if known is None:
            self._go(state)
            self.phone = _Phone(self._store, self._entropy, self._config)
            known = self._steps[state, ()] = self._number(self._places[state].sealed), ()
        return known[0]

    def view(self, state: int) -> ClientView:
        """Return what the model says of this state."""
        if state not in self._views:
            self._go(state)
            self._views[state] = self._look(self._places[state])
        return self._views[state]

    def _go(self, state: int) -> None:
        place = self._places[state]
        self._tables.put(place.rows)
        self.phone.go_back(place.memory)

    def _number(self, sealed: tuple[tuple[int, tuple[int, ...]], ...]) -> int:
        """Give the engine's present state its number; `sealed` is what was known of its envelopes before."""
        rows, memory = self._tables.read(), self.phone.memory()
        sealed += tuple(self._newly_sealed(len(sealed)))
        key = rows, sealed, _key(memory)
        if key not in self._numbers:
            self._numbers[key] = len(self._places)
            self._places.append(_Place(rows, memory, sealed))
        return self._numbers[key]

    def _newly_sealed(self, known: int) -> list[tuple[int, tuple[int, ...]]]:
        """Return message and devices of the envelopes beyond; when no device is left to wait for, their rows go."""
        names = dict(zip(self.devices, (1, 2), strict=True))
        execute = self._database.connection.execute
        numbers = execute(
            "SELECT out_no, message_no FROM envelope WHERE out_no > ? ORDER BY out_no", (known,)
        ).fetchall()
        meant = [execute("SELECT device FROM envelope_device WHERE out_no = ? ORDER BY device", (number,)).fetchall()
                 for number, _ in numbers]  # fmt: skip
        return [(message_no - 1, tuple(names[device] for (device,) in devices))
                for (_, message_no), devices in zip(numbers, meant, strict=True)]  # fmt: skip

    def _look(self, place: _Place) -> ClientView:
        execute = self._database.connection.execute
        verdicts = dict(execute("SELECT out_no, verdict FROM envelope").fetchall())
        words = {0: OUT, 1: SENT, None: REJECTED}  # a rejected envelope has no row any more: nobody waits for it
        outbox = tuple(Envelope(message, devices, words[verdicts.get(number)])
                       for number, (message, devices) in enumerate(place.sealed, 1))  # fmt: skip
        written = execute("SELECT message_no, state, out_no FROM message ORDER BY message_no").fetchall()
        known = execute("SELECT device FROM peer_device").fetchall()
        due = execute("SELECT message_no FROM top_up ORDER BY message_no").fetchall()
        return ClientView(
            written=len(written),
            outbox=outbox,
            due=tuple(message_no - 1 for (message_no,) in due),
            knows_second=(self.devices[1],) in known,
            confirmed=place.memory.confirmed,
            settled=place.memory.device.floor,
            shown={number - 1: {"queued": OUT}.get(state, state) for number, state, out_no in written if out_no},
            links={
                link.link_no: LinkView(
                    link.state is not LinkState.DIALING,
                    link.state is LinkState.OPEN,
                    link.position,
                    bool(link.requests),
                )
                for link in place.memory.links.values()
            },
        )

    def _entropy(self, size: int) -> bytes:
        return self._dice(self._salt if size == MESSAGE_ID_BYTES else 0, size)

    @staticmethod
    def _dice(salt: int, size: int) -> bytes:
        return bytes([255 - salt]) * size


def _said(outputs: list[Output]) -> tuple[ClientSaid, ...]:
    said = []
    for output in outputs:
        if isinstance(output, Dial):
            behind = decode_client(output.flight[SIGNATURE_BYTES:])[1:]
            said.append(ClientSaid(output.link_no, (Item(True, output.flight), *map(_item, behind))))
        elif isinstance(output, Transmit):
            said.append(ClientSaid(output.link_no, tuple(map(_item, decode_client(output.data)))))
        elif isinstance(output, Hang):
            said.append(ClientSaid(output.link_no, (), hangs=True))
        else:
            raise AssertionError(f"in a small world no client says {type(output).__name__}")
    return tuple(said)


def _item(frame: ClientFrame | Unreadable) -> Item:
    assert not isinstance(frame, Unreadable), frame.problem
    return Item(False, encode_message([frame]))


def _key(memory: DeviceState) -> tuple[object, ...]:
    links = tuple(
        tuple(
            repr(getattr(link, field.name))
            for field in dataclasses.fields(link)
            if field.name not in _WITHOUT_EFFECT_OF_LINK
        )
        for link in memory.links.values()
    )
    names = [field.name for field in dataclasses.fields(memory) if field.name not in _WITHOUT_EFFECT]
    return links, tuple(repr(getattr(memory, name)) for name in names)
