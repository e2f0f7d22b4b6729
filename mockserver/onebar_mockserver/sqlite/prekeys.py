"""Prekeys that devices leave for others: handed out once, counted cheaply (docs/protocol.md §5).

Every function runs inside the caller's transaction. Numbers rise with every prekey that a device makes, and the lowest
goes first; so one number tells all that were handed out.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from onebar.core.frames import Stock
from onebar.core.questions import Bundle
from onebar_mockserver.limits import ONE_TIME_MAX
from onebar_mockserver.ports import QuestionError

ONE_TIME: Final = 1
"""The kind of a one-time X25519 prekey."""

ONE_TIME_KEM: Final = 2
"""The kind of a one-time ML-KEM-768 prekey."""

_STOCK: Final = """
    SELECT coalesce((SELECT counter FROM device_lists WHERE account = ?1), 0),
        coalesce((SELECT made_ms FROM bundles WHERE device = ?2), 0),
        (SELECT count(*) FROM prekeys WHERE device = ?2 AND kind = 1),
        (SELECT count(*) FROM prekeys WHERE device = ?2 AND kind = 2)"""


def stock(connection: sqlite3.Connection, account: int, device: int) -> Stock:
    """Return what the server holds of what a device and its account have published."""
    return Stock(*connection.execute(_STOCK, (account, device)).fetchone())


def fresh(
    connection: sqlite3.Connection, device: int, kind: int, offered: Iterable[tuple[int, bytes]], *, anew: bool
) -> dict[int, bytes]:
    """Return those of the offered prekeys that are to be stored: neither there (unless `anew`) nor handed out before.

    Raises:
        QuestionError: `too_many` with those that are there.
    """
    found = connection.execute("SELECT upto FROM handed_out WHERE device = ? AND kind = ?", (device, kind)).fetchone()
    upto = -1 if found is None else found[0]
    rows = connection.execute("SELECT no FROM prekeys WHERE device = ? AND kind = ?", (device, kind))
    there = set() if anew else {no for (no,) in rows}
    new: dict[int, bytes] = {}
    for no, body in offered:
        if no > upto and no not in there:
            new.setdefault(no, body)
    if len(there) + len(new) > ONE_TIME_MAX:
        raise QuestionError("too_many")
    return new


def add(connection: sqlite3.Connection, device: int, kind: int, prekeys: Mapping[int, bytes]) -> None:
    """Store prekeys that `fresh` has passed."""
    rows = [(device, kind, no, body) for no, body in prekeys.items()]
    connection.executemany("INSERT INTO prekeys VALUES (?, ?, ?, ?)", rows)


def store_bundle(connection: sqlite3.Connection, device: int, made_ms: int, signed: bytes, *, anew: bool) -> None:
    """Store a signed bundle, unless the one that is there is as new; `anew` says that this one counts all the same."""
    connection.execute(
        "INSERT INTO bundles VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE"
        " SET made_ms = excluded.made_ms, signed = excluded.signed WHERE excluded.made_ms > made_ms OR ?",
        (device, made_ms, signed, anew),
    )


def has_bundle(connection: sqlite3.Connection, device: int) -> bool:
    """Tell whether a device has published a bundle."""
    return connection.execute("SELECT 1 FROM bundles WHERE device = ?", (device,)).fetchone() is not None


def take(connection: sqlite3.Connection, device: int) -> Bundle:
    """Return a device's bundle with a one-time prekey of each kind that is left; these are gone then.

    Raises:
        QuestionError: `no_bundle`.
    """
    found = connection.execute("SELECT signed FROM bundles WHERE device = ?", (device,)).fetchone()
    if found is None:
        raise QuestionError("no_bundle")
    return Bundle(found[0], _take(connection, device, ONE_TIME), _take(connection, device, ONE_TIME_KEM))


def withdraw(connection: sqlite3.Connection, device: int) -> None:
    """Delete a device's one-time prekeys; what was handed out stays known."""
    connection.execute("DELETE FROM prekeys WHERE device = ?", (device,))


def forget(connection: sqlite3.Connection, device: int) -> None:
    """Delete all that a device has left here: it is out of use."""
    for table in ("bundles", "prekeys", "handed_out"):
        connection.execute(f"DELETE FROM {table} WHERE device = ?", (device,))


def _take(connection: sqlite3.Connection, device: int, kind: int) -> bytes:
    found = connection.execute(
        "SELECT no, body FROM prekeys WHERE device = ? AND kind = ? ORDER BY no LIMIT 1", (device, kind)
    ).fetchone()
    if found is None:
        return b""
    no, body = found
    connection.execute("DELETE FROM prekeys WHERE device = ? AND kind = ? AND no = ?", (device, kind, no))
    connection.execute("INSERT OR REPLACE INTO handed_out VALUES (?, ?, ?)", (device, kind, no))
    return bytes(body)
