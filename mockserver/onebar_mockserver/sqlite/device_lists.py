"""Signed device lists: which of an account's devices are in use is what its newest list says (docs/protocol.md §5).

The server believes the account key and nobody else, so that a stolen link cannot add a device; that it shows every list
to everybody is what the clients check. Every function runs inside the caller's transaction.
"""

import sqlite3

from onebar.core.questions import AddDevice
from onebar.crypto.certificates import (
    DEVICES_MAX,
    CertificateError,
    DeviceCertificate,
    DeviceList,
    RollbackError,
    check_list,
    list_from_bytes,
    to_bytes,
)
from onebar.errors import InputError
from onebar_mockserver.limits import PENDING_S
from onebar_mockserver.ports import Keys, QuestionError
from onebar_mockserver.sqlite import registry


def signed(connection: sqlite3.Connection, account: int) -> bytes:
    """Return an account's signed device list; empty if there is none."""
    found = connection.execute("SELECT signed FROM device_lists WHERE account = ?", (account,)).fetchone()
    return b"" if found is None else bytes(found[0])


def check(connection: sqlite3.Connection, account: int, device: int, new: bytes) -> DeviceList | None:
    """Return the list that a device of this account wants to publish, or None if it is the one that is there.

    Raises:
        QuestionError: `old_list` if a newer one is there, `bad_list` if it is not this account's, or names a device
            that is not, or not with these keys, or leaves out the one that publishes it.
    """
    known = signed(connection, account)
    if new == known:
        return None
    try:
        devices = list_from_bytes(new)
        check_list(devices, account, list_from_bytes(known) if known else None)
    except RollbackError as error:
        raise QuestionError("old_list") from error
    except (InputError, CertificateError) as error:
        raise QuestionError("bad_list") from error
    if devices.certificate(device) is None or not all(_is_device(connection, one) for one in devices.certificates):
        raise QuestionError("bad_list")
    return devices


def store(connection: sqlite3.Connection, devices: DeviceList) -> tuple[int, ...]:
    """Store a list that `check` has passed; return the devices that it puts out of use."""
    known = signed(connection, devices.account)
    before = {one.device for one in list_from_bytes(known).certificates} if known else set()
    connection.execute(
        "INSERT OR REPLACE INTO device_lists VALUES (?, ?, ?)", (devices.account, devices.counter, to_bytes(devices))
    )
    for one in devices.certificates:
        connection.execute(
            "UPDATE devices SET certificate = ?, pending_since_ms = 0 WHERE device = ?", (to_bytes(one), one.device)
        )
    return registry.retire(connection, sorted(before - {one.device for one in devices.certificates}))


def reserve(connection: sqlite3.Connection, account: int, device: int, new: AddDevice, now_ms: int) -> int:
    """Return a number for one more device, asked for by a device of the account's list; it waits for a certificate.

    Raises:
        QuestionError: `bad_list` if the asking device is not in it, `bad_request` if the identity key has not signed
            the box key or is in use with another one, `too_many_devices`.
    """
    known = signed(connection, account)
    if not known or list_from_bytes(known).certificate(device) is None:
        raise QuestionError("bad_list")
    keys = Keys(new.identity_key, new.box_key, new.key_signature)
    if not keys.valid:
        raise QuestionError("bad_request")
    _forget_pending(connection, account, now_ms)
    found = connection.execute(
        "SELECT device, box_key FROM devices WHERE account = ? AND identity_key = ? AND removed = 0",
        (account, keys.identity_key),
    ).fetchone()
    if found is not None:
        if found[1] != keys.box_key:
            raise QuestionError("bad_request")
        return int(found[0])
    (count,) = connection.execute(
        "SELECT count(*) FROM devices WHERE account = ? AND removed = 0", (account,)
    ).fetchone()
    if count >= DEVICES_MAX:
        raise QuestionError("too_many_devices")
    return registry.add_device(connection, account, keys, now_ms, pending=True)


def rename(connection: sqlite3.Connection, account: int, device: int, name: str) -> None:
    """Call a device of an account by another name.

    Raises:
        QuestionError: `bad_request` if it has no such device.
    """
    named = connection.execute(
        "UPDATE devices SET name = ? WHERE device = ? AND account = ? AND removed = 0", (name, device, account)
    )
    if not named.rowcount:
        raise QuestionError("bad_request")


def names(connection: sqlite3.Connection, account: int) -> tuple[tuple[int, str], ...]:
    """Return what the devices of an account are called."""
    rows = connection.execute(
        "SELECT device, name FROM devices WHERE account = ? AND removed = 0 AND name <> '' ORDER BY device", (account,)
    )
    return tuple((device, name) for device, name in rows)


def _is_device(connection: sqlite3.Connection, one: DeviceCertificate) -> bool:
    """Whether the account has this device, not removed, with these very keys."""
    found = connection.execute(
        "SELECT 1 FROM devices WHERE device = ? AND account = ? AND removed = 0"
        " AND identity_key = ? AND box_key = ? AND key_signature = ?",
        (one.device, one.account, one.identity_key, one.box_key, one.key_signature),
    ).fetchone()
    return found is not None


def _forget_pending(connection: sqlite3.Connection, account: int, now_ms: int) -> None:
    """Put those out of use that have waited too long. Their rows stay, so that no number is given again (R22)."""
    rows = connection.execute(
        "SELECT device FROM devices WHERE account = ? AND removed = 0 AND pending_since_ms BETWEEN 1 AND ?",
        (account, now_ms - PENDING_S * 1000),
    ).fetchall()
    registry.retire(connection, [device for (device,) in rows])
