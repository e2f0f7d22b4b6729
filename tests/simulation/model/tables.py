"""A database as a value: all rows of all its tables, which can be read and put back."""

import sqlite3

Rows = tuple[tuple[tuple[object, ...], ...], ...]


class Tables:
    """The tables of one connection. Putting back changes only those that differ, so that it costs microseconds."""

    def __init__(self, connection: sqlite3.Connection, passing: tuple[str, ...] = ()) -> None:
        """Take the tables of a connection; those that are only `passing` are emptied, so that states stay few."""
        self._connection = connection
        # The words for searching follow the messages by triggers, in tables of their own kinds.
        found = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name"
        ).fetchall()
        self._names = [name for (name,) in found]
        self._passing = passing
        self._current = self.read()

    def read(self) -> Rows:
        """Return all rows."""
        execute = self._connection.execute
        for name in self._passing:
            execute(f"DELETE FROM {name}")
            execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        self._current = tuple(tuple(execute(f"SELECT * FROM {name}").fetchall()) for name in self._names)
        return self._current

    def put(self, rows: Rows) -> None:
        """Make the database hold these rows."""
        self._connection.execute("BEGIN")
        for name, wanted, current in zip(self._names, rows, self._current, strict=True):
            if wanted != current:
                self._connection.execute(f"DELETE FROM {name}")
                marks = ", ".join("?" * len((wanted or current)[0]))
                self._connection.executemany(f"INSERT INTO {name} VALUES ({marks})", wanted)
        self._connection.execute("COMMIT")
        self._current = rows
