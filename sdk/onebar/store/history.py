"""Chats and messages as an app reads them, in the order of docs/protocol.md R9."""

from typing import Any, Final

from onebar.chats import ChatSummary, from_ms
from onebar.models import Message, MessageState, Standing
from onebar.store.attachments import COLUMNS as FILE_COLUMNS
from onebar.store.attachments import SqliteAttachments
from onebar.store.database import Database

_COLUMNS: Final = f"""
    m.message_no, c.phone, m.account, m.state, m.text, m.sent_at_ms, m.reason, m.missing_before, m.place,
    m.unread, {FILE_COLUMNS}"""
_FROM: Final = "FROM message m JOIN chat c USING (chat_id)"
_WITH_FILE: Final = f"{_FROM} LEFT JOIN attachment a USING (message_no)"
_CHATS: Final = f"""
    SELECT c.phone, c.messages, (SELECT count(*) FROM message u WHERE u.chat_id = c.chat_id AND u.unread), c.standing,
    NULLIF(p.name, ''), c.muted_until_ms, c.pinned, c.archived, c.draft, {_COLUMNS}
    FROM chat c LEFT JOIN message m ON m.message_no = (
        SELECT n.message_no FROM message n WHERE n.chat_id = c.chat_id
        ORDER BY n.place DESC, n.chat_no DESC, n.message_no DESC LIMIT 1
    ) LEFT JOIN attachment a USING (message_no)
    LEFT JOIN contact k ON k.phone = c.phone LEFT JOIN profile p ON p.account = k.account
    WHERE (c.messages > 0 OR c.draft <> '')"""
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

    def page_after(self, phone: str, limit: int, after: int) -> list[Message]:
        """Return a chat's oldest messages after a place, oldest first; a few more where places are shared."""
        rows = self._database.connection.execute(
            f"SELECT {_COLUMNS} {_WITH_FILE} WHERE c.phone = ?1 AND m.place > ?2 AND m.place <= COALESCE("
            f"(SELECT m.place {_FROM} WHERE c.phone = ?1 AND m.place > ?2 ORDER BY m.place LIMIT 1 OFFSET ?3), ?4)"
            " ORDER BY m.place, m.chat_no, m.message_no",
            (phone, after, limit - 1, _NEWEST),
        )
        return [self._message(*row) for row in rows]

    def chats(self, *, archived: bool = False) -> list[ChatSummary]:
        """Return the chats that are archived, or that are not: pinned ones first, then by their newest message."""
        rows = self._database.connection.execute(
            f"{_CHATS} AND c.archived = ? ORDER BY c.pinned DESC, m.place DESC, c.chat_id DESC", (archived,)
        )
        return [self._chat(*row) for row in rows]

    def chat(self, phone: str) -> ChatSummary | None:
        """Return the row of one chat; None if nothing was said or typed in it."""
        row = self._database.connection.execute(f"{_CHATS} AND c.phone = ?", (phone,)).fetchone()
        return None if row is None else self._chat(*row)

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

    def _chat(self, phone: str, messages: int, unread: int, standing: str, name: str | None, muted_until_ms: int,
              pinned: int, archived: int, draft: str, *newest: Any) -> ChatSummary:  # fmt: skip
        return ChatSummary(
            *(phone, messages, unread, Standing(standing), None if newest[0] is None else self._message(*newest)),
            *(name, from_ms(muted_until_ms), bool(pinned), bool(archived), draft),
        )

    def _message(self, message_no: int, phone: str, account: int, state: str, text: str, sent_at_ms: int, reason: str,
                 missing_before: int, place: int, unread: int, about: bytes | None, *file: Any) -> Message:  # fmt: skip
        attachment = None if about is None else self._attachments.shown(message_no, about, *file)
        return Message(
            *(message_no, phone, account == 0, MessageState(state), text, sent_at_ms, reason),
            *(missing_before, place, attachment, bool(unread)),
        )
