"""Mailboxes: taking a Hello or an Ack, making ticks, fetching pages (docs/protocol.md §3, §4)."""

import sqlite3
from collections.abc import Iterable
from itertools import groupby
from typing import Final

import msgspec

from onebar.core import frames
from onebar.core.frames import FLAG_SILENT, Ack, Hello
from onebar_mockserver.limits import PAGE_ENTRIES_MAX, TICK_RANGES_MAX
from onebar_mockserver.ports import Acked, Attached, Broken, Entry, Kind, Page, Refusal, Want
from onebar_mockserver.sqlite.batch import Batch, DeviceRow, entry_bytes
from onebar_mockserver.sqlite.prekeys import stock
from onebar_mockserver.sqlite.strangers import release
from onebar_mockserver.sqlite.verdicts import settle

EPOCH_MAX: Final = 2**62
"""Epochs rise by one with each restored copy; one that is beyond this could not rise any more."""

Ranges = tuple[tuple[int, int], ...]


def attach(batch: Batch, row: DeviceRow, hello: Hello) -> Attached | Refusal:
    """Take a Hello: commit its number, acknowledge like an Ack, and tell where the device stands (§3)."""
    position = row.position
    if row.removed:
        return Refusal(row.removed, position.connection_no)
    if hello.connection_no <= position.connection_no:
        return Refusal("connection_number", position.connection_no)
    if hello.epoch >= EPOCH_MAX:
        return Refusal("malformed", position.connection_no)
    position.connection_no = hello.connection_no
    same_epoch = hello.epoch == position.epoch
    if hello.floor > position.mark or (same_epoch and hello.cursor > position.sent):
        # The client remembers what this database does not: it is a restored copy (R21; see Batch).
        position.epoch = max(position.epoch, hello.epoch) + 1
    elif same_epoch:
        acknowledge(batch, row, Ack(hello.epoch, hello.cursor, hello.unopened))
    batch.greeted.add(row.device)
    batch.saw(row)
    settle(batch, row, hello.floor)
    return Attached(
        position.epoch,
        position.acked,
        position.head,
        position.mark,
        position.mark_hash,
        tuple(batch.notes(row).values()),
        position.floor,
        stock(batch.connection, row.account, row.device),
    )


def acknowledge(batch: Batch, row: DeviceRow, ack: Ack) -> Acked | Broken:
    """Remove the entries up to the cursor; opened envelopes become ticks for their senders (R12).

    The cursor may be beyond what this link was sent: a Hello that was long on its way is older than what its device
    has committed since. Beyond the mailbox's head it is a broken client's.
    """
    position = row.position
    cursor = ack.cursor
    if ack.epoch != position.epoch or cursor <= position.acked:
        return Acked()
    if cursor > position.head:
        return Broken()
    entries = _rows(batch.connection, row.device, position.acked, cursor)
    batch.connection.execute("DELETE FROM entries WHERE device = ? AND seq <= ?", (row.device, cursor))
    release(batch, row.device, entries)
    position.acked = cursor
    position.mailbox_bytes -= sum(entry_bytes(entry) for entry in entries)
    unopened = frozenset(ack.unopened)
    opened = sorted(
        (entry.device, entry.out_no)
        for entry in entries
        if entry.kind == Kind.ENVELOPE
        and not entry.flags & FLAG_SILENT
        and entry.seq not in unopened
        and entry.account != row.account  # a copy for another device of the sender: nobody waits for its tick
    )
    for sender, pairs in groupby(opened, lambda pair: pair[0]):
        _tick(batch, row, sender, [out_no for _, out_no in pairs])
    return Acked()


def _tick(batch: Batch, recipient: DeviceRow, device: int, out_nos: list[int]) -> None:
    """Tell the sender. An older tick of this pair is taken out and said again within the new one.

    The older one may have been sent already, so it cannot be changed in place; to be told twice is harmless.
    """
    sender = batch.device(device)
    if sender is None or sender.removed:
        return
    ranges = merge_ranges([], out_nos)
    last = "SELECT seq, body FROM entries WHERE device = ? AND peer_device = ? AND kind = 2 ORDER BY seq DESC LIMIT 1"
    empty = not sender.position.mailbox_bytes
    older = None if empty else batch.connection.execute(last, (device, recipient.device)).fetchone()
    if older is not None:
        seq, body = older
        merged = merge_ranges(msgspec.msgpack.decode(body, type=Ranges), out_nos)
        if len(merged) <= TICK_RANGES_MAX:
            ranges = merged
            batch.connection.execute("DELETE FROM entries WHERE device = ? AND seq = ?", (device, seq))
            sender.position.mailbox_bytes -= entry_bytes(Entry(seq, Kind.TICK, 0, 0, 0, 0, 0, body))
    for start in range(0, len(ranges), TICK_RANGES_MAX):
        body = frames.encode(ranges[start : start + TICK_RANGES_MAX])
        batch.append(sender, Entry(0, Kind.TICK, recipient.account, recipient.device, 0, batch.now_ms, 0, body))


def merge_ranges(ranges: Iterable[tuple[int, int]], numbers: Iterable[int]) -> Ranges:
    """Return the ranges `(first, last)`, in order and as few as possible, that cover both."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted([*ranges, *((number, number) for number in numbers)]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def fetch(connection: sqlite3.Connection, want: Want) -> Page:
    """Read one page of a mailbox."""
    found = connection.execute("SELECT head FROM positions WHERE device = ?", (want.device,)).fetchone()
    if found is None:
        return Page([], False, 0)
    entries: list[Entry] = []
    size = 0
    more = False
    cursor = connection.execute(
        "SELECT seq, kind, peer_account, peer_device, out_no, at_ms, flags, body FROM entries"
        " WHERE device = ? AND seq > ? ORDER BY seq LIMIT ?",
        (want.device, want.after, PAGE_ENTRIES_MAX + 1),
    )
    for values in cursor:
        if len(entries) == PAGE_ENTRIES_MAX or size >= want.bytes_max:
            more = True
            break
        entry = Entry(*values)
        entries.append(entry)
        size += entry_bytes(entry)
    cursor.close()
    return Page(entries, more, found[0])


def _rows(connection: sqlite3.Connection, device: int, after: int, upto: int) -> list[Entry]:
    rows = connection.execute(
        "SELECT seq, kind, peer_account, peer_device, out_no, at_ms, flags, body FROM entries"
        " WHERE device = ? AND seq > ? AND seq <= ? ORDER BY seq",
        (device, after, upto),
    )
    return [Entry(*values) for values in rows]
