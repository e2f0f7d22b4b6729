"""Mail that waits in a server's database, written in bulk: message by message, ten million would take hours."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.raw_links import RawDevice
from onebar_mockserver.limits import ENTRY_OVERHEAD_BYTES
from onebar_mockserver.sqlite.database import FILE_NAME, open_database

BODY_BYTES: Final = 100
"""Length of a message."""

OWNERS_AT_ONCE: Final = 50
"""Mailboxes filled in one transaction, so that the log stays small."""

EVERY_MS: Final = 5
"""Time between two messages of a mailbox: the oldest of 10,000 are a minute old, far from their end."""

CACHE_KB: Final = 1_000_000
"""Memory for the pages of the index by age, which are written here and there."""

ENTRIES: Final = """
WITH RECURSIVE seqs (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM seqs WHERE seq < :each)
INSERT INTO entries (device, seq, kind, peer_account, peer_device, out_no, at_ms, flags, body)
SELECT :device, seq, 1, :peer_account, :peer_device, seq, :now_ms - (:each - seq) * :every_ms, 0, randomblob(:length)
FROM seqs
"""
"""Fills one mailbox with numbered envelopes of one sender."""

POSITIONS: Final = "UPDATE positions SET head = :each, mark = :each, mailbox_bytes = :bytes WHERE device = :device"
"""Where an owner stands: everything waits, and it has itself said as much to the next."""


def fill(data: Path, owners: Sequence[RawDevice], each: int) -> int:
    """Let messages wait in each mailbox, from the owner of the one before. The server must not have started.

    Returns:
        The database's size in bytes.
    """
    now_ms = time.time_ns() // 1_000_000
    with closing(open_database(data / FILE_NAME)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        for start in range(0, len(owners), OWNERS_AT_ONCE):
            connection.execute("BEGIN IMMEDIATE")
            for number in range(start, min(start + OWNERS_AT_ONCE, len(owners))):
                _fill_one(connection, owners[number], owners[number - 1], each, now_ms)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (data / FILE_NAME).stat().st_size


def _fill_one(connection: sqlite3.Connection, owner: RawDevice, sender: RawDevice, each: int, now_ms: int) -> None:
    place = {"device": owner.device, "each": each}
    from_whom = {"peer_account": sender.account, "peer_device": sender.device}
    times = {"now_ms": now_ms, "every_ms": EVERY_MS, "length": BODY_BYTES}
    connection.execute(ENTRIES, {**place, **from_whom, **times})
    connection.execute(POSITIONS, {**place, "bytes": each * (BODY_BYTES + ENTRY_OVERHEAD_BYTES)})
    pairs = [(owner.account, sender.account), (sender.account, owner.account)]
    connection.executemany("INSERT OR IGNORE INTO written_to (account, peer) VALUES (?, ?)", pairs)
