"""A database with devices in it, driven without threads: each call is one transaction."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from onebar.core.frames import Ack, Hello, Submit, Void
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.ports import Attached, Entry, Judged, Keys, Page, Refusal, Registered, Want
from onebar_mockserver.sqlite import mailboxes, registry, verdicts
from onebar_mockserver.sqlite.batch import Batch, DeviceRow
from onebar_mockserver.sqlite.database import open_database
from onebar_mockserver.sqlite.sweeping import sweep

T = TypeVar("T")

ENDLESS = 10**9


def keys(number: int) -> Keys:
    return Keys(number.to_bytes(32, "big"), bytes(32), bytes(64))


@dataclass
class Setting:
    path: Path = Path(":memory:")
    limits: ServerLimits = field(default_factory=ServerLimits)
    now_ms: int = 1_000_000

    def __post_init__(self) -> None:
        self.connection = open_database(self.path)
        self.judged: set[int] = set()

    def reopen(self) -> None:
        self.connection.close()
        self.use(open_database(self.path))

    def use(self, connection: sqlite3.Connection) -> None:
        """Go on with another database, as an engine does that opens one."""
        self.connection = connection
        self.judged = set()

    def image(self) -> sqlite3.Connection:
        """Copy the database, as a backup does."""
        target = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.backup(target)
        return target

    def run(self, work: Callable[[Batch], T], *, crash: bool = False) -> T:
        self.connection.execute("BEGIN IMMEDIATE")
        batch = Batch(self.connection, self.now_ms, self.limits, self.judged)
        try:
            result = work(batch)
            batch.flush()
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("ROLLBACK" if crash else "COMMIT")
        if not crash:
            self.judged |= batch.greeted
        return result

    def register(self, phone: str, number: int) -> Registered:
        def work(batch: Batch) -> Registered:
            code = registry.issue_code(batch.connection, phone, "123456", self.now_ms)
            answer = registry.register(batch.connection, phone, code.code, keys(number), self.now_ms)
            assert isinstance(answer, Registered), answer
            return answer

        return self.run(work)

    def judge(self, device: int, frame: Submit | Void, *, crash: bool = False) -> Judged:
        def work(batch: Batch) -> Judged:
            answer = verdicts.judge(batch, row_of(batch, device), frame)
            assert isinstance(answer, Judged)
            return answer

        return self.run(work, crash=crash)

    def attach(self, device: int, **changes: int) -> Attached | Refusal:
        values = {"connection_no": 1, "time_ms": 0, "epoch": 1, "cursor": 0, "floor": 0} | changes

        def work(batch: Batch) -> Attached | Refusal:
            row = row_of(batch, device)
            hello = Hello(row.account, device, unopened=(), **values)
            return mailboxes.attach(batch, row, hello)

        return self.run(work)

    def ack(
        self,
        device: int,
        cursor: int,
        unopened: tuple[int, ...] = (),
        *,
        epoch: int = 1,
        crash: bool = False,
    ) -> None:
        self.run(
            lambda batch: mailboxes.acknowledge(batch, row_of(batch, device), Ack(epoch, cursor, unopened)),
            crash=crash,
        )

    def page(self, device: int, after: int = 0, bytes_max: int = ENDLESS) -> Page:
        return mailboxes.fetch(self.connection, Want(device, after, bytes_max))

    def mail(self, device: int) -> list[Entry]:
        entries: list[Entry] = []
        while True:
            page = self.page(device, entries[-1].seq if entries else 0)
            entries += page.entries
            if not page.more:
                return entries

    def sweep(self) -> frozenset[int]:
        woken: frozenset[int] = frozenset()
        while True:
            swept = self.run(sweep)
            woken |= swept.woken
            if swept.done:
                return woken

    def notes(self, device: int) -> set[int]:
        return self.run(lambda batch: set(batch.notes(row_of(batch, device))))

    def row(self, device: int) -> DeviceRow:
        return self.run(lambda batch: row_of(batch, device))


def row_of(batch: Batch, device: int) -> DeviceRow:
    row = batch.device(device)
    assert row is not None
    return row
