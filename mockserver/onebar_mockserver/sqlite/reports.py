"""Reports of unwanted messages: counted by reporter, and only by those to whom the reported account has written.

The server keeps no record of what it delivered. What it knows for other reasons is enough: whom an account has ever
written to (R25), how far a device's numbers go (R1), and what still waits. So nobody can report somebody from whom
nothing came, whoever it is; that the number is really one of those that came is not checked, and would prove no more:
who has got one message can always name it.

Every function runs inside the caller's transaction.
"""

import sqlite3
from typing import Final

from onebar.core.questions import Report
from onebar_mockserver.ports import QuestionError

NOBODY: Final = 0
"""In whose name the reports of deleted accounts are counted; accounts begin above it."""


def report(connection: sqlite3.Connection, reporter: int, what: Report, now_ms: int) -> None:
    """Count a report.

    Raises:
        QuestionError: `no_account` if there is no such device, `not_delivered` if it never wrote to the reporter, or
            the message still waits.
    """
    found = connection.execute(
        "SELECT mark FROM devices JOIN positions USING (device) WHERE device = ? AND account = ?",
        (what.device, what.account),
    ).fetchone()
    if found is None or what.account == reporter:
        raise QuestionError("no_account")
    wrote = connection.execute(
        "SELECT 1 FROM written_to WHERE account = ? AND peer = ?", (what.account, reporter)
    ).fetchone()
    if not 1 <= what.out_no <= found[0] or wrote is None or _waits(connection, reporter, what):
        raise QuestionError("not_delivered")
    connection.execute(
        "INSERT INTO reports VALUES (?1, ?2, 1, ?3) ON CONFLICT DO UPDATE SET times = times + 1, at_ms = ?3",
        (what.account, reporter, now_ms),
    )


def forget(connection: sqlite3.Connection, account: int) -> None:
    """Forget the reports about an account, and who it was that made its own; that somebody did stays."""
    connection.execute("DELETE FROM reports WHERE account = ?", (account,))
    connection.execute(
        "INSERT INTO reports SELECT account, ?, times, at_ms FROM reports WHERE reporter = ?"
        " ON CONFLICT DO UPDATE SET times = times + excluded.times, at_ms = max(at_ms, excluded.at_ms)",
        (NOBODY, account),
    )
    connection.execute("DELETE FROM reports WHERE reporter = ?", (account,))


def _waits(connection: sqlite3.Connection, reporter: int, what: Report) -> bool:
    """Whether no device of the reporter has taken the message, and one has it still waiting."""
    devices = connection.execute("SELECT device FROM devices WHERE account = ? AND removed = 0", (reporter,)).fetchall()
    waiting = [
        device
        for (device,) in devices
        if connection.execute(
            "SELECT 1 FROM entries WHERE device = ? AND kind = 1 AND peer_device = ? AND out_no = ?",
            (device, what.device, what.out_no),
        ).fetchone()
    ]
    return len(waiting) == len(devices)
