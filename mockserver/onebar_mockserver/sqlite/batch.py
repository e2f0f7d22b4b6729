"""One transaction's view of the devices: read once, changed in memory, written back before the commit."""

import sqlite3
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Final

import msgspec

from onebar.core.frames import Note
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.limits import ENTRY_OVERHEAD_BYTES, SEEN_EVERY_S, ServerLimits
from onebar_mockserver.ports import Appended, Entry, Kind

REMOVED: Final = ("", "device_removed", "account_gone")
"""What the column `removed` of a device says, as a reason of docs/protocol.md §3."""

_WRITE_POSITION: Final = """
    UPDATE positions SET connection_no = ?, fence_no = ?, mark = ?, mark_hash = ?, floor = ?, notes_bytes = ?,
        epoch = ?, head = ?, acked = ?, sent = ?, mailbox_bytes = ?, seen_ms = ?
    WHERE device = ?"""


_READ_DEVICE: Final = """
    SELECT account, removed, EXISTS (SELECT 1 FROM blocks WHERE blocks.account = devices.account),
        connection_no, fence_no, mark, mark_hash, floor, notes_bytes, epoch, head, acked, sent, mailbox_bytes, seen_ms
    FROM devices JOIN positions USING (device) WHERE device = ?"""


@dataclass(slots=True)
class Position:
    """Where a device stands: as a sender up to `notes_bytes`, from `epoch` on as a recipient."""

    connection_no: int
    fence_no: int
    mark: int
    mark_hash: bytes
    floor: int
    notes_bytes: int
    epoch: int
    head: int
    acked: int
    sent: int
    mailbox_bytes: int
    seen_ms: int

    def values(self) -> tuple[object, ...]:
        """Return the fields in the order of the statements above; `astuple` would copy each of them deeply."""
        return (
            self.connection_no,
            self.fence_no,
            self.mark,
            self.mark_hash,
            self.floor,
            self.notes_bytes,
            self.epoch,
            self.head,
            self.acked,
            self.sent,
            self.mailbox_bytes,
            self.seen_ms,
        )


@dataclass(slots=True)
class DeviceRow:
    """A device within a transaction."""

    device: int
    account: int
    removed: str
    """Why it is out of use, a reason of §3; empty while it is in use."""
    blocks: bool
    """Whether its account has blocked anybody."""
    position: Position
    as_read: tuple[object, ...] = ()
    notes: dict[int, Note] | None = None


@dataclass(slots=True)
class Kept:
    """What the next batch need not read: rows as they are on the disk, if nothing else has written since."""

    devices: dict[int, DeviceRow] = field(default_factory=dict)
    active: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class Batch:
    """A transaction in progress: its connection, its time, its devices, and what it has appended.

    How a restored server is recognised (R21). A client's cursor must name an entry of this database's own history.
    After an older copy was restored, `seq` counts on from the copy's head, so that new entries soon bear numbers which
    the client knows from the lost history; to believe its cursor then would drop mail that it never saw. So `sent`
    bounds the cursors that are believed, and keeps two promises:

    * It is never too low. A device whose Hello was judged since the database was opened (`judged`, `greeted`) may be
      sent anything in its mailbox at any moment; therefore each transaction that touches its row sets `sent` to the
      head. It is durable before the entry can leave, whatever is killed or cut afterwards, and costs no write of its
      own: an appended entry writes that row anyway.
    * It is never from a history that the client may not share. For any other device `sent` stands still, however much
      is appended. A cursor up to it names an entry from before the backup, which both histories have; a cursor beyond
      it must be from the lost one.
    """

    connection: sqlite3.Connection
    now_ms: int
    limits: ServerLimits
    judged: Set[int] = frozenset()
    known: set[tuple[int, int]] = field(default_factory=set)
    """Pairs (writer, reader) known to be in `written_to`, over all batches: they never leave it."""
    buckets: Buckets = field(default_factory=lambda: Buckets({}))
    greeted: set[int] = field(default_factory=set)
    appended: list[Appended] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    written: set[tuple[int, int]] = field(default_factory=set)
    """Pairs that this batch adds to `known` once it is committed."""
    kept: Kept = field(default_factory=Kept)
    _touched: dict[int, DeviceRow | None] = field(default_factory=dict)

    def device(self, device: int) -> DeviceRow | None:
        """Return the device, removed or not, or None if it never was."""
        if device not in self._touched:
            self._touched[device] = self.kept.devices.get(device) or self._read(device)
        return self._touched[device]

    def saw(self, row: DeviceRow) -> None:
        """Note that a device was heard of, once an hour: its account is not given up (§2)."""
        if not 0 <= self.now_ms - row.position.seen_ms < SEEN_EVERY_S * 1000:
            row.position.seen_ms = self.now_ms

    def active(self, account: int) -> tuple[int, ...]:
        """Return the account's devices in use."""
        active = self.kept.active.get(account)
        if active is None:
            rows = self.connection.execute(
                "SELECT device FROM devices WHERE account = ? AND removed = 0 AND pending_since_ms = 0 ORDER BY device",
                (account,),
            )
            active = self.kept.active[account] = tuple(row[0] for row in rows)
        return active

    def notes(self, row: DeviceRow) -> dict[int, Note]:
        """Return the device's notes by number."""
        if row.notes is None:
            row.notes = {}
            if row.position.notes_bytes:
                rows = self.connection.execute(
                    "SELECT out_no, note FROM notes WHERE device = ? ORDER BY out_no", (row.device,)
                )
                row.notes = {out_no: msgspec.msgpack.decode(note, type=Note) for out_no, note in rows}
        return row.notes

    def append(self, row: DeviceRow, entry: Entry) -> None:
        """Put an entry behind the device's last one; its `seq` is given here."""
        position = row.position
        head = position.head
        entry = Entry(head + 1, *entry[1:])  # `_replace` takes three times as long
        self.connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (row.device, *entry))
        position.head = entry.seq
        position.mailbox_bytes += entry_bytes(entry)
        self.appended.append(Appended(row.device, head, entry))

    def notify(self, device: int, about: DeviceRow, out_no: int, reason: str) -> None:
        """Tell a sender, if it is still there, that one envelope will not reach the device `about` (R5)."""
        sender = self.device(device)
        if sender is not None and not sender.removed:
            self.append(
                sender,
                Entry(0, Kind.UNDELIVERED, about.account, about.device, out_no, self.now_ms, 0, reason.encode()),
            )

    def flush(self) -> None:
        """Write every changed position back."""
        changed = []
        for row in self._touched.values():
            if row is not None:
                row.notes = None
                if row.device in self.judged or row.device in self.greeted:
                    row.position.sent = row.position.head
                values = row.position.values()
                if values != row.as_read:
                    changed.append((*values, row.device))
                    row.as_read = values
        self.connection.executemany(_WRITE_POSITION, changed)

    def _read(self, device: int) -> DeviceRow | None:
        found = self.connection.execute(
            _READ_DEVICE,
            (device,),
        ).fetchone()
        if found is None:
            return None
        account, removed, blocks, *values = found
        row = DeviceRow(device, account, REMOVED[removed], bool(blocks), Position(*values), tuple(values))
        self.kept.devices[device] = row
        return row


def entry_bytes(entry: Entry) -> int:
    """Return what an entry counts against mailbox and credit, in bytes."""
    return len(entry.body) + ENTRY_OVERHEAD_BYTES
