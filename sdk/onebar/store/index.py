"""Whether the index of words (index.sql) is there: made where SQLite has FTS5, put away where it has not.

SQLite as it comes with Python has FTS5; one that somebody built for a phone may not. Its triggers would then fail every
message, so a database goes on without them, and is indexed anew once it is opened with FTS5 again.
"""

import sqlite3
from typing import Final

from onebar.store.migrations import statements

_TRIGGERS: Final = ("search_add", "search_remove", "search_change")
# Where words are in FTS5's own tables, which are plain ones without it. Its counters and its list of segments stay
# (rows 1 and 10 of the first): without them the index could not even be dropped.
_WORDS: Final = ("search_data WHERE id > 10", "search_idx")


def has_fts5(connection: sqlite3.Connection) -> bool:
    """Return whether this SQLite can search texts."""
    return connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone() is not None


def fit_index(connection: sqlite3.Connection) -> bool:
    """Make the index or put it away, as this SQLite is; return whether there is one."""
    wanted = has_fts5(connection)
    if _is_wired(connection) == wanted:
        return wanted
    connection.execute("BEGIN IMMEDIATE")  # and look again: another process may have done it
    try:
        if _is_wired(connection) != wanted:
            _make(connection) if wanted else _put_away(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return wanted


def _is_wired(connection: sqlite3.Connection) -> bool:
    row = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?", _TRIGGERS[:1]
    ).fetchone()
    return row is not None


def _make(connection: sqlite3.Connection) -> None:
    """Begin with an empty index: the engine takes all messages in, some in each turn."""
    connection.execute("DROP TABLE IF EXISTS search")
    for statement in statements("index.sql"):
        connection.execute(statement)
    connection.execute("UPDATE search_gap SET up_to = (SELECT COALESCE(max(message_no), 0) FROM message)")


def _put_away(connection: sqlite3.Connection) -> None:
    """Drop the triggers, and the words: nobody would take those of deleted messages out any more."""
    for name in _TRIGGERS:
        connection.execute(f"DROP TRIGGER {name}")
    for place in _WORDS:
        connection.execute(f"DELETE FROM {place}")
