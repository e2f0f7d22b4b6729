"""What must hold in a database that nobody damaged: SQLite's own checks, and a statement for each rule."""

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from onebar.core.frames import Note
from onebar_mockserver.limits import ENTRY_OVERHEAD_BYTES

SHOWN_MAX: Final = 5
"""Rows that are named for each broken rule: one tells where to look, thousands tell nothing more."""

RULES: Final = {
    "a device has no place": "SELECT device FROM devices d WHERE device NOT IN (SELECT device FROM positions)",
    "a device's cursor, or what was sent to it, is beyond its mailbox's head": (
        "SELECT device FROM positions WHERE acked > head OR sent > head OR acked < 0"
    ),
    "a device's floor is above its mark": "SELECT device FROM positions WHERE floor > mark OR floor < 0",
    "an epoch or a connection number is none": "SELECT device FROM positions WHERE epoch < 1 OR connection_no < 0",
    "mail waits for a device without a place": (
        "SELECT DISTINCT device FROM entries WHERE device NOT IN (SELECT device FROM positions)"
    ),
    "mail waits that was acknowledged, or that is beyond the mailbox's head": (
        "SELECT device, seq FROM entries JOIN positions USING (device) WHERE seq <= acked OR seq > head"
    ),
    "mail waits that is above its sender's mark": (
        "SELECT e.device, e.seq FROM entries e JOIN positions p ON p.device = e.peer_device"
        " WHERE e.kind = 1 AND e.out_no > p.mark"
    ),
    "an envelope waits twice in a mailbox": (
        "SELECT device, peer_device, out_no FROM entries WHERE kind = 1 GROUP BY 1, 2, 3 HAVING count(*) > 1"
    ),
    "a mailbox's size is not that of its mail": (
        "SELECT device FROM positions p WHERE mailbox_bytes <> (SELECT coalesce(sum(length(body)), 0)"
        f" + {ENTRY_OVERHEAD_BYTES} * count(*) FROM entries e WHERE e.device = p.device)"
    ),
    "a note is settled already, or above the mark": (
        "SELECT device, out_no FROM notes JOIN positions USING (device) WHERE out_no <= floor OR out_no > mark"
    ),
    "the notes' size is not that of the notes": (
        "SELECT device FROM positions p"
        " WHERE notes_bytes <> (SELECT coalesce(sum(length(note)), 0) FROM notes n WHERE n.device = p.device)"
    ),
    "a prekey waits that was handed out, or whose device is gone": (
        "SELECT p.device, p.kind, p.no FROM prekeys p JOIN devices d USING (device)"
        " LEFT JOIN handed_out h ON h.device = p.device AND h.kind = p.kind"
        " WHERE d.removed = 1 OR p.no <= coalesce(h.upto, -1)"
    ),
    "a push token is kept of a device that is out of use": (
        "SELECT device FROM push_tokens JOIN devices USING (device) WHERE removed <> 0"
    ),
}
"""Each rule by what it says when it is broken, with a statement that finds where."""


def broken(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong, in words. Reads every page once: about 10 s for a gigabyte.

    Raises:
        sqlite3.DatabaseError: The file is too damaged to look further.
    """
    for (line,) in connection.execute(f"PRAGMA integrity_check({SHOWN_MAX})"):
        if line != "ok":
            yield f"SQLite: {line}"
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} points to no row of {parent}"
    for rule, statement in RULES.items():
        rows = connection.execute(f"{statement} LIMIT {SHOWN_MAX}").fetchall()
        if rows:
            yield f"{rule}: {', '.join(' '.join(map(str, row)) for row in rows)}"
    yield from _unreadable_notes(connection)


def _unreadable_notes(connection: sqlite3.Connection) -> Iterator[str]:
    for device, out_no, note in connection.execute("SELECT device, out_no, note FROM notes"):
        try:
            named = msgspec.msgpack.decode(note, type=Note).out_no
        except msgspec.MsgspecError:
            named = None
        if named != out_no:
            yield f"a note is not the one of its number: {device} {out_no}"
