"""A phone in virtual time: the real engine on a real database, an app, a radio, and a clock that may be wrong."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.frames import Deliver
from onebar.core.records import Status
from onebar.core.turn import Dial, Hang, Input, Instant, NetworkChanged, Output, Poked, Replace, Send, Transmit, Turn
from onebar.crypto.kem import find_kem
from onebar.crypto.wrapping import WrappingKey
from onebar.errors import CommitError
from onebar.models import Reach
from onebar.store import SqliteStore
from onebar.testing import Weather
from onebar_mockserver.flight import SIGNATURE_BYTES
from tests.simulation.app import App
from tests.simulation.faults import Kind
from tests.simulation.files import Courier, file_of, sealed_of
from tests.simulation.inline import copy, new_database
from tests.simulation.network import HOST, Wire
from tests.simulation.party import Crash, Party

if TYPE_CHECKING:
    from tests.simulation.world import World

TURN_S: Final = 0.0005
"""How long a turn gathers inputs: about what an fsync takes."""


VAULT_KEY: Final = bytes(32)
"""The key of each phone's vault: what is at rest is not what is tried here."""

ONE_TIME_PREKEYS: Final = 3
"""Of each second phone, and so few that its stock runs out; the others have none."""

KEM_EVERY: Final = 3
"""Each third phone has ML-KEM: the others talk to it all the same."""

REGISTER_AGAIN_S: Final = 30.0
"""A user whose app says that the server does not know the device registers again, at most this often."""


@dataclass(frozen=True, slots=True)
class Image:
    """A backup of a phone: its database, and its app's."""

    database: sqlite3.Connection
    app: App
    disk: dict[str, bytes] = field(default_factory=dict)
    """The sealed files."""


