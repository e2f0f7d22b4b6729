"""Deleting an account: what it left here goes, and its number is free for a new one (docs/protocol.md §2, R18).

What stays of it are numbers: of the account and its devices, which are never given again (R22), with the devices'
public keys, so that one that comes back can be told why it is turned away. What it had sent waits for its readers as
other mail does, and a number that somebody else has blocked stays blocked: these are theirs.
"""

import sqlite3

from onebar_mockserver.sqlite import blocks, codes, pins, prekeys, push_tokens, reports


def delete_account(connection: sqlite3.Connection, account: int) -> tuple[int, ...]:
    """Delete an account, inside the caller's transaction; return the devices that were in use.

    Mail that waits for them, or was withheld from them, goes with the sweep, which tells its senders `account_gone`.
    """
    (phone,) = connection.execute("SELECT phone FROM accounts WHERE account = ?", (account,)).fetchone()
    rows = connection.execute("SELECT device, removed FROM devices WHERE account = ?", (account,)).fetchall()
    for device, _ in rows:
        prekeys.forget(connection, device)
        push_tokens.forget(connection, device)
        for table in ("notes", "withheld"):
            connection.execute(f"DELETE FROM {table} WHERE device = ?", (device,))
        connection.execute("UPDATE positions SET notes_bytes = 0, seen_ms = 0 WHERE device = ?", (device,))
    connection.execute("INSERT OR IGNORE INTO orphans SELECT device FROM devices WHERE account = ?", (account,))
    connection.execute("UPDATE devices SET removed = 2, certificate = x'', name = '' WHERE account = ?", (account,))
    connection.execute("DELETE FROM device_lists WHERE account = ?", (account,))
    connection.execute("DELETE FROM written_to WHERE account = ?1 OR peer = ?1", (account,))
    for forget in (pins.forget, blocks.forget, reports.forget):
        forget(connection, account)
    codes.forget(connection, phone)
    connection.execute("UPDATE accounts SET phone = 'gone ' || account WHERE account = ?", (account,))
    return tuple(device for device, removed in rows if not removed)
