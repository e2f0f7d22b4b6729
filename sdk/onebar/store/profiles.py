"""What people say of themselves, and which devices were told what we say of ourselves."""

from typing import Final

from onebar.core.content import Profile
from onebar.store.database import Database
from onebar.store.device import OWN_ACCOUNT

TOLD_AGAIN_MS: Final = 30 * 24 * 3600 * 1000
"""After this time a profile is told once more with the next message: it comes without a receipt, and is kept in a
mailbox for as long."""

_CURRENT: Final = "(SELECT counter FROM profile WHERE account = 0)"


class SqliteProfiles:
    """`core.chat_ports.Profiles` on a database. Account 0 is our own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _run(self, sql: str, *values: object) -> None:
        self._database.connection.execute(sql, values)

    def get(self, account: int) -> Profile | None:
        """Return what an account says of itself."""
        row = self._database.connection.execute(
            "SELECT counter, name, about, photo FROM profile WHERE account = ?", (account,)
        ).fetchone()
        return None if row is None else Profile(*row)

    def of(self, phone: str) -> Profile | None:
        """Return what the account that has a phone number says of itself."""
        row = self._database.connection.execute("SELECT account FROM contact WHERE phone = ?", (phone,)).fetchone()
        return None if row is None else self.get(row[0])

    def put(self, account: int, profile: Profile) -> None:
        """Keep this in place of what was known."""
        self._run(
            "INSERT OR REPLACE INTO profile VALUES (?, ?, ?, ?, ?)",
            *(account, profile.counter, profile.name, profile.about, profile.photo),
        )

    def forget(self, account: int) -> None:
        """An account is somebody else's now: forget what was said of it, and that it was told of us."""
        self._run("DELETE FROM profile WHERE account = ?", account)
        self._run("DELETE FROM profile_told WHERE account = ?", account)

    def tell_all(self) -> None:
        """Note that all devices of accepted chats with which there is a session are to be told, and our own others."""
        self._run(
            "INSERT INTO profile_told (account, device, due) SELECT d.account, d.device, 1"
            " FROM peer_device d JOIN session s USING (account, device) JOIN contact k USING (account)"
            f" LEFT JOIN chat c USING (phone) WHERE NOT d.removed AND s.sessions <> x''"
            f" AND (c.standing = 'accepted' OR d.account = {OWN_ACCOUNT}) ON CONFLICT DO UPDATE SET due = 1"
        )

    def tell(self, account: int, device: int, now_ms: int) -> None:
        """Note that a device is to be told, if it does not know the current one, or was told long ago."""
        self._run(
            "INSERT INTO profile_told (account, device, due) SELECT ?1, ?2, 1 FROM profile WHERE account = 0"
            f" ON CONFLICT DO UPDATE SET due = 1 WHERE counter < {_CURRENT} OR told_ms < ?3",
            *(account, device, now_ms - TOLD_AGAIN_MS),
        )

    def again(self, account: int, device: int) -> None:
        """What a device was told may not have opened: tell it once more."""
        self._run("UPDATE profile_told SET due = 1 WHERE account = ? AND device = ? AND told_ms > 0", account, device)

    def due(self, limit: int) -> list[tuple[int, int]]:
        """Return (account, device) of those who are to be told."""
        sql = "SELECT account, device FROM profile_told WHERE due ORDER BY account, device LIMIT ?"
        return self._database.connection.execute(sql, (limit,)).fetchall()

    def told(self, account: int, device: int, counter: int, out_no: int, now_ms: int) -> None:
        """Note that a device was told, or has told us, this one, in the envelope of this number."""
        self._run(
            "INSERT OR REPLACE INTO profile_told VALUES (?, ?, ?, ?, ?, 0)", account, device, counter, out_no, now_ms
        )

    def skip(self, account: int, device: int) -> None:
        """Note that a device cannot be told now; the next message for it brings it up again."""
        self._run("UPDATE profile_told SET due = 0 WHERE account = ? AND device = ?", account, device)

    def rejected(self, out_no: int) -> None:
        """Note that the server did not take this number: who was to be told by it is told with the next message."""
        self._run("UPDATE profile_told SET counter = -1 WHERE out_no = ?", out_no)
