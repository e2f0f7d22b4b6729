"""Which chats are wanted: requests, accepted and blocked ones."""

from collections.abc import Sequence

from onebar.models import Standing
from onebar.store.database import Database


class SqliteStandings:
    """`core.ports.Standings` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, phone: str) -> Standing | None:
        """Return how a chat stands; None where there is none yet."""
        row = self._database.connection.execute("SELECT standing FROM chat WHERE phone = ?", (phone,)).fetchone()
        return None if row is None else Standing(row[0])

    def of(self, message_no: int) -> Standing:
        """Return how the chat of a message stands.

        Raises:
            LookupError: There is no such message.
        """
        row = self._database.connection.execute(
            "SELECT standing FROM chat JOIN message USING (chat_id) WHERE message_no = ?", (message_no,)
        ).fetchone()
        if row is None:
            raise LookupError(f"there is no message {message_no}")
        return Standing(row[0])

    def put(self, phone: str, standing: Standing) -> None:
        """Note what the user wants; the server is to be told of a block, and of its end."""
        self._database.connection.execute(
            "INSERT INTO chat (phone, standing, untold) VALUES (?1, ?2, ?2 = 'blocked') ON CONFLICT (phone) DO UPDATE"
            " SET untold = untold OR standing <> ?2 AND 'blocked' IN (standing, ?2), standing = ?2",
            (phone, standing),
        )

    def untold(self, limit: int) -> list[tuple[str, bool]]:
        """Return (phone number, whether it is blocked) of which the server does not know."""
        sql = "SELECT phone, standing = 'blocked' FROM chat WHERE untold ORDER BY chat_id LIMIT ?"
        return [(phone, bool(blocked)) for phone, blocked in self._database.connection.execute(sql, (limit,))]

    def told(self, phone: str, *, blocked: bool) -> None:
        """Note that the server knows, unless the user has changed it meanwhile."""
        self._database.connection.execute(
            "UPDATE chat SET untold = 0 WHERE phone = ? AND (standing = 'blocked') = ?", (phone, blocked)
        )

    def learn(self, phones: Sequence[str]) -> None:
        """Take over whom the account has blocked, on whatever device; but for what is not told yet."""
        execute = self._database.connection.execute
        execute("UPDATE chat SET standing = 'accepted' WHERE standing = 'blocked' AND NOT untold")
        for phone in phones:
            execute(
                "INSERT INTO chat (phone, standing) VALUES (?, 'blocked') ON CONFLICT (phone) DO UPDATE"
                " SET standing = iif(untold, standing, 'blocked')",
                (phone,),
            )

    def blocked(self) -> list[str]:
        """Return the blocked numbers."""
        rows = self._database.connection.execute("SELECT phone FROM chat WHERE standing = 'blocked' ORDER BY phone")
        return [phone for (phone,) in rows]
