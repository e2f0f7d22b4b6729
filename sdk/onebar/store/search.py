"""The full-text index of all messages (SQLite FTS5), and what is found in it.

Triggers of the schema keep it in step with each message, in the same transaction. It holds words and where they stand,
not the texts, and is as readable as the messages themselves are (docs/security.md).
"""

import sqlite3
from typing import Final

from onebar.chats import SearchHit
from onebar.core.words import match_of, spans
from onebar.errors import StoreError
from onebar.store.database import Database
from onebar.store.history import SqliteHistory

_BEHIND_ALL: Final = 2**63 - 1  # SQLite's largest number


class SqliteSearch:
    """`core.chat_ports.SearchIndex` on a database, and the reader's side of it."""

    def __init__(self, database: Database, history: SqliteHistory) -> None:
        self._database = database
        self._history = history

    def catch_up(self, limit: int) -> bool:
        """Take some older messages into the index, the newest of them first; return whether there are more."""
        if not self._database.searchable:
            return False
        execute = self._database.connection.execute
        (up_to,) = execute("SELECT up_to FROM search_gap").fetchone()
        if not up_to:
            return False
        row = execute(
            "SELECT message_no FROM message WHERE message_no <= ? ORDER BY message_no DESC LIMIT 1 OFFSET ?",
            (up_to, limit - 1),
        ).fetchone()
        first = 1 if row is None else row[0]
        execute(
            "INSERT INTO search (rowid, text, chat) SELECT message_no, onebar_indexed(text), chat_id FROM message"
            " WHERE message_no BETWEEN ? AND ? AND text <> '' ORDER BY message_no",
            (first, up_to),
        )
        execute("UPDATE search_gap SET up_to = ?", (first - 1,))
        return bool(first > 1)

    def hits(self, query: str, phone: str | None, limit: int, before: int | None = None) -> list[SearchHit]:
        """Return the newest messages that have all words of a query, the newest one first.

        Raises:
            StoreError: This SQLite cannot search.
        """
        if not self._database.searchable:
            raise StoreError(
                f"search needs SQLite with FTS5, and SQLite {sqlite3.sqlite_version} here was built without it: build"
                " it with -DSQLITE_ENABLE_FTS5; everything else works"
            )
        match = match_of(query)
        if not match:
            return []
        execute = self._database.connection.execute
        if phone is not None:
            row = execute("SELECT chat_id FROM chat WHERE phone = ?", (phone,)).fetchone()
            if row is None:
                return []
            match = f'chat : "{row[0]}" AND text : ({match})'
        else:
            match = f"text : ({match})"
        rows = execute(
            "SELECT rowid FROM search WHERE search MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
            (match, _BEHIND_ALL if before is None else before, limit),
        )
        found = [self._history.message(row[0]) for row in rows.fetchall()]
        return [SearchHit(message, spans(message.text, query)) for message in found if message is not None]
