"""Accounts, devices and codes (docs/protocol.md §2). Every function runs inside the caller's transaction."""

import sqlite3
from collections.abc import Sequence
from hmac import compare_digest

from onebar.core.frames import AccountInfo, DeviceInfo
from onebar_mockserver.limits import CODE_LIFE_S, CODE_TRIES
from onebar_mockserver.ports import Code, Identity, Keys, Registered, RegistrationError


def issue_code(connection: sqlite3.Connection, phone: str, fresh: str, now_ms: int) -> Code:
    """Return the phone's code in life, or make `fresh` its code."""
    _forget_codes(connection, now_ms)
    connection.execute(
        "INSERT INTO codes VALUES (?, ?, ?, ?) ON CONFLICT (phone) DO NOTHING",
        (phone, fresh, now_ms, CODE_TRIES),
    )
    code, sent_at_ms = connection.execute("SELECT code, sent_at_ms FROM codes WHERE phone = ?", (phone,)).fetchone()
    return Code(code, sent_at_ms)


def register(
    connection: sqlite3.Connection, phone: str, code: str, keys: Keys, now_ms: int
) -> Registered | RegistrationError:
    """Register a device. An error is returned, not raised: the spent try must be committed."""
    known = connection.execute(
        "SELECT account, device FROM devices JOIN accounts USING (account)"
        " WHERE phone = ? AND identity_key = ? AND removed = 0",
        (phone, keys.identity_key),
    ).fetchone()
    if known is not None:
        return Registered(*known)
    problem = _spend_try(connection, phone, code, now_ms)
    if problem is not None:
        return problem
    connection.execute("DELETE FROM codes WHERE phone = ?", (phone,))
    connection.execute("INSERT INTO accounts (phone) VALUES (?) ON CONFLICT (phone) DO NOTHING", (phone,))
    (account,) = connection.execute("SELECT account FROM accounts WHERE phone = ?", (phone,)).fetchone()
    removed = connection.execute(
        "UPDATE devices SET removed = 1 WHERE account = ? AND removed = 0 RETURNING device", (account,)
    ).fetchall()
    device = _add_device(connection, account, keys)
    return Registered(account, device, tuple(row[0] for row in removed))


def replace(connection: sqlite3.Connection, account: int, device: int, keys: Keys) -> Registered | RegistrationError:
    """Give a restored phone a new device id (R20)."""
    old = connection.execute(
        "SELECT removed, replaced_by FROM devices WHERE account = ? AND device = ?", (account, device)
    ).fetchone()
    if old is None:
        return RegistrationError("not_found", f"account {account} never had a device {device}")
    removed, replaced_by = old
    if not removed:
        new = _add_device(connection, account, keys)
        connection.execute("UPDATE devices SET removed = 1, replaced_by = ? WHERE device = ?", (new, device))
        return Registered(account, new, (device,))
    same = connection.execute(
        "SELECT device FROM devices WHERE device = ? AND identity_key = ? AND removed = 0",
        (replaced_by, keys.identity_key),
    ).fetchone()
    if same is None:
        return RegistrationError("device_removed", f"device {device} has been removed; register again")
    return Registered(account, same[0])


def identities(connection: sqlite3.Connection, devices: Sequence[int]) -> dict[int, Identity]:
    """Return who these devices are."""
    found = {}
    for device in devices:
        row = connection.execute("SELECT account, identity_key FROM devices WHERE device = ?", (device,)).fetchone()
        if row is not None:
            found[device] = Identity(*row)
    return found


def find(connection: sqlite3.Connection, question: int | str) -> AccountInfo | None:
    """Return an account by its number or phone, with every device it ever had."""
    column = "phone" if isinstance(question, str) else "account"
    found = connection.execute(
        f"SELECT account, phone FROM accounts WHERE {column} = ?",
        (question,),
    ).fetchone()
    if found is None:
        return None
    account, phone = found
    rows = connection.execute(
        "SELECT device, identity_key, box_key, key_signature, removed FROM devices WHERE account = ? ORDER BY device",
        (account,),
    )
    devices = tuple(
        DeviceInfo(device, identity_key, box_key, key_signature, bool(removed))
        for device, identity_key, box_key, key_signature, removed in rows
    )
    return AccountInfo(account, phone, devices)


def _spend_try(connection: sqlite3.Connection, phone: str, code: str, now_ms: int) -> RegistrationError | None:
    _forget_codes(connection, now_ms)
    found = connection.execute("SELECT code, tries_left FROM codes WHERE phone = ?", (phone,)).fetchone()
    if found is None:
        return RegistrationError("code_expired", "there is no code in life for this phone; ask for a new one")
    right, tries_left = found
    if tries_left == 0:
        # The same code stays, used up, until its life ends: a new one now would be five more guesses.
        return RegistrationError("code_expired", f"no tries left; ask for a new code {CODE_LIFE_S // 60} minutes later")
    if compare_digest(right.encode(), code.encode()):
        return None
    connection.execute("UPDATE codes SET tries_left = tries_left - 1 WHERE phone = ?", (phone,))
    return RegistrationError("wrong_code", f"the code is wrong; {tries_left - 1} tries left")


def _forget_codes(connection: sqlite3.Connection, now_ms: int) -> None:
    connection.execute("DELETE FROM codes WHERE sent_at_ms <= ?", (now_ms - CODE_LIFE_S * 1000,))


def _add_device(connection: sqlite3.Connection, account: int, keys: Keys) -> int:
    (device,) = connection.execute(
        "INSERT INTO devices (account, identity_key, box_key, key_signature) VALUES (?, ?, ?, ?) RETURNING device",
        (account, *keys),
    ).fetchone()
    connection.execute("INSERT INTO positions (device) VALUES (?)", (device,))
    return int(device)
