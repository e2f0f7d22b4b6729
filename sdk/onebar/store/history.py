"""Chats and messages as an app reads them, in the order of docs/protocol.md R9."""

from typing import Any, Final

from onebar.models import Chat, Message, MessageState, Standing
from onebar.store.attachments import COLUMNS as FILE_COLUMNS
from onebar.store.attachments import SqliteAttachments
from onebar.store.database import Database

_COLUMNS: Final = f"""
    m.message_no, c.phone, m.account, m.state, m.text, m.sent_at_ms, m.reason, m.missing_before, m.place,
    {FILE_COLUMNS}"""
_FROM: Final = "FROM message m JOIN chat c USING (chat_id)"
_WITH_FILE: Final = f"{_FROM} LEFT JOIN attachment a USING (message_no)"
_NEWEST: Final = 2**62  # above every place


class SqliteHistory:
    """Reads only; meant for a connection of its own beside the engine's."""

    def __init__(self, database: Database, attachments: SqliteAttachments) -> None:
        self._database = database
        self._attachments = attachments

    def page(self, phone: str, limit: int, before: int | None = None) -> list[Message]:
        """Return a chat's newest messages before a place, oldest first; a few more where places are shared."""
        last = _NEWEST if before is None else before
        rows = self._database.connection.execute(
            f"SELECT {_COLUMNS} {_WITH_FILE} WHERE c.phone = ?1 AND m.place < ?2 AND m.place >= COALESCE("
            f"(SELECT m.place {_FROM} WHERE c.phone = ?1 AND m.place < ?2 ORDER BY m.place DESC LIMIT 1 OFFSET ?3), 0)"
            " ORDER BY m.place, m.chat_no, m.message_no",
            (phone, last, limit - 1),
        )
        return [self._message(*row) for row in rows]

    def chats(self) -> list[Chat]:
        """Return all chats, the one with the newest message first."""
        rows = self._database.connection.execute(
            "SELECT phone, messages, (SELECT count(*) FROM message m WHERE m.chat_id = c.chat_id AND m.account <> 0"
            " AND (m.place, m.chat_no) > (c.read_place, c.read_chat_no)), standing FROM chat c WHERE messages > 0"
            " ORDER BY (SELECT max(place) FROM message m WHERE m.chat_id = c.chat_id) DESC"
        )
        return [Chat(phone, messages, unread, Standing(standing)) for phone, messages, unread, standing in rows]

    def outbox(self) -> list[Message]:
        """Return the messages that the server has not acknowledged, oldest first."""
        sql = f"SELECT {_COLUMNS} {_WITH_FILE} WHERE m.state = 'queued' ORDER BY m.message_no"
        return [self._message(*row) for row in self._database.connection.execute(sql)]

    def newest_message_no(self) -> int:
        """Return the number of the newest message, whoever wrote it; 0 if there is none."""
        row = self._database.connection.execute("SELECT COALESCE(max(message_no), 0) FROM message").fetchone()
        return int(row[0])

    def received_after(self, message_no: int) -> int:
        """Return how many messages of others are newer than one."""
        sql = "SELECT count(*) FROM message WHERE message_no > ? AND account <> 0"
        return int(self._database.connection.execute(sql, (message_no,)).fetchone()[0])

    def message(self, message_no: int) -> Message | None:
        """Return one message, or None if there is none of this number."""
        sql = f"SELECT {_COLUMNS} {_WITH_FILE} WHERE m.message_no = ?"
        row = self._database.connection.execute(sql, (message_no,)).fetchone()
        return None if row is None else self._message(*row)

    def _message(self, message_no: int, phone: str, account: int, state: str, text: str, sent_at_ms: int, reason: str,
                 missing_before: int, place: int, about: bytes | None, *file: Any) -> Message:  # fmt: skip
        attachment = None if about is None else self._attachments.shown(message_no, about, *file)
        return Message(
            *(message_no, phone, account == 0, MessageState(state), text, sent_at_ms, reason),
            *(missing_before, place, attachment),
        )
