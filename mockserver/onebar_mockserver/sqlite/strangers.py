"""Strangers: accounts that a recipient never wrote to hold no more than a share of its mailbox (R25)."""

from onebar.core.frames import FLAG_SILENT
from onebar_mockserver.limits import ENTRY_OVERHEAD_BYTES, STRANGER_BYTES_MAX
from onebar_mockserver.sqlite.batch import Batch, DeviceRow


def has_room(batch: Batch, sender: DeviceRow, recipient: DeviceRow, size: int) -> bool:
    """Tell whether a sender may put an envelope of this length into a mailbox.

    Who waits there with how much is counted only when a stranger comes to a mailbox that holds more than a share.
    """
    room = STRANGER_BYTES_MAX - size - ENTRY_OVERHEAD_BYTES
    if recipient.position.mailbox_bytes <= room or not is_stranger(batch, sender.account, recipient.account):
        return True
    return _waiting(batch, recipient.device).get(sender.account, 0) <= room


def is_stranger(batch: Batch, account: int, reader: int) -> bool:
    """Tell whether the reader never wrote to this account."""
    if account == reader:
        return False
    found = batch.connection.execute(
        "SELECT 1 FROM written_to WHERE account = ? AND peer = ?", (reader, account)
    ).fetchone()
    return found is None


def note_written(batch: Batch, sender: DeviceRow, accounts: set[int], flags: int) -> None:
    """Remember to whom an account wrote. Silent content does not count: it answers by itself whoever sends nonsense."""
    if flags & FLAG_SILENT:
        return
    for account in accounts - {sender.account}:
        if (sender.account, account) not in batch.written:
            batch.written.add((sender.account, account))
            batch.connection.execute("INSERT OR IGNORE INTO written_to VALUES (?, ?)", (sender.account, account))


def _waiting(batch: Batch, device: int) -> dict[int, int]:
    """Return how many bytes of envelopes wait in a mailbox, by sender; `Batch.append` keeps it right."""
    if device not in batch.waiting:
        rows = batch.connection.execute(
            "SELECT peer_account, sum(length(body) + ?) FROM entries WHERE device = ? AND kind = 1 GROUP BY 1",
            (ENTRY_OVERHEAD_BYTES, device),
        )
        batch.waiting[device] = dict(rows.fetchall())
    return batch.waiting[device]
