"""`SqliteEngine`: the ports on one SQLite file and one writer thread.

Everything runs on the writer thread, so a commit's fsync never stops the event loop, and what arrives
meanwhile shares the next commit.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from onebar.core.frames import Ack, Hello
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.limits import KEPT_ROWS_MAX, KNOWN_PAIRS_MAX, ServerLimits
from onebar_mockserver.ports import (
    Answer,
    Asked,
    BatchFailedError,
    Code,
    EngineLostError,
    Fenced,
    Identity,
    Keys,
    Op,
    Outcome,
    Page,
    Refusal,
    Registered,
    RegistrationError,
    Result,
    Swept,
    Want,
)
from onebar_mockserver.push.gateways import PushToken, Sleepers
from onebar_mockserver.sqlite import codes, mailboxes, push_tokens, registry
from onebar_mockserver.sqlite.admission import answer_admitted
from onebar_mockserver.sqlite.batch import Batch, Kept
from onebar_mockserver.sqlite.code_key import open_key
from onebar_mockserver.sqlite.database import FILE_NAME, DatabaseError, lock_directory, open_database
from onebar_mockserver.sqlite.sweeping import sweep
from onebar_mockserver.sqlite.verdicts import judge

T = TypeVar("T")

_MISUSE = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
"""Errors of SQLite that an operation caused; all others mean that the file or the disk is in trouble."""


class SqliteEngine:
    """`Ledger`, `Mailbox` and `PushTokens` on a data directory, which it keeps locked while it is open."""

    def __init__(
        self,
        data: Path,
        limits: ServerLimits,
        committed: Callable[[float], None] = lambda _took_s: None,
        buckets: Buckets | None = None,
    ) -> None:
        """Choose the folder; `committed` hears on the writer thread how many seconds each commit took."""
        self._data = data
        self._limits = limits
        self._committed = committed
        self._buckets = Buckets(limits.rates) if buckets is None else buckets
        self._known: set[tuple[int, int]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="onebar-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._code_key = b""
        self._rows = Kept()
        self._judged: set[int] = set()
        self._judged_by: sqlite3.Connection | None = None
        self._lock: int | None = None

    async def open(self) -> None:
        """Lock the data directory and open the database.

        Raises:
            DatabaseError: It is in use, damaged, or newer than this server; nothing was changed.
        """
        try:
            await self._on_thread(self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def reopen(self) -> None:
        """Open the database anew.

        Raises:
            EngineLostError: It cannot be opened yet; try again later.
        """
        try:
            await self._on_thread(self._reopen)
        except DatabaseError as error:
            raise EngineLostError(str(error)) from error

    async def close(self) -> None:
        """Finish what was handed over, fold the log into the file, and give the directory free; once."""
        if self._lock is not None:
            await self._on_thread(self._close)
            self._thread.shutdown(wait=True)

    async def apply(self, ops: Sequence[Op], now_ms: int) -> Outcome:
        """Apply a batch in one transaction; see `ports.Mailbox.apply`."""

        def work(batch: Batch) -> Outcome:
            results = [_apply(batch, op) for op in ops]
            return Outcome(results, batch.appended)

        return await self._on_thread(lambda: self._commit(work, now_ms, self._rows))

    async def fetch(self, wants: Sequence[Want]) -> list[Page]:
        """Read one page for each wish; see `ports.Mailbox.fetch`."""
        return await self._on_thread(
            lambda: self._read(lambda connection: [mailboxes.fetch(connection, want) for want in wants])
        )

    async def sweep(self, now_ms: int) -> Swept:
        """Do one step of the sweep; see `ports.Mailbox.sweep`."""
        return await self._on_thread(lambda: self._commit(sweep, now_ms))

    async def issue_code(self, phone: str, fresh: bytes, now_ms: int) -> Code:
        """Return or make a code; see `ports.Ledger.issue_code`."""
        return _raised(
            await self._on_thread(
                lambda: self._commit(
                    lambda batch: codes.issue(batch.connection, self._code_key, phone, fresh, now_ms), now_ms
                )
            )
        )

    async def code_not_sent(self, phone: str, now_ms: int) -> None:
        """Take a sending back; see `ports.Ledger.code_not_sent`."""
        await self._on_thread(
            lambda: self._commit(lambda batch: codes.not_sent(batch.connection, phone, now_ms), now_ms)
        )

    async def register(
        self, phone: str, code: str, keys: Keys, now_ms: int, pin: bytes = b"", totp: str = ""
    ) -> Registered:
        """Register a device; see `ports.Ledger.register`."""
        return _raised(
            await self._on_thread(
                lambda: self._commit(
                    lambda batch: registry.register(
                        batch.connection, self._code_key, phone, code, keys, now_ms, pin, totp
                    ),
                    now_ms,
                )
            )
        )

    async def replace(self, account: int, device: int, keys: Keys, now_ms: int) -> Registered:
        """Replace a device; see `ports.Ledger.replace`."""
        return _raised(
            await self._on_thread(
                lambda: self._commit(
                    lambda batch: registry.replace(batch.connection, account, device, keys, now_ms), now_ms
                )
            )
        )

    async def identities(self, devices: Sequence[int]) -> dict[int, Identity]:
        """Return who these devices are; see `ports.Ledger.identities`."""
        return await self._on_thread(lambda: self._read(lambda connection: registry.identities(connection, devices)))

    async def answer(self, asked: Sequence[Asked], now_ms: int) -> list[Answer]:
        """Answer questions in one transaction; see `ports.Ledger.answer`. If nothing was written, it costs no fsync."""

        def work(batch: Batch) -> list[Answer]:
            return [answer_admitted(batch, one) for one in asked]

        return await self._on_thread(lambda: self._commit(work, now_ms))

    async def push_tokens(self, devices: Sequence[int]) -> dict[int, PushToken]:
        """Return the tokens of these devices; see `push.gateways.PushTokens`."""
        return await self._on_thread(lambda: self._read(lambda connection: push_tokens.find(connection, devices)))

    async def drop_push_token(self, device: int, token: str, before_ms: int, now_ms: int) -> None:
        """Drop a token; see `push.gateways.PushTokens`."""
        await self._on_thread(
            lambda: self._commit(lambda batch: push_tokens.drop(batch.connection, device, token, before_ms), now_ms)
        )

    async def sleepers(self, after: int, limit: int) -> Sleepers:
        """Return for whom mail waits; see `push.gateways.PushTokens`."""
        return await self._on_thread(
            lambda: self._read(lambda connection: push_tokens.sleepers(connection, after, limit))
        )

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        self._lock = lock_directory(self._data)
        try:
            self._code_key = open_key(self._data)
            self._connection = open_database(self._data / FILE_NAME)
        except BaseException:
            os.close(self._lock)
            self._lock = None
            raise

    def _reopen(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._connection = open_database(self._data / FILE_NAME, whole=True)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _commit(self, work: Callable[[Batch], T], now_ms: int, kept: Kept | None = None) -> T:
        """Run work in one transaction; after a return it is on the disk.

        Only work that changes devices in the batch and nowhere else may go on with what is `kept`, and leave it behind.
        """
        self._rows = Kept()  # whatever comes between: what is on the disk counts
        connection = self._opened()
        if self._judged_by is not connection:  # opened anew, perhaps another copy: no cursor was judged here yet (R21)
            self._judged_by, self._judged = connection, set()
            self._known.clear()
            kept = kept and Kept()
        if len(self._known) > KNOWN_PAIRS_MAX:
            self._known.clear()
        batch = Batch(connection, now_ms, self._limits, self._judged, self._known, self._buckets, kept=kept or Kept())
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(batch)
                batch.flush()
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            started_s = time.perf_counter()
            connection.execute("COMMIT")
        except _MISUSE as error:
            raise BatchFailedError(type(error).__name__) from error
        except sqlite3.Error as error:
            raise EngineLostError(f"{type(error).__name__}: {error}") from error
        except Exception as error:
            raise BatchFailedError(type(error).__name__) from error
        self._committed(time.perf_counter() - started_s)
        self._judged |= batch.greeted
        self._known |= batch.written
        if kept is not None and len(kept.devices) + len(kept.active) <= KEPT_ROWS_MAX:
            self._rows = kept
        return result

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._opened())
        except sqlite3.Error as error:
            raise EngineLostError(f"{type(error).__name__}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise EngineLostError("the database is not open")
        return self._connection


def _apply(batch: Batch, op: Op) -> Result:
    row = batch.device(op.device)
    if isinstance(op.frame, Hello):
        answer = Refusal("unauthenticated", 0) if row is None else mailboxes.attach(batch, row, op.frame)
        if isinstance(answer, Refusal):
            batch.refused.add(op.link)
        return answer
    fenced = row is None or bool(row.removed) or op.connection_no < row.position.fence_no
    if row is None or fenced or op.link in batch.refused:
        return Fenced()
    batch.saw(row)
    if op.speaks:
        row.position.fence_no = op.connection_no
    if isinstance(op.frame, Ack):
        return mailboxes.acknowledge(batch, row, op.frame)
    return judge(batch, row, op.frame)


def _raised(answer: T | RegistrationError) -> T:
    if isinstance(answer, RegistrationError):
        raise answer
    return answer
