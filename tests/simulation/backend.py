"""The backend in virtual time: the real router on the real embedded engine, and the connections to it."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from onebar.core.frames import GoAway, Submit, Void, decode_as, encode_message
from onebar.core.questions import Bundle, FindBundle
from onebar.core.turn import Registered, Replace, ReplaceFailed, ReplaceRefused
from onebar.crypto.keys import PeerKeys
from onebar_mockserver.gateway import encode_messages
from onebar_mockserver.limits import TURN_INPUTS_MAX, ServerLimits
from onebar_mockserver.ports import (
    Answer,
    Asked,
    BatchFailedError,
    EngineLostError,
    Judged,
    Keys,
    Op,
    Outcome,
    RegistrationError,
    Rejection,
)
from onebar_mockserver.router import Ended, Input, Removed, Router, Woken
from onebar_mockserver.sqlite.batch import Batch, Kept
from onebar_mockserver.sqlite.codes import code_of
from tests.simulation.faults import SERVER, Kind
from tests.simulation.inline import InlineEngine, copy, key_fields, run
from tests.simulation.party import Crash, Party

if TYPE_CHECKING:
    from tests.simulation.network import Wire
    from tests.simulation.world import World

T = TypeVar("T")

TURN_S: Final = 0.0005
"""How long a turn gathers inputs: about what an fsync takes."""

SWEEP_EVERY_S: Final = 3600.0
"""How often the backend sweeps here: seldom, so that 40 days pass quickly."""

Verdicts = dict[tuple[int, int], str]
"""The reason by (device, out_no); empty: accepted."""


class WatchedEngine(InlineEngine):
    """The embedded engine; faults happen at its commits, and each verdict that it commits is noted."""

    def __init__(self, server: "Server", limits: ServerLimits, verdicts: Verdicts) -> None:
        super().__init__(limits)
        self._server = server
        self._ops: Sequence[Op] = ()
        self._failures = 0
        """How many of the next attempts fail."""
        self.verdicts = verdicts

    async def apply(self, ops: Sequence[Op], now_ms: int) -> Outcome:
        self._ops = ops
        fault = self._server.take(Kind.FAILED_BATCH, self._server.world.clock.now_s)
        if fault is not None:
            self._server.world.fired(fault, self._server)
            self._failures = 1 if fault.amount < 0.5 else 2
        if self._failures:
            self._failures -= 1
            raise BatchFailedError("an operation raised")
        return await super().apply(ops, now_ms)

    async def answer(self, asked: Sequence[Asked], now_ms: int) -> list[Answer]:
        answers = await super().answer(asked, now_ms)
        for one, said in zip(asked, answers, strict=True):
            if isinstance(one.question, FindBundle) and not said.error:
                self._server.world.checks.handed_out(decode_as(Bundle, said.result))
        return answers

    def _commit(self, work: Callable[[Batch], T], now_ms: int, kept: Kept | None = None) -> T:
        world = self._server.world
        fault = self._server.at_commit(world.clock.now_s)
        if fault is None:
            return self._noted(work, now_ms, kept)
        world.fired(fault, self._server)
        if fault.kind is Kind.CRASH_BEFORE_COMMIT:
            raise Crash
        if fault.kind in {Kind.CRASH_IN_COMMIT, Kind.COMMIT_ERROR}:
            dies = fault.kind is Kind.CRASH_IN_COMMIT
            if fault.amount < 0.5:
                end = Crash() if dies else sqlite3.OperationalError("disk I/O error")
                super()._commit(partial(_broken_off, work, end), now_ms, kept)
            self._noted(work, now_ms, kept)
            raise Crash if dies else EngineLostError("the commit's end is unknown")
        self._server.aftermath = fault
        return self._noted(work, now_ms, kept)

    def _noted(self, work: Callable[[Batch], T], now_ms: int, kept: Kept | None) -> T:
        result = super()._commit(work, now_ms, kept)
        if isinstance(result, Outcome):
            for op, judged in zip(self._ops, result.results, strict=True):
                frame = op.frame.submit if isinstance(op.frame, Rejection) else op.frame
                if isinstance(judged, Judged) and isinstance(frame, Submit | Void):
                    self._note(op.device, frame, judged)
        return result

    def _note(self, device: int, frame: Submit | Void, judged: Judged) -> None:
        out_no = frame.out_no
        if not judged.answered or out_no > judged.mark:
            return
        noted = next((note.reason for note in judged.notes if note.out_no == out_no), None)
        known = self.verdicts.get((device, out_no))
        if known is None:
            self.verdicts[device, out_no] = noted or ""
        elif out_no > max(frame.floor, self._server.floor(device)):  # what is settled needs no note any more
            same = (noted or "") == known
            self._server.world.checks.look("verdicts-are-final", same, f"{out_no}: {known!r}, then {noted!r}")


def _broken_off(work: Callable[[Batch], object], end: BaseException, batch: Batch) -> None:
    """Do the work of a transaction, and end inside it."""
    work(batch)
    batch.flush()
    raise end


class Server(Party):
    """The backend."""

    def __init__(self, world: "World", limits: ServerLimits) -> None:
        super().__init__(SERVER, "server")
        self.world = world
        self.limits = limits
        self.wires: dict[int, Wire] = {}
        self.slow_until_s = 0.0
        self.forgotten: Verdicts = {}
        """Verdicts that were given, and of which a restored database knows nothing: some are still on their way."""
        self._inputs: list[Input] = []
        self._busy = False
        self._start(WatchedEngine(self, limits, {}))
        world.clock.after(SWEEP_EVERY_S, self._sweep)

    def _start(self, engine: WatchedEngine) -> None:
        self.engine = engine
        self.router = Router(engine, engine, self.limits)

    def hear(self, *inputs: Input) -> None:
        """Take inputs for the next turn."""
        self._inputs += inputs
        if not self._busy:
            self._busy = True
            slow_s = self.world.dice.uniform(1, 4) if self.slow_until_s > self.world.clock.now_s else 0.0
            self.world.clock.after(TURN_S + slow_s, self._turn)

    def _turn(self) -> None:
        self._busy = False
        inputs, self._inputs = self._inputs[:TURN_INPUTS_MAX], self._inputs[TURN_INPUTS_MAX:]
        said = self.attempt(lambda: run(self.router.turn(inputs, self.world.clock.wall_ms)))
        if said is None:
            return
        aftermath, self.aftermath = self.aftermath, None
        torn = aftermath is not None and aftermath.kind is Kind.TORN_OUTPUTS
        for place, (number, outgoing) in enumerate(said.items()):
            if aftermath is not None and torn and place >= aftermath.amount * len(said):
                break
            wire = self.wires.get(number)
            if wire is None:
                continue
            frames = outgoing.frames()
            self.world.checks.server_says(self, wire, frames)
            for message in encode_messages(frames):
                wire.to_phone(message)
            if outgoing.close is not None:
                wire.close()
        if aftermath is not None:
            self.crash()
        elif self._inputs or self.router.unfinished:
            self.hear(*([] if self._inputs else [Ended(-1)]))

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do something that commits; if the process dies of it or its disk fails, start again and return None."""
        try:
            return work()
        except Crash:
            self.crash()
        except EngineLostError:
            self.lose_engine()
        return None

    def crash(self) -> None:
        """Die and start again: all that is committed is there, all else is gone."""
        self.world.crashes += 1
        self.world.note(self.name, "crash")
        self._restart(self.engine.connection)

    def lose_engine(self) -> None:
        """Close all links and open the database anew (R19)."""
        self.world.note(self.name, "engine lost")
        self._restart(self.engine.connection)

    def _restart(self, database: sqlite3.Connection) -> None:
        self.aftermath = None
        self._inputs.clear()
        engine = WatchedEngine(self, self.limits, self.engine.verdicts)
        engine.use(copy(database))
        database.close()
        self._start(engine)
        for wire in list(self.wires.values()):
            wire.end_by_server()

    def image(self) -> tuple[sqlite3.Connection, Verdicts]:
        """Copy what is stored, as a backup does."""
        return copy(self.engine.connection), dict(self.engine.verdicts)

    def restore(self, image: tuple[sqlite3.Connection, Verdicts]) -> None:
        """Die, and come back with an older database: the verdicts since then were never given."""
        self.forgotten |= self.engine.verdicts
        database, self.engine.verdicts = image
        self.engine.connection.close()
        self._restart(database)

    def free_disk(self) -> None:
        """Let the disk have room again."""
        self.engine.connection.execute("PRAGMA max_page_count = 1000000")

    def change_limits(self, **changes: Any) -> None:
        """Restart with other limits."""
        self.limits = replace(self.limits, **changes)
        self._restart(self.engine.connection)

    def go_away(self, within_ms: int) -> None:
        """Announce the end to all links."""
        for wire in list(self.wires.values()):
            wire.to_phone(encode_message([GoAway(within_ms, "restart")]))

    def _sweep(self) -> None:
        swept = self.attempt(lambda: run(self.engine.sweep(self.world.clock.wall_ms)))
        if swept is not None and swept.woken:
            self.hear(Woken(tuple(sorted(swept.woken))))
        self.world.clock.after(0.1 if swept is None or not swept.done else SWEEP_EVERY_S, self._sweep)

    def register(self, phone: str, keys: PeerKeys) -> Registered | None:
        """Make a device of an account, and take its older ones away; None if the answer got lost."""
        now_ms = self.world.clock.wall_ms
        try:
            code = self.attempt(lambda: run(self.engine.issue_code(phone, b"seed", now_ms)).code)
        except RegistrationError:
            code = code_of(b"", phone, b"seed")  # too early for another SMS: that of the first one still holds
        if code is None:
            return None
        answer = self.attempt(lambda: run(self.engine.register(phone, code, Keys(*key_fields(keys)), now_ms)))
        if answer is None:
            return None
        if answer.removed:
            self.hear(Removed(answer.removed))
        return Registered(answer.account, answer.device, phone)

    def replace(self, wish: Replace) -> Registered | ReplaceRefused | ReplaceFailed:
        """Give a restored phone its new device id."""
        keys = Keys(wish.identity_key, wish.box_key, wish.key_signature)
        now_ms = self.world.clock.wall_ms
        try:
            answer = self.attempt(lambda: run(self.engine.replace(wish.account, wish.device, keys, now_ms)))
        except RegistrationError as error:
            return ReplaceRefused(error.name)
        if answer is None:
            return ReplaceFailed()
        self.hear(Removed(answer.removed))
        return Registered(answer.account, answer.device)

    def floor(self, device: int) -> int:
        """Return up to which number a device has settled its verdicts, as committed."""
        row = self.engine.connection.execute("SELECT floor FROM positions WHERE device = ?", (device,)).fetchone()
        return 0 if row is None else int(row[0])

    def position(self, device: int) -> tuple[int, int]:
        """Return a device's mark and how far its mailbox is acknowledged, as committed."""
        row = self.engine.connection.execute("SELECT mark, acked FROM positions WHERE device = ?", (device,)).fetchone()
        return (0, 0) if row is None else (row[0], row[1])
