"""Who is who: accounts, their numbers and devices, as the server's directory says."""

from collections.abc import Sequence

from onebar.core.records import Peer
from onebar.crypto.keys import PeerKeys
from onebar.store.database import Database

_PEER = "SELECT account, device, identity_key, box_key, key_signature, removed FROM peer_device"


class SqliteContacts:
    """`core.ports.Contacts` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, account: int, phone: str, devices: Sequence[Peer]) -> None:
        """Store an account and its devices; keys of known devices stay, and a removed one stays removed."""
        execute = self._database.connection.execute
        execute("UPDATE contact SET phone = NULL WHERE phone = ? AND account <> ?", (phone, account))
        execute(
            "INSERT INTO contact VALUES (?, ?) ON CONFLICT DO UPDATE SET phone = excluded.phone",
            (account, phone),
        )
        for peer in devices:
            keys = peer.keys
            execute(
                "INSERT INTO peer_device VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET removed = max(removed, excluded.removed)",
                (account, peer.device, keys.identity_key, keys.box_key, keys.key_signature, peer.removed),
            )

    def phone(self, account: int) -> str | None:
        """Return an account's number, or None if it is not known."""
        row = self._database.connection.execute("SELECT phone FROM contact WHERE account = ?", (account,)).fetchone()
        return None if row is None else row[0]

    def account(self, phone: str) -> int | None:
        """Return the account that has a number, as far as it is known."""
        row = self._database.connection.execute("SELECT account FROM contact WHERE phone = ?", (phone,)).fetchone()
        return None if row is None else row[0]

    def devices(self, account: int) -> list[Peer]:
        """Return the devices that are not removed, oldest first."""
        sql = f"{_PEER} WHERE account = ? AND NOT removed ORDER BY device"
        return [_peer(row) for row in self._database.connection.execute(sql, (account,))]

    def device(self, account: int, device: int) -> Peer | None:
        """Return a device, removed or not."""
        sql = f"{_PEER} WHERE account = ? AND device = ?"
        row = self._database.connection.execute(sql, (account, device)).fetchone()
        return None if row is None else _peer(row)

    def remove_device(self, account: int, device: int) -> None:
        """Note that a device is gone; nothing more is sealed for it."""
        sql = "UPDATE peer_device SET removed = 1 WHERE account = ? AND device = ?"
        self._database.connection.execute(sql, (account, device))


def _peer(row: tuple[int, int, bytes, bytes, bytes, int]) -> Peer:
    account, device, identity_key, box_key, key_signature, removed = row
    return Peer(account, device, PeerKeys(identity_key, box_key, key_signature), bool(removed))
