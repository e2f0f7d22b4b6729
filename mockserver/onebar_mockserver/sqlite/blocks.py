"""Whom an account does not want to hear from: the sender sees `sent`, later `expired`, and nothing else (R5)."""

import sqlite3

from onebar.core.frames import FLAG_SILENT
from onebar_mockserver.limits import BLOCKS_MAX, WITHHELD_MAX
from onebar_mockserver.ports import QuestionError
from onebar_mockserver.sqlite.batch import Batch, DeviceRow


def block(connection: sqlite3.Connection, account: int, phone: str, *, blocked: bool) -> None:
    """Block a number, or unblock it; whether anybody has it does not matter, and is not told.

    Raises:
        QuestionError: `too_many`.
    """
    if not blocked:
        connection.execute("DELETE FROM blocks WHERE account = ? AND phone = ?", (account, phone))
        return
    (count,) = connection.execute("SELECT count(*) FROM blocks WHERE account = ?", (account,)).fetchone()
    if count >= BLOCKS_MAX:
        raise QuestionError("too_many")
    connection.execute("INSERT OR IGNORE INTO blocks VALUES (?, ?)", (account, phone))


def blocked(connection: sqlite3.Connection, account: int) -> tuple[str, ...]:
    """Return the numbers that an account has blocked."""
    rows = connection.execute("SELECT phone FROM blocks WHERE account = ? ORDER BY phone", (account,))
    return tuple(phone for (phone,) in rows)


def forget(connection: sqlite3.Connection, account: int) -> None:
    """Unblock everybody: the account is gone, or its number is somebody else's."""
    connection.execute("DELETE FROM blocks WHERE account = ?", (account,))


def is_blocked(batch: Batch, sender: DeviceRow, reader: DeviceRow) -> bool:
    """Tell whether a sender is blocked by a reader. Who blocks nobody, as most do, costs no query."""
    if not reader.blocks:
        return False
    found = batch.connection.execute(
        "SELECT 1 FROM accounts a JOIN blocks b ON b.phone = a.phone WHERE a.account = ? AND b.account = ?",
        (sender.account, reader.account),
    ).fetchone()
    return found is not None


def withhold(batch: Batch, sender: DeviceRow, reader: DeviceRow, out_no: int, flags: int) -> None:
    """Throw an envelope away, and remember to tell its sender that it expired, when mail of its age does."""
    pair = (reader.device, sender.account)
    (count,) = batch.connection.execute(
        "SELECT count(*) FROM withheld WHERE reader = ? AND account = ?", pair
    ).fetchone()
    if count < WITHHELD_MAX and not flags & FLAG_SILENT:
        batch.connection.execute(
            "INSERT INTO withheld VALUES (?, ?, ?, ?, ?)", (*pair, sender.device, out_no, batch.now_ms)
        )


def expire(batch: Batch, before_ms: int, limit: int) -> int:
    """Tell senders what has expired, at most this many; return how many these were."""
    rows = batch.connection.execute(
        "DELETE FROM withheld WHERE rowid IN (SELECT rowid FROM withheld WHERE at_ms < ? ORDER BY at_ms LIMIT ?)"
        " RETURNING reader, device, out_no",
        (before_ms, limit),
    ).fetchall()
    for reader, device, out_no in rows:
        about = batch.device(reader)
        if about is not None:
            batch.notify(device, about, out_no, "expired")
    return len(rows)


def give_up(batch: Batch, limit: int) -> int:
    """Tell senders, at most this many, that who had blocked them has no account any more; return how many."""
    rows = batch.connection.execute(
        "DELETE FROM withheld WHERE rowid IN (SELECT rowid FROM withheld WHERE reader IN (SELECT device FROM orphans o"
        " WHERE (SELECT removed FROM devices d WHERE d.device = o.device) = 2) LIMIT ?)"
        " RETURNING reader, device, out_no",
        (limit,),
    ).fetchall()
    for reader, device, out_no in rows:
        about = batch.device(reader)
        if about is not None:
            batch.notify(device, about, out_no, about.removed)
    return len(rows)
