"""What was read: here, to be told to its authors, and by the others, of what we have sent."""

from collections.abc import Sequence
from typing import Final

from onebar.core.records import Receipt
from onebar.store.database import Database

_BEHIND_ALL: Final = 2**63 - 1  # SQLite's largest number


class SqliteReceipts:
    """The part of `core.ports.Outbox` and `core.ports.Inbox` that is about reading."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _rows(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        return self._database.connection.execute(sql, values).fetchall()

    def mark_read(self, phone: str, message_no: int | None) -> list[Receipt]:
        """Note that the user has seen a chat up to a message (None: all of it); return what is news to the authors.

        What is marked stays so, and a message of another chat marks nothing.
        """
        seen = self._rows(
            "SELECT m.chat_id, m.place, m.chat_no FROM message m JOIN chat c USING (chat_id) WHERE c.phone = ?1"
            " AND m.message_no = ?2 UNION ALL SELECT chat_id, ?3, ?3 FROM chat WHERE phone = ?1 AND ?2 IS NULL",
            *(phone, message_no, _BEHIND_ALL),
        )
        news: dict[tuple[int, int], int] = {}
        for chat_id, place, chat_no in seen:
            read = self._rows(
                "UPDATE message SET unread = 0 WHERE chat_id = ? AND unread AND (place, chat_no) <= (?, ?)"
                " RETURNING account, device",
                *(chat_id, place, chat_no),
            )
            news = {(account, device): self._read_up_to(chat_id, account, device) for account, device in read}
        known = "SELECT max(told, due) FROM receipt WHERE account = ? AND device = ?"
        return [
            Receipt(*author, up_to)
            for author, up_to in sorted(news.items())
            if up_to > max((row[0] for row in self._rows(known, *author)), default=0)
        ]

    def _read_up_to(self, chat_id: int, account: int, device: int) -> int:
        """Return the last number of an author before which nothing that came is unread."""
        return self._rows(
            "SELECT COALESCE(max(chat_no), 0) FROM message WHERE chat_id = ?1 AND account = ?2 AND device = ?3"
            " AND chat_no < COALESCE((SELECT min(chat_no) FROM message WHERE chat_id = ?1 AND account = ?2"
            "  AND device = ?3 AND unread AND chat_no > 0), ?4)",  # 0: unreadable, and of no place among the author's
            *(chat_id, account, device, _BEHIND_ALL),
        )[0][0]

    def unread_from(self, account: int, device: int, chat_no: int) -> None:
        """A message came late, before what was read: its author is not told more than what is before it, for now."""
        self._rows(
            "UPDATE receipt SET told = min(told, ?3 - 1), due = min(due, ?3 - 1) WHERE account = ?1 AND device = ?2",
            *(account, device, chat_no),
        )

    def add(self, receipt: Receipt) -> None:
        """Note what has to be told as read; a higher number takes the place of a lower one, and its turn."""
        self._rows(
            "INSERT INTO receipt VALUES (?, ?, 0, ?, (SELECT COALESCE(max(since), 0) + 1 FROM receipt))"
            " ON CONFLICT DO UPDATE SET since = iif(due > told, since, excluded.since), due = max(due, excluded.due)",
            *(receipt.account, receipt.device, receipt.chat_no),
        )

    def due(self, limit: int) -> list[Receipt]:
        """Return what has to be told as read, oldest first; of a request nothing, until it is accepted."""
        rows = self._rows(
            "SELECT account, device, due FROM receipt WHERE due > told AND 'accepted' ="
            " (SELECT standing FROM chat WHERE phone = COALESCE((SELECT phone FROM contact"
            "  WHERE contact.account = receipt.account), 'account ' || account))"
            " ORDER BY since LIMIT ?",
            limit,
        )
        return [Receipt(*row) for row in rows]

    def forget(self) -> None:
        """Tell nobody what was not told so far."""
        self._rows("UPDATE receipt SET told = due WHERE due > told")

    def drop(self, receipts: Sequence[Receipt]) -> None:
        """Note that these were told, unless more has been read since."""
        for receipt in receipts:
            self._rows(
                "UPDATE receipt SET told = max(told, ?) WHERE account = ? AND device = ?",
                *(receipt.chat_no, receipt.account, receipt.device),
            )

    def read(self, account: int, chat_no: int) -> list[int]:
        """Note that the chat's other side has read our messages up to this number; return those now read.

        Only what was delivered can have been read: what is behind a gap there is read once it was (`read_before`). What
        was sealed under another account key was read by nobody here: the number has changed hands, or its phone.
        """
        rows = self._rows(
            "UPDATE message SET state = 'read' FROM chat c JOIN contact k USING (phone) WHERE k.account = ?2"
            " AND message.account = 0 AND message.device = 0 AND message.state = 'delivered'"
            " AND message.chat_no > c.seen_chat_no AND message.chat_no <= ?1"
            " AND message.chat_id = c.chat_id AND message.audience IN (x'', k.account_key) RETURNING message_no",
            *(chat_no, account),
        )
        self._rows(
            "UPDATE chat SET seen_chat_no = max(seen_chat_no, COALESCE((SELECT m.chat_no FROM message m JOIN contact k"
            "  WHERE k.account = ?2 AND m.chat_id = chat.chat_id AND m.account = 0 AND m.device = 0 AND m.chat_no <= ?1"
            "  AND m.state <> 'queued' AND m.audience IN (x'', k.account_key) ORDER BY m.chat_no DESC LIMIT 1), 0))"
            " WHERE phone = (SELECT phone FROM contact WHERE account = ?2)",
            *(chat_no, account),
        )
        return sorted(row[0] for row in rows)

    def read_before(self, message_no: int) -> bool:
        """Note that a message that was just delivered is read, if the other side has read one behind it."""
        rows = self._rows(
            "UPDATE message SET state = 'read' WHERE message_no = ? AND state = 'delivered' AND chat_no <="
            " (SELECT seen_chat_no FROM chat c JOIN contact k USING (phone) WHERE c.chat_id = message.chat_id"
            "  AND message.audience IN (x'', k.account_key)) RETURNING message_no",
            message_no,
        )
        return bool(rows)
