"""By what devices are woken while they are away: one push token a device, as long as it is in use and good."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from onebar.core.frames import FLAG_SILENT
from onebar.core.questions import RegisterPush
from onebar_mockserver.ports import Kind
from onebar_mockserver.push.gateways import PushToken, Sleepers
from onebar_mockserver.sqlite.database import FILE_NAME


def register(connection: sqlite3.Connection, device: int, what: RegisterPush, now_ms: int) -> None:
    """Keep a device's token in place of the one before; an empty one: keep none."""
    if not what.token:
        forget(connection, device)
        return
    connection.execute(
        "INSERT OR REPLACE INTO push_tokens VALUES (?, ?, ?, ?)", (device, what.kind, what.token, now_ms)
    )


def forget(connection: sqlite3.Connection, device: int) -> None:
    """Keep no token of this device any more."""
    connection.execute("DELETE FROM push_tokens WHERE device = ?", (device,))


def drop(connection: sqlite3.Connection, device: int, token: str, before_ms: int) -> None:
    """Drop a token that its gateway does not know any more, unless it was registered since, or is another by now."""
    connection.execute(
        "DELETE FROM push_tokens WHERE device = ? AND token = ? AND since_ms <= ?", (device, token, before_ms)
    )


def find(connection: sqlite3.Connection, devices: Sequence[int]) -> dict[int, PushToken]:
    """Return the tokens of these devices; who has none is left out."""
    found = {}
    for device in devices:
        row = connection.execute("SELECT kind, token FROM push_tokens WHERE device = ?", (device,)).fetchone()
        if row is not None:
            found[device] = PushToken(*row)
    return found


def sleepers(connection: sqlite3.Connection, after: int, limit: int) -> Sleepers:
    """Look at so many devices that have a token, and return those for which a message waits."""
    rows = connection.execute(
        "SELECT device, EXISTS (SELECT 1 FROM entries e WHERE e.device = p.device AND e.kind = ? AND NOT e.flags & ?)"
        " FROM push_tokens p WHERE device > ? ORDER BY device LIMIT ?",
        (Kind.ENVELOPE, FLAG_SILENT, after, limit),
    ).fetchall()
    last = rows[-1][0] if len(rows) == limit else None
    return Sleepers(tuple(device for device, waits in rows if waits), last)


def tokens_of(data: Path, phone: str) -> frozenset[str]:
    """Return the tokens of an account's devices, read beside the writer.

    Raises:
        sqlite3.Error: The database cannot be read now.
    """
    with closing(sqlite3.connect(f"{(data / FILE_NAME).absolute().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT token FROM push_tokens JOIN devices USING (device) JOIN accounts USING (account) WHERE phone = ?",
            (phone,),
        ).fetchall()
    return frozenset(token for (token,) in rows)
