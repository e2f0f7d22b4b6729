"""A small world in virtual time: real engines, the real router on real SQLite, and a network that breaks.

Everything runs in one thread and is drawn from one seed, so that a failing seed fails again. A crash of a phone drops
the outputs of the turn that was just committed, or rolls back the one that was under way; a crash of the server drops
its links and whatever it had not said yet.
"""

import heapq
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.frames import GoAway, decode_client, encode_message
from onebar.core.turn import (
    Dial,
    Hang,
    Input,
    Instant,
    LinkConnected,
    LinkLost,
    MessageArrived,
    NetworkChanged,
    Output,
    Poked,
    Registered,
    Replace,
    ReplaceRefused,
    Send,
    Transmit,
)
from onebar.crypto.keys import PeerKeys
from onebar.errors import CommitError
from onebar.events import Event
from onebar.store import SqliteStore
from onebar.store.database import Database
from onebar_mockserver.flight import open_flight
from onebar_mockserver.gateway import encode_messages
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.ports import Keys, RegistrationError
from onebar_mockserver.router import Boarded, Ended, Received, Removed, Router, Woken
from onebar_mockserver.router import Input as ServerInput
from tests.simulation.inline import InlineEngine, copy, key_fields, run

HOST: Final = "server.test"
START_MS: Final = 1_790_000_000_000
SWEEP_EVERY_S: Final = 60.0
TURNS_MAX: Final = 20_000
"""More than any calm or broken conversation here needs; reaching it means a livelock."""


class Crash(BaseException):
    """A process dies here."""


class Server:
    """The backend: a router on an engine, and the links to it."""

    def __init__(self, world: "World", limits: ServerLimits) -> None:
        self.world = world
        self.engine = InlineEngine(limits)
        self.router = Router(self.engine, self.engine, limits)
        self.inputs: list[ServerInput] = []
        self.wires: dict[int, Wire] = {}
        world.after(SWEEP_EVERY_S, self.sweep)

    def hear(self, *inputs: ServerInput) -> None:
        """Take inputs for the next turn."""
        if not self.inputs:
            self.world.after(0.0005, self.turn)  # what comes meanwhile shares the commit
        self.inputs += inputs

    def turn(self) -> None:
        """Run one turn and say what it releases."""
        inputs, self.inputs = self.inputs, []
        said = run(self.router.turn(inputs, self.world.wall_ms))
        if self.world.random.random() < self.world.server_crash_rate:
            self.crash()
            return
        for number, outgoing in said.items():
            wire = self.wires.get(number)
            if wire is None:
                continue
            for message in encode_messages(outgoing.frames()):
                wire.to_phone(message)
            if outgoing.close is not None:
                wire.close()
        if self.router.unfinished and not self.inputs:
            self.hear(Ended(-1))

    def crash(self) -> None:
        """Die and come back: all links are gone, all that is committed is there."""
        self.world.crashes += 1
        self.router.reset()
        self.inputs = []
        for wire in list(self.wires.values()):
            wire.cut("the server died")

    def image(self) -> sqlite3.Connection:
        """Copy the database, as a backup does."""
        return copy(self.engine.connection)

    def restore(self, image: sqlite3.Connection) -> None:
        """Die, and come back with an older database."""
        self.crash()
        self.engine.use(copy(image))

    def sweep(self) -> None:
        """Drop what is too old or has no device any more, as the backend does every so often."""
        swept = run(self.engine.sweep(self.world.wall_ms))
        if swept.woken:
            self.hear(Woken(tuple(swept.woken)))
        self.world.after(SWEEP_EVERY_S if swept.done else 0.1, self.sweep)

    def go_away(self, within_ms: int) -> None:
        """Announce the end to all links."""
        for wire in self.wires.values():
            wire.to_phone(encode_message([GoAway(within_ms, "restart")]))

    def register(self, phone: str, keys: PeerKeys) -> Registered:
        """Make a device of an account, and take its older ones away."""
        code = run(self.engine.issue_code(phone, "123456", self.world.wall_ms)).code
        answer = run(self.engine.register(phone, code, Keys(*key_fields(keys)), self.world.wall_ms))
        if answer.removed:
            self.hear(Removed(answer.removed))
        return Registered(answer.account, answer.device, phone)


