"""Accounts and their devices (docs/protocol.md §2). Every function runs inside the caller's transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from onebar_mockserver.limits import DAY_S, REPLACEMENTS_PER_DAY
from onebar_mockserver.ports import Identity, Keys, Registered, RegistrationError
from onebar_mockserver.sqlite import blocks, codes, pins, prekeys, push_tokens

ID_EPOCH_S: Final = 1_577_836_800
"""Where the numbers of accounts and devices begin to count the time: 2020-01-01."""

IDS_PER_S: Final = 4
"""How fast numbers follow the time. They stay below 2^32, five bytes on the wire, until 2054."""


def register(
    connection: sqlite3.Connection,
    code_key: bytes,
    phone: str,
    code: str,
    keys: Keys,
    now_ms: int,
    pin: bytes = b"",
    totp: str = "",
) -> Registered | RegistrationError:
    """Register a device. An error is returned, not raised: the spent try must be committed.

    The PIN is looked at only behind the right code, which stays good for another try: nobody without the SMS learns
    that there is a PIN, or uses up its tries.
    """
    known = connection.execute(
        "SELECT account, device FROM devices JOIN accounts USING (account)"
        " WHERE phone = ? AND identity_key = ? AND removed = 0 AND pending_since_ms = 0",
        (phone, keys.identity_key),
    ).fetchone()
    if known is not None:
        return Registered(*known)
    problem = codes.spend_try(connection, code_key, phone, code, now_ms)
    if problem is not None:
        return problem
    account = _account(connection, phone, now_ms)
    problem = pins.check(connection, account, pin, totp, now_ms)
    if problem is not None:
        return problem
    codes.forget(connection, phone)
    if pins.has_lapsed(connection, account, now_ms):  # the number may be somebody else's by now
        pins.forget(connection, account)
        blocks.forget(connection, account)
    older = connection.execute("SELECT device FROM devices WHERE account = ? AND removed = 0 ORDER BY 1", (account,))
    removed = retire(connection, [device for (device,) in older.fetchall()])
    connection.execute("DELETE FROM device_lists WHERE account = ?", (account,))  # it has a new account key
    device = add_device(connection, account, keys, now_ms)
    return Registered(account, device, removed)


def replace(
    connection: sqlite3.Connection, account: int, device: int, keys: Keys, now_ms: int
) -> Registered | RegistrationError:
    """Give a restored phone a new device id (R20)."""
    old = connection.execute(
        "SELECT removed, replaced_by FROM devices WHERE account = ? AND device = ?", (account, device)
    ).fetchone()
    if old is None:
        return RegistrationError("not_found", f"account {account} never had a device {device}")
    removed, replaced_by = old
    if not removed:
        if not _spend_replacement(connection, account, now_ms):
            return RegistrationError(
                "rate_limited", f"an account may replace its device {REPLACEMENTS_PER_DAY} times a day; try tomorrow"
            )
        new = add_device(connection, account, keys, now_ms)
        connection.execute("UPDATE devices SET replaced_by = ? WHERE device = ?", (new, device))
        connection.execute(
            "UPDATE devices SET name = (SELECT name FROM devices WHERE device = ?) WHERE device = ?", (device, new)
        )
        return Registered(account, new, retire(connection, [device]))
    same = connection.execute(
        "SELECT device FROM devices WHERE device = ? AND identity_key = ? AND removed = 0",
        (replaced_by, keys.identity_key),
    ).fetchone()
    if same is None:
        return RegistrationError("device_removed", f"device {device} has been removed; register again")
    return Registered(account, same[0])


def identities(connection: sqlite3.Connection, devices: Sequence[int]) -> dict[int, Identity]:
    """Return who these devices are; one that waits for its certificate is nobody yet."""
    found = {}
    for device in devices:
        row = connection.execute(
            "SELECT account, identity_key, removed FROM devices"
            " WHERE device = ? AND (pending_since_ms = 0 OR removed > 0)",
            (device,),
        ).fetchone()
        if row is not None:
            found[device] = Identity(row[0], row[1], bool(row[2]))
    return found


def add_device(connection: sqlite3.Connection, account: int, keys: Keys, now_ms: int, *, pending: bool = False) -> int:
    """Give a device its number; a pending one is not in use until a device list has its certificate."""
    (last,) = connection.execute("SELECT coalesce(max(device), 0) FROM devices").fetchone()
    device = _next_id(last, now_ms)
    connection.execute(
        "INSERT INTO devices (device, account, identity_key, box_key, key_signature, pending_since_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (device, account, *keys, max(now_ms, 1) if pending else 0),
    )
    connection.execute("INSERT INTO positions (device, seen_ms) VALUES (?, ?)", (device, now_ms))
    return device


def retire(connection: sqlite3.Connection, devices: Sequence[int]) -> tuple[int, ...]:
    """Put devices out of use, with what they left for others; return those that were not before."""
    removed = []
    for device in devices:
        prekeys.forget(connection, device)
        push_tokens.forget(connection, device)
        if connection.execute(
            "UPDATE devices SET removed = 1, name = '' WHERE device = ? AND removed = 0", (device,)
        ).rowcount:
            connection.execute("INSERT INTO orphans VALUES (?)", (device,))
            removed.append(device)
    return tuple(removed)


def _spend_replacement(connection: sqlite3.Connection, account: int, now_ms: int) -> bool:
    """Count a replacement against the account's day (UTC); return whether it may happen."""
    day = now_ms // (DAY_S * 1000)
    last_day, count = connection.execute(
        "SELECT replaced_day, replaced_count FROM accounts WHERE account = ?", (account,)
    ).fetchone()
    count = count + 1 if last_day == day else 1
    if count > REPLACEMENTS_PER_DAY:
        return False
    connection.execute(
        "UPDATE accounts SET replaced_day = ?, replaced_count = ? WHERE account = ?", (day, count, account)
    )
    return True


def _account(connection: sqlite3.Connection, phone: str, now_ms: int) -> int:
    """Return the phone's account, made if it is new."""
    found = connection.execute("SELECT account FROM accounts WHERE phone = ?", (phone,)).fetchone()
    if found is not None:
        return int(found[0])
    (last,) = connection.execute("SELECT coalesce(max(account), 0) FROM accounts").fetchone()
    account = _next_id(last, now_ms)
    connection.execute("INSERT INTO accounts (account, phone) VALUES (?, ?)", (account, phone))
    return account


def _next_id(last: int, now_ms: int) -> int:
    """Return a number above every one that was ever given.

    A counter alone would go back with a restored database, and give a number again that phones of the lost history know
    as somebody else's (R22). So numbers follow the time, which does not go back: those of the lost history lie behind
    it, unless it registered more than IDS_PER_S a second all the time since its first one.
    """
    return max(last + 1, (now_ms // 1000 - ID_EPOCH_S) * IDS_PER_S)
