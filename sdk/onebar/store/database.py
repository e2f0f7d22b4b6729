"""The SQLite file: opened with care, upgraded by migrations, one transaction a turn."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from onebar.errors import CommitError, StoreDamagedError, StoreError, StoreTooNewError

SCHEMA_VERSION: Final = 1
"""What this version writes; `PRAGMA user_version` of the file."""

APPLICATION_ID: Final = 0x1BA2C4A7
"""`PRAGMA application_id` of our files, so that another program's database is not taken for one of ours."""

MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {}
"""From each older schema version to the next one; every version ever released stays readable."""

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a transaction waits for another process's: a commit on a slow phone's flash takes up to a second."""

QUICK_CHECK_BYTES_MAX: Final = 16 * 1024 * 1024
"""Databases up to this size are checked whole when opened (about 50 ms); larger ones where they are read."""

IN_MEMORY: Final = ":memory:"
"""Name of a database that lives in memory, for tests."""

_FILE_BYTES_MIN: Final = 512  # SQLite's smallest page
_RETRY_S: Final = 0.005  # between two tries of what SQLite's own busy timeout does not cover
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OUTSIDE: Final = _BUSY | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}  # errors that say nothing about what is in the file


class Database:
    """One connection to a device's database; use it from one thread at a time."""

    def __init__(self, path: Path | str, *, create: bool = True) -> None:
        self._path = path if path == IN_MEMORY else Path(path)
        if isinstance(self._path, Path):
            self._examine(self._path, create=create)
        self.connection = self._connect()

    def __repr__(self) -> str:
        """Show where it is."""
        return f"<Database {self._path}>"

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction; it commits at the end and rolls back on any exception.

        Raises:
            CommitError: The commit failed: what it held is unknown until `reopen`.
            StoreError: The transaction could not begin.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: no transaction could begin ({error}); is the disk full?") from error
        try:
            yield
        except BaseException as error:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself, when the disk is full
                self.connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
                raise StoreError(f"{self._path}: {error}") from error  # the disk or the file, not what was written
            raise
        self._commit()

    def _commit(self) -> None:
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise CommitError(f"{self._path}: a commit failed ({error})") from error

    def reopen(self) -> None:
        """Close and open the connection, after a failed commit.

        Raises:
            StoreError: It cannot be opened any more.
        """
        if self._path == IN_MEMORY:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            return
        self.close()
        self.connection = self._connect()

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        with suppress(sqlite3.Error):  # a connection that does not even close has nothing more to tell
            self.connection.close()

    def data_version(self) -> int:
        """Return a number that changes whenever another connection has committed."""
        row = self.connection.execute("PRAGMA data_version").fetchone()
        return int(row[0])

    def _examine(self, path: Path, *, create: bool) -> None:
        # Never open() the file of a database that may be in use: closing it again drops all POSIX locks that this
        # process has on it, SQLite's too (sqlite.org, "How To Corrupt An SQLite Database File", §2.2).
        try:
            if not path.exists():
                if not create:
                    raise StoreError(f"{path}: there is no such database")
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # it will hold secret keys
                return
            if not path.is_file():
                raise StoreError(f"{path}: this is no file; a database cannot be there")
            size = path.stat().st_size
        except FileExistsError:
            size = 0  # another process has just created it
        except OSError as error:
            raise StoreError(f"{path}: the database cannot be opened or created: {error.strerror}") from error
        if size:
            self._read(path, size)

    def _read(self, path: Path, size: int) -> None:
        if size < _FILE_BYTES_MIN:  # SQLite takes some tiny files for empty ones and writes over them
            raise StoreDamagedError(f"{path}: this is no SQLite database; it was left untouched")
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                self._check(path, connection)
        except UnicodeDecodeError as error:  # sqlite3 could not even say what is wrong
            raise StoreDamagedError(f"{path}: the database is damaged ({error.reason}); left untouched") from None
        except sqlite3.DatabaseError as error:
            if _code(error) in _OUTSIDE:
                raise StoreError(f"{path}: the database cannot be opened ({error})") from error
            raise StoreDamagedError(f"{path}: the database is damaged ({error}); it was left untouched") from error

    @staticmethod
    def _check(path: Path, connection: sqlite3.Connection) -> None:
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application_id != APPLICATION_ID and (application_id or tables):
            raise StoreDamagedError(f"{path}: this is another program's database; it was left untouched")
        if version > SCHEMA_VERSION:
            raise StoreTooNewError(
                f"{path}: written by a later version of Onebar (schema {version}, this one knows {SCHEMA_VERSION});"
                " upgrade Onebar; the database was left untouched"
            )
        if version < 0 or (version == 0 and tables):
            raise StoreDamagedError(f"{path}: the database is damaged (schema {version}); it was left untouched")
        if path.stat().st_size <= QUICK_CHECK_BYTES_MAX:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise StoreDamagedError(f"{path}: the database is damaged ({verdict}); it was left untouched")

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: the database cannot be opened ({error})") from error
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")  # D4: what was acknowledged survives a power cut
            connection.execute("PRAGMA secure_delete = ON")  # R24
            if sys.platform == "darwin":
                connection.execute("PRAGMA fullfsync = ON")  # R24: plain fsync stops at the drive's cache there
            self._migrate(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"{self._path}: the database cannot be opened ({error})") from error
        return connection

    @staticmethod
    def _migrate(connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")  # and look again: two processes may open a new database at once
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _statements():
                    connection.execute(statement)
            for step in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
                MIGRATIONS[step](connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; errors of the Python module itself have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; two processes may do it at once, and the busy timeout does not apply to it."""
    until_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() >= until_s:
                raise
            time.sleep(_RETRY_S)
        else:
            return


def _statements() -> list[str]:
    """Split the schema; `executescript` would commit on its own."""
    from importlib import resources  # 5 ms that only a new database needs

    script = resources.files("onebar.store").joinpath("schema.sql").read_text("utf-8")
    statements, lines = [], ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines)
            lines = ""
    return statements