class Wire:
    """One connection: two queues with delay; cutting it loses what is under way."""

    def __init__(self, world: "World", phone: "Phone", link_no: int, flight: bytes) -> None:
        self.world, self.phone, self.link_no, self.open = world, phone, link_no, True
        self.number = next(world.wire_numbers)
        self._up_at = self._down_at = 0.0
        self._later(up=True, action=lambda: self._board(flight))

    def _later(self, *, up: bool, action: Callable[[], None]) -> None:
        at = self.world.now_s + self.world.delay_s()
        if up:
            at = self._up_at = max(at, self._up_at)
        else:
            at = self._down_at = max(at, self._down_at)
        self.world.at(at, lambda: action() if self.open else None)
        if self.world.random.random() < self.world.cut_rate:
            self.world.after(self.world.delay_s(), lambda: self.cut("the network broke"))

    def _board(self, flight: bytes) -> None:
        self.world.server.wires[self.number] = self
        opened = open_flight(flight)
        self._later(up=False, action=lambda: self.phone.hear(LinkConnected(self.link_no)))
        behind = [Received(self.number, frame) for frame in opened.behind]
        self.world.server.hear(Boarded(self.number, HOST, opened.signature, opened.message, opened.hello), *behind)

    def to_server(self, data: bytes) -> None:
        """Carry a message up."""
        frames = decode_client(data)
        self._later(
            up=True,
            action=lambda: self.world.server.hear(*(Received(self.number, frame) for frame in frames)),
        )

    def to_phone(self, data: bytes) -> None:
        """Carry a message down."""
        data = self.world.tamper(data)
        self._later(up=False, action=lambda: self.phone.hear(MessageArrived(self.link_no, data)))

    def close(self) -> None:
        """End the connection from the server's side, behind what it said."""
        self._later(up=False, action=lambda: self.cut("closed by the server"))

    def cut(self, why: str) -> None:
        """Break the connection; each end hears of it later, or the phone never does (half-open)."""
        if not self.open:
            return
        self.open = False
        self.world.cuts += 1
        self.phone.wires.pop(self.link_no, None)
        self.world.server.wires.pop(self.number, None)
        self.world.server.hear(Ended(self.number))
        if self.world.random.random() < 0.7:
            self.world.after(self.world.delay_s(), lambda: self.phone.hear(LinkLost(self.link_no, why)))


class Phone:
    """One device: its engine, its store, and what the app did."""

    def __init__(self, world: "World", number: str) -> None:
        self.world, self.number = world, number
        self.database = Database(":memory:")
        self.store = SqliteStore(self.database)
        self.inputs: list[Input] = []
        self.wires: dict[int, Wire] = {}
        self.sent: list[tuple[str, str]] = []
        self._timer_s: float | None = None
        self._busy = False
        self._start()

    def _start(self) -> None:
        config = Config(host=HOST, window=self.world.window)
        self.engine = Engine(self.store, self.world.entropy, config)
        self.hear(Poked())

    def register(self) -> None:
        """Join the server."""
        self.hear(self.world.server.register(self.number, self.engine.public_keys()))

    def send(self, to: str, text: str) -> None:
        """The app sends a text, with a key, so that it can say so again after a crash."""
        self.sent.append((to, text))
        self.hear(Send(to, text, key=f"{to} {text}"))

    def hear(self, *inputs: Input) -> None:
        """Take inputs for the next turn."""
        self.inputs += inputs
        if not self._busy:
            self._busy = True
            self.world.after(0.0005, self.turn)

    def turn(self) -> None:
        """Run one turn and carry out what it releases, or die on the way."""
        self._busy = False
        self.world.turns += 1
        inputs, self.inputs = self.inputs, []
        if self.world.random.random() < self.world.hint_rate:
            inputs.append(NetworkChanged())
        fate = self.world.random.random() / self.world.phone_crash_rate if self.world.phone_crash_rate else 1.0
        try:
            with self._dying_before_commit(fate < 0.3), self._failing_commit(0.3 <= fate < 0.6, after=fate < 0.45):
                turn = self.engine.turn(inputs, Instant(self.world.now_s, self.world.wall_ms))
        except Crash:
            self.crash()
            return
        for output in turn.outputs:
            if fate < 1.0 and self.world.random.random() < 0.5:
                self.crash()  # some of the outputs left, the others did not
                return
            self._carry_out(output)
        if turn.more:
            self.hear()
        if turn.timer_s is not None:
            self._timer_s = turn.timer_s
            self.world.at(max(turn.timer_s, self.world.now_s + 0.001), partial(self._due, turn.timer_s))

    def _due(self, due_s: float) -> None:
        if due_s == self._timer_s:
            self.hear(Poked())

    @contextmanager
    def _dying_before_commit(self, dies: bool) -> Iterator[None]:
        transaction = self.store.transaction

        @contextmanager
        def dying() -> Iterator[None]:
            with transaction():
                yield
                raise Crash

        if dies:
            self.store.transaction = dying
        try:
            yield
        finally:
            self.store.transaction = transaction

    @contextmanager
    def _failing_commit(self, fails: bool, *, after: bool) -> Iterator[None]:
        """Let the commit fail, before or after it took effect; the app repeats what it was not told to be stored."""
        transaction = self.store.transaction

        @contextmanager
        def failing() -> Iterator[None]:
            with transaction():
                yield
                if not after:
                    raise CommitError("it did not take effect")
            raise CommitError("it took effect, and nobody knows")

        if fails:
            self.store.transaction = failing
            self.hear(*(Send(to, text, key=f"{to} {text}") for to, text in self.sent))
        try:
            yield
        finally:
            self.store.transaction = transaction

    def crash(self) -> None:
        """Die and start again from what is committed; the app repeats its sends."""
        self.world.crashes += 1
        for wire in list(self.wires.values()):
            wire.cut("the phone died")
        self.inputs = []
        self._timer_s = None
        self._start()
        self.hear(*(Send(to, text, key=f"{to} {text}") for to, text in self.sent))

    def image(self) -> sqlite3.Connection:
        """Copy the database, as a backup does."""
        return copy(self.database.connection)

    def restore(self, image: sqlite3.Connection) -> None:
        """Die, and come back with an older database."""
        self.sent = []
        self.database.connection = copy(image)
        self.crash()

    def events(self) -> list[Event]:
        """Return all events that were not confirmed."""
        return self.store.next_events("app", 1_000_000)

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, Dial):
            self.wires[output.link_no] = Wire(self.world, self, output.link_no, output.flight)
        elif isinstance(output, Transmit):
            wire = self.wires.get(output.link_no)
            if wire is not None:
                wire.to_server(output.data)
        elif isinstance(output, Hang):
            wire = self.wires.get(output.link_no)
            if wire is not None:
                wire.cut("hung up")
        else:
            self.hear(self.world.replace(output))

    def received_from(self, other: "Phone") -> list[str]:
        """Return the texts of the other side in this phone's history, in order."""
        page = self.store.history(other.number, 1_000_000)
        return [message.text for message in page if not message.outgoing]