class Phone(Party):
    """One device."""

    def __init__(self, world: "World", no: int, name: str, number: str, image: Image | None = None) -> None:
        super().__init__(no, name)
        self.world, self.number = world, number
        self.weather = Weather(world.profile, random.Random(f"{world.seed} weather {name}"))
        self.wires: dict[int, Wire] = {}
        self.app = App(world, self) if image is None else image.app.copy(self)
        self.database = new_database()
        if image is not None:
            self.database.connection = copy(image.database)
        self.store = SqliteStore(self.database, WrappingKey(VAULT_KEY, world.entropy))
        self.deceived = False
        """Whether a malicious server has had its way with this phone's mail."""
        self.last_mail: Deliver | None = None
        """The last envelope that came, for a replay."""
        self.dials = 0
        self.first_device = 0
        """The id that it first had."""
        self.overheard: Callable[[bytes], None] = lambda data: None
        """Hears what this phone says on its links."""
        self.asleep_until_s = 0.0
        self.gone = False
        """Whether nobody uses it any more."""
        self.clock_error_ms = 0
        self._slept_s = 0.0
        self._registers_s = 0.0
        self._inputs: list[Input] = []
        self._timer_s: float | None = None
        self._busy = False
        self.courier = Courier(world, self, None if image is None else dict(image.disk))
        self._start()

    def _start(self) -> None:
        self.store.transaction = self._transaction
        one_time = ONE_TIME_PREKEYS if self.no % 2 else 0
        config = Config(host=HOST, window=self.world.window, one_time_prekeys=one_time)
        kem = find_kem() if (self.world.seed + self.no) % KEM_EVERY == 0 else None
        self.engine = Engine(self.store, self.world.entropy, config, kem)
        self.hear(Poked())

    @property
    def now(self) -> Instant:
        """The time as this phone has it."""
        clock = self.world.clock
        return Instant(clock.now_s - self._slept_s, max(0, clock.wall_ms + self.clock_error_ms))

    @property
    def awake(self) -> bool:
        """Whether it runs."""
        return not self.gone and self.world.clock.now_s >= self.asleep_until_s

    def hear(self, *inputs: Input) -> None:
        """Take inputs for the next turn."""
        self._inputs += inputs
        if not self._busy and not self.gone:
            self._busy = True
            self.world.clock.after(TURN_S, self._turn)

    def _turn(self) -> None:
        self._busy = False
        if not self.awake:
            return
        inputs, self._inputs = self._inputs, []
        try:
            turn = self.engine.turn(inputs, self.now)
        except Crash:
            self.crash()
            return
        self.world.saw_turn(self, inputs, turn)
        self.app.results(inputs, turn.results)
        aftermath, self.aftermath = self.aftermath, None
        if aftermath is not None:
            torn = aftermath.kind is Kind.TORN_OUTPUTS
            share = aftermath.amount if torn else float(aftermath.amount >= 0.5)
            self._carry_out(turn.outputs[: round(share * len(turn.outputs))])
            self.crash()
            return
        self._carry_out(turn.outputs)
        self._go_on(turn)

    def _go_on(self, turn: Turn) -> None:
        if turn.news:
            self.app.look()
        self.first_device = self.first_device or self.engine.device.device
        if turn.more:
            self.hear()
        if self.engine.link.state is Reach.UNKNOWN and self.world.clock.now_s > self._registers_s:
            self._registers_s = self.world.clock.now_s + REGISTER_AGAIN_S
            self.register()  # as its user does when the app says so
        self._timer_s = turn.timer_s
        if turn.timer_s is not None and turn.timer_s < float("inf"):
            self.world.clock.at(turn.timer_s + self._slept_s + 0.001, partial(self._due, turn.timer_s))

    def _due(self, due_s: float) -> None:
        if due_s == self._timer_s and self.awake:
            self.hear(Poked())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """The database's transaction, with the faults that happen to it."""
        fault = self.at_commit(self.world.clock.now_s)
        if fault is None:
            with self.database.transaction():
                yield
            return
        self.world.fired(fault, self)
        if fault.kind is Kind.CRASH_BEFORE_COMMIT:
            raise Crash
        kept = fault.amount >= 0.5 or fault.kind not in {Kind.CRASH_IN_COMMIT, Kind.COMMIT_ERROR}
        with self.database.transaction():
            yield
            if not kept:
                raise _end_of(fault.kind)
        if fault.kind in {Kind.CRASH_IN_COMMIT, Kind.COMMIT_ERROR}:
            raise _end_of(fault.kind)
        self.aftermath = fault

    def _carry_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Dial):
                self.dials += 1
                self.wires[output.link_no] = Wire(self, output.link_no, output.flight)
                if output.flight:
                    self.world.checks.phone_says(self, output.flight[SIGNATURE_BYTES:])
            elif isinstance(output, Transmit):
                if (wire := self.wires.get(output.link_no)) is not None:
                    said = output.data if wire.boarded else output.data[SIGNATURE_BYTES:]  # the flight, asked for
                    self.world.checks.phone_says(self, said)
                    self.overheard(said)
                    wire.to_server(output.data)
            elif isinstance(output, Hang):
                if (wire := self.wires.get(output.link_no)) is not None:
                    wire.hang()
            elif isinstance(output, Replace):
                self._replace(output)
            else:
                self.courier.carry_out(output)

    def _replace(self, wish: Replace) -> None:
        clock = self.world.clock
        way = self.weather.dial(clock.now_s)
        there_s = way.arrival_s(clock.now_s, 600, up=True) + way.connects_s - clock.now_s
        clock.at(min(there_s, clock.now_s + 30), lambda: self._replaced(wish))

    def _replaced(self, wish: Replace) -> None:
        answer = self.world.server.replace(wish)
        self.world.clock.after(0.1, lambda: self.hear(answer))

    def send(self, to: str, text: str) -> None:
        """The app says something, with a key, so that it may say so again."""
        file = file_of(self.world, text)
        if file is not None:  # it is on the disk before anything is told of it
            self.courier.disk[file.digest] = sealed_of(text, file.secret.plain_bytes)
        self.hear(Send(to, text, key=text, file=file))

    def register(self) -> None:
        """Join the server, or try until it works."""
        if self.engine.device.status is Status.REGISTERED and self.engine.link.state is not Reach.UNKNOWN:
            return
        answer = self.world.server.register(self.number, self.engine.public_keys())
        if answer is None:
            self.world.clock.after(1.0, self.register)
        else:
            self.hear(answer)

    def crash(self) -> None:
        """Die and start again from what is committed; the app says again what it was not told to be stored."""
        self.world.crashes += 1
        self.world.note(self.name, "crash")
        self.aftermath = None
        self.courier.crash()
        for wire in list(self.wires.values()):
            wire.hang()
        self._inputs.clear()
        self._timer_s = None
        self._start()
        self.app.start()
        if self.engine.device.status is Status.NEW:
            self.world.clock.after(1.0, self.register)

    def free_disk(self) -> None:
        """Let the disk have room again."""
        self.database.connection.execute("PRAGMA max_page_count = 1000000")

    def leave(self) -> None:
        """Be off for ever: nobody uses this phone any more."""
        self.gone = True
        for wire in list(self.wires.values()):
            wire.hang()
        self._inputs.clear()

    def image(self) -> Image:
        """Copy what is stored, as a backup does."""
        return Image(copy(self.database.connection), self.app.copy(self), dict(self.courier.disk))

    def restore(self, image: Image) -> None:
        """Die, and come back with an older database."""
        self.database.connection.close()
        self.database.connection = copy(image.database)
        self.app.rewind(image.app)
        self.crash()

    def sleep(self, seconds: float, *, monotonic_stops: bool) -> None:
        """Stop for a while; some systems' monotonic clock stops too."""
        now_s = self.world.clock.now_s
        before_s = max(self.asleep_until_s, now_s)
        self.asleep_until_s = max(before_s, now_s + seconds)
        if monotonic_stops:
            self._slept_s += self.asleep_until_s - before_s
        self.world.clock.at(self.asleep_until_s + 0.001, self._wake)

    def _wake(self) -> None:
        if self.awake:
            self._busy = False
            self.hear(NetworkChanged())

    @property
    def address(self) -> tuple[int, int]:
        """Its account and device."""
        return self.engine.device.account, self.engine.device.device

    @property
    def removed(self) -> bool:
        """Whether the account no longer knows this device."""
        return self.engine.device.status is Status.REMOVED


def _end_of(kind: Kind) -> BaseException:
    return Crash() if kind is Kind.CRASH_IN_COMMIT else CommitError("a commit whose end is unknown")
