"""The sessions with each device, wrapped."""

import logging

from onebar.core.records import Kept
from onebar.crypto import sessions as crypto
from onebar.crypto.sessions import PeerSessions
from onebar.crypto.wrapping import KeyVault
from onebar.errors import DecryptionError, InputError
from onebar.store.database import Database

_log = logging.getLogger(__name__)


class SqliteSessions:
    """`core.ports.Sessions` on a database."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault

    def get(self, account: int, device: int) -> Kept:
        """Return what is kept for a device; empty for a new one, and where it cannot be read any more.

        That a device has used ML-KEM is remembered in any case.
        """
        row = self._database.connection.execute(
            "SELECT sessions, since_out_no, must_be_pq FROM session WHERE account = ? AND device = ?",
            (account, device),
        ).fetchone()
        if row is None:
            return Kept()
        sessions = self._read(row[0], account, device)
        return Kept(sessions, row[1] if sessions.sessions else 0, bool(row[2]))

    def put(self, account: int, device: int, kept: Kept) -> None:
        """Keep this in place of what was kept."""
        wrapped = self._vault.wrap(crypto.to_bytes(kept.sessions), _place(account, device))
        self._database.connection.execute(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET sessions = excluded.sessions,"
            " since_out_no = excluded.since_out_no, must_be_pq = excluded.must_be_pq",
            (account, device, wrapped, kept.since_out_no, kept.must_be_pq),
        )

    def forget(self, account: int) -> None:
        """Forget the sessions with all devices of an account: they are somebody else's now."""
        self._database.connection.execute("DELETE FROM session WHERE account = ?", (account,))

    def clear(self) -> None:
        """Forget all sessions: this is a new device.

        Which devices have used ML-KEM is not forgotten: who can make a device start anew must not gain a downgrade.
        """
        execute = self._database.connection.execute
        execute("DELETE FROM session WHERE NOT must_be_pq")
        execute("UPDATE session SET sessions = x''")

    def _read(self, wrapped: bytes, account: int, device: int) -> PeerSessions:
        if not wrapped:
            return PeerSessions()
        try:
            return crypto.from_bytes(self._vault.unwrap(wrapped, _place(account, device)))
        except (DecryptionError, InputError) as error:  # a new session heals it; a failed turn would block all chats
            _log.error("the sessions with device %d/%d cannot be read and begin anew: %s", account, device, error)
            return PeerSessions()


def _place(account: int, device: int) -> str:
    return f"sessions/{account}/{device}"
