"""Who is who: accounts with their keys, numbers and devices, as they have signed it."""

from collections.abc import Sequence

from onebar.core.records import Contact, Peer, Trust
from onebar.crypto.keys import PeerKeys
from onebar.models import Protection
from onebar.store.database import Database
from onebar.store.device import OWN_ACCOUNT

_PEER = "SELECT account, device, identity_key, box_key, key_signature, removed FROM peer_device"
_OWN_OTHER = "d.account = (SELECT account FROM device) AND d.device <> (SELECT device FROM device)"


class SqliteContacts:
    """`core.ports.Contacts` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, contact: Contact) -> None:
        """Store a contact; its number is nobody else's from now on."""
        execute = self._database.connection.execute
        execute("UPDATE contact SET phone = NULL WHERE phone = ? AND account <> ?", (contact.phone, contact.account))
        execute(
            "INSERT OR REPLACE INTO contact (account, phone, account_key, devices, trust) VALUES (?, ?, ?, ?, ?)",
            (contact.account, contact.phone, contact.account_key, contact.devices, contact.trust),
        )

    def put_device(self, peer: Peer) -> None:
        """Store a device with its keys; one that is removed stays so."""
        keys = peer.keys
        self._database.connection.execute(
            "INSERT INTO peer_device (account, device, identity_key, box_key, key_signature, removed)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " identity_key = excluded.identity_key, box_key = excluded.box_key,"
            " key_signature = excluded.key_signature, removed = max(removed, excluded.removed)",
            (peer.account, peer.device, keys.identity_key, keys.box_key, keys.key_signature, peer.removed),
        )

    def contact(self, account: int) -> Contact | None:
        """Return a contact, or our own account. Its key is empty where only the server's word is known so far."""
        row = self._database.connection.execute(
            "SELECT account, phone, account_key, devices, trust FROM contact WHERE account = ?", (account,)
        ).fetchone()
        return None if row is None else Contact(row[0], row[1], row[2], row[3], Trust(row[4]))

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

    def put_shows(self, account: int, device: int, shows: str, out_no: int) -> None:
        """Note what a device has announced that it can show, by this number, unless a later one is known."""
        self._database.connection.execute(
            "UPDATE peer_device SET shows = ?, shows_out_no = ? WHERE account = ? AND device = ? AND shows_out_no < ?",
            (shows, out_no, account, device, out_no),
        )

    def all_show(self, phone: str, media_type: str) -> bool:
        """Return whether all devices that get what is sent in a chat have announced that they can show a format.

        These are the other side's, and our own others. Of an account that is not known yet, nobody has.
        """
        of = f"FROM peer_device d WHERE NOT removed AND (d.account = k.account OR {_OWN_OTHER})"
        row = self._database.connection.execute(
            f"SELECT EXISTS (SELECT 1 {of} AND d.account = k.account), EXISTS (SELECT 1 {of}"
            " AND instr(' ' || shows || ' ', ' ' || ? || ' ') = 0) FROM contact k WHERE phone = ?",
            (media_type, phone),
        ).fetchone()
        return row is not None and bool(row[0]) and not row[1]

    def name_device(self, device: int, name: str) -> None:
        """Note what one of our own devices is called."""
        self._database.connection.execute("INSERT OR REPLACE INTO device_name VALUES (?, ?)", (device, name))

    def name_devices(self, names: Sequence[tuple[int, str]]) -> None:
        """Note what all of our own devices are called; those that are left out have no name."""
        self._database.connection.execute("DELETE FROM device_name")
        for device, name in names:
            self.name_device(device, name)

    def device_names(self) -> dict[int, str]:
        """Return what our own devices are called, as far as it was heard."""
        return dict(self._database.connection.execute("SELECT device, name FROM device_name").fetchall())

    def protect(self, *, pin: bool | None = None, totp: bool | None = None) -> None:
        """Note what protects our own number; a part of it only if the server has ever said the whole."""
        whole = f"INSERT OR REPLACE INTO protection (pin, totp, account) VALUES (?, ?, {OWN_ACCOUNT})"
        part = f"UPDATE protection SET pin = coalesce(?, pin), totp = coalesce(?, totp) WHERE account = {OWN_ACCOUNT}"
        self._database.connection.execute(part if pin is None or totp is None else whole, (pin, totp))

    def protection(self) -> Protection | None:
        """Return what protects our own number, as far as it was heard; None: the server never said it."""
        row = self._database.connection.execute(
            f"SELECT pin, totp FROM protection WHERE account = {OWN_ACCOUNT}"
        ).fetchone()
        return None if row is None else Protection(bool(row[0]), bool(row[1]))

    def remove_device(self, account: int, device: int) -> None:
        """Note that a device is gone; nothing more is sealed for it."""
        sql = "UPDATE peer_device SET removed = 1 WHERE account = ? AND device = ?"
        self._database.connection.execute(sql, (account, device))


def _peer(row: tuple[int, int, bytes, bytes, bytes, int]) -> Peer:
    account, device, identity_key, box_key, key_signature, removed = row
    return Peer(account, device, PeerKeys(identity_key, box_key, key_signature), bool(removed))
