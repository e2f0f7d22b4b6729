"""One device's SQLite database, behind `onebar.core.ports`."""

from pathlib import Path
from typing import Final

import msgspec

from onebar.core.records import Device, Status
from onebar.models import MessageState
from onebar.store.contacts import SqliteContacts
from onebar.store.database import Database
from onebar.store.events import SqliteEvents
from onebar.store.history import SqliteHistory
from onebar.store.inbox import SqliteInbox
from onebar.store.outbox import SqliteOutbox

_SAVE_DEVICE: Final = f"INSERT OR REPLACE INTO device VALUES (1{', ?' * len(msgspec.structs.fields(Device))})"


class SqliteStore:
    """`core.ports.Store` on one connection; the engine has one of its own, and whoever reads history another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = SqliteOutbox(database)
        self.inbox = SqliteInbox(database)
        self.contacts = SqliteContacts(database)
        self.events = SqliteEvents(database)
        self._history = SqliteHistory(database)
        self.transaction = database.transaction
        self.reopen = database.reopen
        self.close = database.close
        self.data_version = database.data_version
        self.history = self._history.page
        self.chats = self._history.chats
        self.outbox_messages = self._history.outbox
        self.message = self._history.message
        self.next_events = self.events.next
        self.confirm_events = self.events.confirm

    def load_device(self) -> Device | None:
        """Return this device, or None in a new database."""
        row = self._database.connection.execute("SELECT * FROM device").fetchone()
        return None if row is None else Device(Status(row[1]), *row[2:])

    def save_device(self, device: Device) -> None:
        """Store this device."""
        self._database.connection.execute(_SAVE_DEVICE, msgspec.structs.astuple(device))

    def state(self, message_no: int) -> MessageState | None:
        """Return how far a message has come."""
        message = self.message(message_no)
        return None if message is None else message.state


def open_store(path: Path | str, *, create: bool = True) -> SqliteStore:
    """Open a device's database.

    Args:
        path: The file, or ":memory:".
        create: Whether to create it if it is missing.

    Raises:
        StoreTooNewError: A later version wrote it.
        StoreDamagedError: It is damaged or no Onebar database.
        StoreError: It cannot be opened or created.
    """
    return SqliteStore(Database(path, create=create))


__all__ = ["SqliteStore", "open_store"]
