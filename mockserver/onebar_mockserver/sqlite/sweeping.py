"""Dropping mail that nobody will fetch: too old, or for a device that is gone (R5, R14)."""

import sqlite3

from onebar_mockserver.limits import SWEEP_ENTRIES_MAX
from onebar_mockserver.ports import Entry, Kind, Swept
from onebar_mockserver.sqlite import blocks
from onebar_mockserver.sqlite.batch import Batch, DeviceRow, entry_bytes
from onebar_mockserver.sqlite.strangers import release

_EXPIRED = """
    SELECT device, seq FROM entries WHERE kind < 4 AND at_ms < ? ORDER BY at_ms LIMIT ?"""

_ORPHANED = """
    SELECT e.device, e.seq FROM orphans JOIN entries e USING (device) LIMIT ?"""

_BURIED = """
    DELETE FROM orphans WHERE device IN (SELECT device FROM orphans LIMIT ?)
    AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.device = orphans.device)
    AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.reader = orphans.device
        AND (SELECT removed FROM devices d WHERE d.device = w.reader) = 2)"""


def sweep(batch: Batch) -> Swept:
    """Do one bounded step; the caller repeats it, a transaction each, until it is done."""
    limit_ms = batch.now_ms - batch.limits.retention_s * 1000
    expired = batch.connection.execute(_EXPIRED, (limit_ms, SWEEP_ENTRIES_MAX)).fetchall()
    for device, seqs in _by_device(expired).items():
        _drop_expired(batch, batch.device(device), seqs)
    orphaned = batch.connection.execute(_ORPHANED, (SWEEP_ENTRIES_MAX,)).fetchall()
    for device, seqs in _by_device(orphaned).items():
        row = batch.device(device)
        _take(batch, row, seqs, row.removed if row is not None else "")
    withheld = max(blocks.expire(batch, limit_ms, SWEEP_ENTRIES_MAX), blocks.give_up(batch, SWEEP_ENTRIES_MAX))
    buried = batch.connection.execute(_BURIED, (SWEEP_ENTRIES_MAX,)).rowcount
    woken = frozenset(appended.device for appended in batch.appended)
    return Swept(woken, max(len(expired), len(orphaned), withheld, buried) < SWEEP_ENTRIES_MAX)


def _by_device(pairs: list[tuple[int, int]]) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = {}
    for device, seq in pairs:
        grouped.setdefault(device, []).append(seq)
    return grouped


def _drop_expired(batch: Batch, row: DeviceRow | None, seqs: list[int]) -> None:
    """Leave one hole in place of the entries, together with an older hole (R14)."""
    if row is None:
        return
    count = _take(batch, row, seqs, "expired")
    if row.removed:
        return
    top = max(seqs)
    older = batch.connection.execute(
        "SELECT seq, out_no FROM entries WHERE device = ? AND kind = 4 AND seq < ?", (row.device, top)
    ).fetchall()
    hole = Entry(top, Kind.DROPPED, 0, 0, count + sum(number for _, number in older), batch.now_ms, 0, b"expired")
    batch.connection.executemany(
        "DELETE FROM entries WHERE device = ? AND seq = ?", [(row.device, seq) for seq, _ in older]
    )
    batch.connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (row.device, *hole))
    row.position.mailbox_bytes += entry_bytes(hole) * (1 - len(older))


def _take(batch: Batch, row: DeviceRow | None, seqs: list[int], reason: str) -> int:
    """Remove entries, tell the senders of envelopes, and return how many were removed."""
    if row is None:
        return 0
    taken = [_remove(batch.connection, row.device, seq) for seq in seqs]
    release(batch, row.device, taken)
    for entry in taken:
        row.position.mailbox_bytes -= entry_bytes(entry)
        if entry.kind == Kind.ENVELOPE:
            batch.notify(entry.device, row, entry.out_no, reason)
    return len(seqs)


def _remove(connection: sqlite3.Connection, device: int, seq: int) -> Entry:
    found = connection.execute(
        "DELETE FROM entries WHERE device = ? AND seq = ?"
        " RETURNING seq, kind, peer_account, peer_device, out_no, at_ms, flags, body",
        (device, seq),
    ).fetchone()
    return Entry(*found)
