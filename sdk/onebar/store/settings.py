"""What the user has set for each chat, and how much of it is unread. Nothing of it leaves the device."""

from onebar.core.turn import SetChat
from onebar.errors import InputError
from onebar.store.database import Database


class SqliteChatSettings:
    """`core.chat_ports.ChatSettings` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, wish: SetChat) -> bool:
        """Note what the user wants; return whether that is news.

        Raises:
            InputError: There is no such chat, and more than a draft was to be set.
        """
        execute = self._database.connection.execute
        if wish.draft:  # whoever is written to is wanted
            execute("INSERT OR IGNORE INTO chat (phone) VALUES (?)", (wish.phone,))
        row = execute(
            "SELECT draft, muted_until_ms, pinned, archived FROM chat WHERE phone = ?", (wish.phone,)
        ).fetchone()
        if row is None and wish.draft is None:
            raise InputError("there is no chat with this number: nothing was said in it so far")
        wanted = (wish.draft, wish.muted_until_ms, wish.pinned, wish.archived)
        pairs = zip(row or (), wanted, strict=row is not None)
        after = None if row is None else tuple(old if new is None else new for old, new in pairs)
        if row == after:
            return False
        execute(
            "UPDATE chat SET (draft, muted_until_ms, pinned, archived) = (?, ?, ?, ?) WHERE phone = ?",
            (*(after or ()), wish.phone),
        )
        return True

    def unread(self, phone: str) -> int:
        """Return how many messages of a chat are unread."""
        sql = "SELECT count(*) FROM message WHERE unread AND chat_id = (SELECT chat_id FROM chat WHERE phone = ?)"
        return int(self._database.connection.execute(sql, (phone,)).fetchone()[0])

    def bring_back(self, message_no: int, now_ms: int) -> str:
        """A message came: take its chat out of the archive, unless it is muted; return its phone number then."""
        row = self._database.connection.execute(
            "UPDATE chat SET archived = 0 WHERE archived AND muted_until_ms <= ?"
            " AND chat_id = (SELECT chat_id FROM message WHERE message_no = ?) RETURNING phone",
            (now_ms, message_no),
        ).fetchone()
        return "" if row is None else str(row[0])