class World:
    """The clock, the dice, a server and its phones."""

    def __init__(self, seed: int, *, phones: int = 2, window: int = 8, limits: ServerLimits | None = None) -> None:
        self.random = random.Random(seed)
        self.now_s, self.turns, self.crashes, self.cuts = 0.0, 0, 0, 0
        self.cut_rate = self.phone_crash_rate = self.server_crash_rate = self.hint_rate = 0.0
        self.window = window
        self.tamper: Callable[[bytes], bytes] = lambda data: data
        self.text_numbers = iter(range(10**9))
        self.wire_numbers = iter(range(1, 10**9))
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._event_no = 0
        self.server = Server(self, limits or ServerLimits())
        self.phones = [Phone(self, f"+1202555010{number}") for number in range(1, phones + 1)]
        for phone in self.phones:
            phone.register()

    @property
    def wall_ms(self) -> int:
        """The time as people call it."""
        return START_MS + round(self.now_s * 1000)

    def entropy(self, size: int) -> bytes:
        """Draw bytes."""
        return self.random.randbytes(size)

    def delay_s(self) -> float:
        """Draw a one-way delay."""
        return 0.02 + self.random.expovariate(1 / 0.05)

    def after(self, pause_s: float, action: Callable[[], None]) -> None:
        """Do something later."""
        self.at(self.now_s + pause_s, action)

    def at(self, time_s: float, action: Callable[[], None]) -> None:
        """Do something at a time."""
        self._event_no += 1
        heapq.heappush(self._events, (time_s, self._event_no, action))

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        end_s = self.now_s + seconds
        while self._events and self._events[0][0] <= end_s:
            assert self.turns < TURNS_MAX, "a livelock"
            self.now_s, _, action = heapq.heappop(self._events)
            action()
        self.now_s = end_s

    def calm(self) -> None:
        """End all faults."""
        self.cut_rate = self.phone_crash_rate = self.server_crash_rate = self.hint_rate = 0.0

    def replace(self, output: Replace) -> Registered | ReplaceRefused:
        """Give a restored phone its new device id."""
        keys = Keys(output.identity_key, output.box_key, output.key_signature)
        try:
            answer = run(self.server.engine.replace(output.account, output.device, keys, self.wall_ms))
        except RegistrationError as error:
            return ReplaceRefused(error.name)
        self.server.hear(Removed(answer.removed))
        return Registered(answer.account, answer.device)
