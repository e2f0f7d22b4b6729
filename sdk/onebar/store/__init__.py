"""One device's SQLite database, behind `onebar.core.ports`."""

import os
from functools import partial
from pathlib import Path

from onebar.crypto.wrapping import KEY_BYTES, KeyVault, WrappingKey
from onebar.errors import InputError
from onebar.models import MessageState
from onebar.store.attachments import SqliteAttachments
from onebar.store.contacts import SqliteContacts
from onebar.store.database import IN_MEMORY, Database
from onebar.store.device import SqliteDevice
from onebar.store.events import SqliteEvents
from onebar.store.history import SqliteHistory
from onebar.store.inbox import SqliteInbox
from onebar.store.outbox import SqliteOutbox
from onebar.store.places import SqlitePlaces
from onebar.store.prekeys import SqlitePrekeys
from onebar.store.profiles import SqliteProfiles
from onebar.store.search import SqliteSearch
from onebar.store.sessions import SqliteSessions
from onebar.store.settings import SqliteChatSettings
from onebar.store.standings import SqliteStandings
from onebar.store.vault import open_file_vault, open_passphrase_vault


class SqliteStore:
    """`core.ports.Store` on one connection; the engine has one of its own, and whoever reads history another."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self.vault = vault
        self.attachments = SqliteAttachments(database, vault)
        self.places = SqlitePlaces(database)
        self.outbox = SqliteOutbox(database, self.attachments, self.places)
        self.inbox = SqliteInbox(database, self.places)
        self.contacts = SqliteContacts(database)
        self.standings = SqliteStandings(database)
        self.profiles = SqliteProfiles(database)
        self.settings = SqliteChatSettings(database)
        self.sessions = SqliteSessions(database, vault)
        self.prekeys = SqlitePrekeys(database, vault)
        self.events = SqliteEvents(database)
        self._device = SqliteDevice(database, vault)
        self._history = SqliteHistory(database, self.attachments)
        self.search = SqliteSearch(database, self._history)
        self.load_device = self._device.load
        self.save_device = self._device.save
        self.transaction = database.transaction
        self.reopen = database.reopen
        self.close = database.close
        self.checkpoint = database.checkpoint
        self.data_version = database.data_version
        self.history = self._history.page
        self.history_after = self._history.page_after
        self.chats = self._history.chats
        self.chat = self._history.chat
        self.outbox_messages = self._history.outbox
        self.message = self._history.message
        self.newest_message_no = self._history.newest_message_no
        self.received_after = self._history.received_after
        self.next_events = self.events.next
        self.confirm_events = self.events.confirm

    def state(self, message_no: int) -> MessageState | None:
        """Return how far a message has come."""
        message = self.message(message_no)
        return None if message is None else message.state


def open_store(
    path: Path | str, *, create: bool = True, vault: KeyVault | None = None, passphrase: str | None = None
) -> SqliteStore:
    """Open a device's database. Its secrets are wrapped by a vault; without one, by a key in a file beside it.

    Args:
        path: The file, or ":memory:".
        create: Whether to create it if it is missing.
        vault: Wraps the secrets, such as a phone's keystore; always the same for the same database.
        passphrase: Opens the key in the file, if it is shut; 1 to 1,024 bytes in UTF-8.

    Raises:
        StoreTooNewError: A later version wrote it.
        StoreDamagedError: It, or the file of its key, is damaged or no Onebar file.
        WrongPassphraseError: The passphrase is another one.
        StoreError: It cannot be opened or created, or its key is gone.
        InputError: There are a vault and a passphrase, or the passphrase is empty or too long.
    """
    if vault is not None and passphrase is not None:
        raise InputError("a database has a vault or a passphrase, not both")
    found = partial(_find_vault, path, vault, passphrase)
    database = Database(path, create=create, find_vault=found)
    assert database.vault is not None
    return SqliteStore(database, database.vault)


def _find_vault(path: Path | str, vault: KeyVault | None, passphrase: str | None, nothing_is_wrapped: bool) -> KeyVault:
    """Return the vault of a database; its key is made only for one in which nothing is wrapped yet."""
    if vault is not None:
        return vault
    if path == IN_MEMORY:
        return WrappingKey(os.urandom(KEY_BYTES), os.urandom)
    if passphrase is not None:
        return open_passphrase_vault(Path(path), passphrase, os.urandom, create=nothing_is_wrapped)
    return open_file_vault(Path(path), os.urandom, create=nothing_is_wrapped)


__all__ = ["SqliteStore", "open_store"]
