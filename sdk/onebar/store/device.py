"""This device's row, with its secrets wrapped."""

from typing import Any, Final

import msgspec

from onebar.core.records import Device, Status
from onebar.crypto.wrapping import KeyVault
from onebar.errors import DecryptionError, StoreError
from onebar.store.database import Database
from onebar.store.device_secrets import SECRETS, unwrapped, wrapped

OWN_ACCOUNT: Final = "(SELECT account FROM device)"
"""SQL for our own account's number; NULL before there is a device."""

_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Device))
_SAVE: Final = f"INSERT OR REPLACE INTO device (one, {', '.join(_FIELDS)}) VALUES (1{', ?' * len(_FIELDS)})"
_LOAD: Final = f"SELECT {', '.join(_FIELDS)} FROM device"


class SqliteDevice:
    """Loads and saves the one row of `device`."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault
        self._wrapped: dict[str, tuple[bytes, bytes]] = {}
        """Each secret as it was saved last, and wrapped: a device is saved whole more often than its secrets change."""

    def load(self) -> Device | None:
        """Return this device, or None in a new database.

        Raises:
            StoreError: The vault has another key than the one that wrapped the device's secrets.
        """
        row = self._database.connection.execute(_LOAD).fetchone()
        if row is None:
            return None
        values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
        try:
            values.update((name, unwrapped(self._vault, name, values[name])) for name in SECRETS)
        except DecryptionError as error:
            raise StoreError(
                f"{self._database.path}: its secrets are wrapped by another key than the one given ({error}); restore"
                " the file of its key, or register this device anew"
            ) from error
        values.update(status=Status(values["status"]), read_receipts=bool(values["read_receipts"]))
        values.update(push_due=bool(values["push_due"]))
        return Device(**values)

    def save(self, device: Device, stored: Device | None = None) -> None:
        """Store this device; where it is known what is `stored`, only what differs from that: two or three numbers."""
        changed = [name for name in _FIELDS if stored is None or getattr(device, name) != getattr(stored, name)]
        values = [self._wrap(name, getattr(device, name)) for name in changed]
        if stored is None:
            self._database.connection.execute(_SAVE, values)
        elif changed:
            columns = " = ?, ".join(changed)
            self._database.connection.execute(f"UPDATE device SET {columns} = ?", values)

    def _wrap(self, name: str, value: Any) -> Any:
        return self._wrap_secret(name, value) if name in SECRETS else value

    def _wrap_secret(self, name: str, secret: bytes) -> bytes:
        known, as_wrapped = self._wrapped.get(name, (None, b""))
        if known != secret:
            as_wrapped = wrapped(self._vault, name, secret)
            self._wrapped[name] = secret, as_wrapped
        return as_wrapped
