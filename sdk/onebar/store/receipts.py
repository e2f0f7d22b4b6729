"""What was read: here, to be told to its authors, and by the others, of what we have sent."""

from collections.abc import Sequence

from onebar.core.records import Receipt
from onebar.store.database import Database


class SqliteReceipts:
    """The part of `core.ports.Outbox` and `core.ports.Inbox` that is about reading."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _rows(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        return self._database.connection.execute(sql, values).fetchall()

    def mark_read(self, phone: str, message_no: int) -> list[Receipt]:
        """Note that the user has read a chat up to a message; return what is news to the authors, for each device.

        Reading does not move the mark back, and a message of another chat moves nothing.
        """
        moved = self._rows(
            "SELECT c.chat_id, c.read_place, c.read_chat_no, m.place, m.chat_no FROM message m JOIN chat c"
            " USING (chat_id) WHERE m.message_no = ? AND c.phone = ?"
            " AND (m.place, m.chat_no) > (c.read_place, c.read_chat_no)",
            *(message_no, phone),
        )
        if not moved:
            return []
        chat_id, *_, place, chat_no = moved[0]
        self._rows("UPDATE chat SET read_place = ?, read_chat_no = ? WHERE chat_id = ?", place, chat_no, chat_id)
        news = self._rows(
            "SELECT m.account, m.device, max(m.chat_no) AS upto FROM message m WHERE m.chat_id = ? AND m.account <> 0"
            " AND (m.place, m.chat_no) > (?, ?) AND (m.place, m.chat_no) <= (?, ?) GROUP BY m.account, m.device"
            " HAVING upto > COALESCE((SELECT max(told, due) FROM receipt r"
            "  WHERE r.account = m.account AND r.device = m.device), 0) ORDER BY m.account, m.device",
            *moved[0],
        )
        return [Receipt(*row) for row in news]

    def unread_from(self, chat_id: int, author: tuple[int, int], place: int, chat_no: int) -> None:
        """A message came late, above what was read: nobody has seen it, and its author is to hear when somebody has."""
        self._rows(
            "UPDATE chat SET read_place = ?2, read_chat_no = ?3 - 1"
            " WHERE chat_id = ?1 AND (read_place, read_chat_no) >= (?2, ?3) AND ?2 > 0",
            *(chat_id, place, chat_no),
        )
        self._rows(  # what is still due tells of this one, too
            "UPDATE receipt SET told = ?3 - 1, due = ?3 - 1"
            " WHERE account = ?1 AND device = ?2 AND due <= told AND told >= ?3",
            *(*author, chat_no),
        )

    def add(self, receipt: Receipt) -> None:
        """Note what has to be told as read; a higher number takes the place of a lower one, and its turn."""
        self._rows(
            "INSERT INTO receipt VALUES (?, ?, 0, ?, (SELECT COALESCE(max(since), 0) + 1 FROM receipt))"
            " ON CONFLICT DO UPDATE SET since = iif(due > told, since, excluded.since), due = max(due, excluded.due)",
            *(receipt.account, receipt.device, receipt.chat_no),
        )

    def due(self, limit: int) -> list[Receipt]:
        """Return what has to be told as read, oldest first."""
        sql = "SELECT account, device, due FROM receipt WHERE due > told ORDER BY since LIMIT ?"
        return [Receipt(*row) for row in self._rows(sql, limit)]

    def drop(self, receipts: Sequence[Receipt]) -> None:
        """Note that these were told, unless more has been read since."""
        for receipt in receipts:
            self._rows(
                "UPDATE receipt SET told = max(told, ?) WHERE account = ? AND device = ?",
                *(receipt.chat_no, receipt.account, receipt.device),
            )

    def read(self, account: int, chat_no: int) -> list[int]:
        """Note that the chat's other side has read our messages up to this number; return those now read.

        What was sealed under another account key was read by nobody here: the number has changed hands, or its phone.
        """
        rows = self._rows(
            "UPDATE message SET state = 'read' WHERE account = 0 AND device = 0 AND chat_no <= ?1"
            " AND state IN ('sent', 'delivered') AND EXISTS (SELECT 1 FROM contact k JOIN chat c USING (phone)"
            "  WHERE k.account = ?2 AND c.chat_id = message.chat_id AND message.audience IN (x'', k.account_key))"
            " AND chat_id = (SELECT chat_id FROM chat JOIN contact USING (phone) WHERE contact.account = ?2)"
            " RETURNING message_no",
            *(chat_no, account),
        )
        return sorted(row[0] for row in rows)
