"""Strangers: accounts that a recipient never wrote to hold no more than a share of its mailbox (R25)."""

from collections import Counter
from collections.abc import Iterable

from onebar.core.frames import FLAG_SILENT
from onebar_mockserver.limits import ENTRY_OVERHEAD_BYTES, STRANGER_BYTES_MAX, STRANGER_FREE_BYTES
from onebar_mockserver.ports import FLAG_COUNTED, Entry
from onebar_mockserver.sqlite.batch import Batch, DeviceRow, entry_bytes


def has_written(batch: Batch, writer: int, reader: int) -> bool:
    """Tell whether an account ever wrote to another."""
    pair = (writer, reader)
    if pair in batch.known or pair in batch.written:
        return True
    found = batch.connection.execute("SELECT 1 FROM written_to WHERE account = ? AND peer = ?", pair).fetchone()
    if found is None:
        return False
    batch.known.add(pair)
    return True


def is_stranger(batch: Batch, account: int, reader: int) -> bool:
    """Tell whether the reader never wrote to this account."""
    return account != reader and not has_written(batch, reader, account)


def note_written(batch: Batch, sender: DeviceRow, accounts: set[int], flags: int) -> None:
    """Remember to whom an account wrote. Silent content does not count: it answers by itself whoever sends nonsense."""
    if flags & FLAG_SILENT:
        return
    for account in accounts - {sender.account}:
        if not has_written(batch, sender.account, account):
            batch.written.add((sender.account, account))
            batch.connection.execute("INSERT INTO written_to VALUES (?, ?)", (sender.account, account))


def admit(batch: Batch, sender: DeviceRow, recipient: DeviceRow, size: int) -> int | None:
    """Return the flag that an envelope of this length bears in the recipient's mailbox; None: it has no room there.

    What comes while little waits is not counted: nearly all mail, at no cost. A stranger so holds at most the free
    bytes and what is counted; that is found in one row, however many envelopes wait.
    """
    waiting = recipient.position.mailbox_bytes
    size += ENTRY_OVERHEAD_BYTES
    if waiting + size <= STRANGER_FREE_BYTES or not is_stranger(batch, sender.account, recipient.account):
        return 0
    key = (recipient.device, sender.account)
    found = batch.connection.execute("SELECT bytes FROM shares WHERE device = ? AND account = ?", key).fetchone()
    if (0 if found is None else found[0]) + size > STRANGER_BYTES_MAX - STRANGER_FREE_BYTES:
        batch.buckets.refuse("stranger_bytes_max")
        return None
    batch.connection.execute(
        "INSERT INTO shares VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes", (*key, size)
    )
    return FLAG_COUNTED


def release(batch: Batch, device: int, entries: Iterable[Entry]) -> None:
    """Give back the shares of what has left a mailbox."""
    counted = [entry for entry in entries if entry.flags & FLAG_COUNTED]
    freed = Counter[int]() if counted else {}
    for entry in counted:
        freed[entry.account] += entry_bytes(entry)
    for account, size in freed.items():
        key = (device, account)
        batch.connection.execute("UPDATE shares SET bytes = bytes - ? WHERE device = ? AND account = ?", (size, *key))
        batch.connection.execute("DELETE FROM shares WHERE device = ? AND account = ? AND bytes <= 0", key)
