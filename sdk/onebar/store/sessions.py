"""The sessions with each device, wrapped."""

import logging
from typing import Final

from onebar.core.records import Kept
from onebar.crypto import sessions as crypto
from onebar.crypto.sessions import PeerSessions
from onebar.crypto.wrapping import KeyVault
from onebar.errors import DecryptionError, InputError
from onebar.store.database import Database

REMEMBERED_MAX: Final = 4
"""Devices whose sessions are in memory as they are in the database: those of the chat that goes on now. Each takes
2 kB, and much more after a gap."""

_log = logging.getLogger(__name__)


class SqliteSessions:
    """`core.ports.Sessions` on a database."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault
        self._read_before: dict[tuple[int, int], tuple[bytes, PeerSessions]] = {}
        """What rows held, and what that is: a turn reads the same sessions again, and the next one does."""

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
        self._remember(wrapped, account, device, kept.sessions)

    def forget(self, account: int) -> None:
        """Forget the sessions with all devices of an account: they are somebody else's now."""
        self._read_before.clear()
        self._database.connection.execute("DELETE FROM session WHERE account = ?", (account,))

    def clear(self) -> None:
        """Forget all sessions: this is a new device.

        Which devices have used ML-KEM is not forgotten: who can make a device start anew must not gain a downgrade.
        """
        self._read_before.clear()
        execute = self._database.connection.execute
        execute("DELETE FROM session WHERE NOT must_be_pq")
        execute("UPDATE session SET sessions = x''")

    def _read(self, wrapped: bytes, account: int, device: int) -> PeerSessions:
        if not wrapped:
            return PeerSessions()
        before, known = self._read_before.get((account, device), (b"", PeerSessions()))
        if before == wrapped:
            return known
        try:
            sessions = crypto.from_bytes(self._vault.unwrap(wrapped, _place(account, device)))
        except (DecryptionError, InputError) as error:  # a new session heals it; a failed turn would block all chats
            _log.error("the sessions with device %d/%d cannot be read and begin anew: %s", account, device, error)
            return PeerSessions()
        self._remember(wrapped, account, device, sessions)
        return sessions

    def _remember(self, wrapped: bytes, account: int, device: int, sessions: PeerSessions) -> None:
        self._read_before.pop((account, device), None)
        if len(self._read_before) >= REMEMBERED_MAX:
            del self._read_before[next(iter(self._read_before))]
        self._read_before[account, device] = wrapped, sessions


def _place(account: int, device: int) -> str:
    return f"sessions/{account}/{device}"
