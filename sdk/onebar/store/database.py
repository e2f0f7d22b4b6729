"""The SQLite file: opened with care, upgraded by migrations, one transaction a turn."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from onebar.core.words import indexed
from onebar.crypto.wrapping import KeyVault
from onebar.errors import CommitError, StoreDamagedError, StoreError, StoreTooNewError
from onebar.store.index import fit_index
from onebar.store.migrations import MIGRATIONS, statements

SCHEMA_VERSION: Final = 4
"""What this version writes; `PRAGMA user_version` of the file."""

APPLICATION_ID: Final = 0x1BA2C4A7
"""`PRAGMA application_id` of our files, so that another program's database is not taken for one of ours."""

WRAPPED_SINCE: Final = 2
"""The first schema version whose secrets are wrapped: an older database may need a new key, a newer one has one."""

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a transaction waits for another process's: a commit on a slow phone's flash takes up to a second."""

QUICK_CHECK_BYTES_MAX: Final = 16 * 1024 * 1024
"""Databases up to this size are checked whole when opened (about 50 ms); larger ones where they are read."""

LOG_BYTES_MAX: Final = 1024 * 1024
"""The write-ahead log is emptied beyond this size (R24): it holds what was overwritten, spent keys among it. A smaller
limit would cost a busy phone more fsyncs than its messages do."""

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
    """One connection to a device's database; use it from one thread at a time.

    `find_vault` is called once the file is known to be a database that can be opened, with whether nothing in it is
    wrapped yet. Only the upgrade of such a database uses the vault, and whoever asks for it.
    """

    def __init__(
        self, path: Path | str, *, create: bool = True, find_vault: Callable[[bool], KeyVault] | None = None
    ) -> None:
        self._path = path if path == IN_MEMORY else Path(path)
        version = self._examine(self._path, create=create) if isinstance(self._path, Path) else 0
        self.vault = None if find_vault is None else find_vault(version < WRAPPED_SINCE)
        """What wraps its secrets, if it was asked for."""
        self.searchable = False
        """Whether it has an index of words: SQLite may be built without FTS5."""
        self.connection = self._connect(self.vault)

    @property
    def path(self) -> Path | str:
        """Where it is: a file, or IN_MEMORY."""
        return self._path

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
        if self._log_bytes() > LOG_BYTES_MAX:
            self.checkpoint()

    def _log_bytes(self) -> int:
        try:
            return Path(f"{self._path}-wal").stat().st_size if isinstance(self._path, Path) else 0
        except OSError:
            return 0  # there is none

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file and empty it, so that spent keys leave the disk (R24).

        Call it between transactions, when there is nothing else to do. It never waits.

        Returns:
            Whether it is done; False when another connection is reading or writing, or the disk fails: try again later.
        """
        try:
            self.connection.execute("PRAGMA busy_timeout = 0")
            try:
                busy, *_ = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        except sqlite3.Error:
            return False  # nothing is lost by it; the next transaction tells what is wrong
        return not busy

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
        self.connection = self._connect(self.vault)

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        with suppress(sqlite3.Error):  # a connection that does not even close has nothing more to tell
            self.connection.close()

    def data_version(self) -> int:
        """Return a number that changes whenever another connection has committed."""
        row = self.connection.execute("PRAGMA data_version").fetchone()
        return int(row[0])

    def _examine(self, path: Path, *, create: bool) -> int:
        """Return the schema version of a file that can be opened; 0 if it is new."""
        # Never open() the file of a database that may be in use: closing it again drops all POSIX locks that this
        # process has on it, SQLite's too (sqlite.org, "How To Corrupt An SQLite Database File", §2.2).
        try:
            if not path.exists():
                if not create:
                    raise StoreError(f"{path}: there is no such database")
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # it will hold secret keys
                return 0
            if not path.is_file():
                raise StoreError(f"{path}: this is no file; a database cannot be there")
            size = path.stat().st_size
        except FileExistsError:
            size = 0  # another process has just created it
        except OSError as error:
            raise StoreError(f"{path}: the database cannot be opened or created: {error.strerror}") from error
        return self._read(path, size) if size else 0

    def _read(self, path: Path, size: int) -> int:
        if size < _FILE_BYTES_MIN:  # SQLite takes some tiny files for empty ones and writes over them
            raise StoreDamagedError(f"{path}: this is no SQLite database; it was left untouched")
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return self._check(path, connection)
        except UnicodeDecodeError as error:  # sqlite3 could not even say what is wrong
            raise StoreDamagedError(f"{path}: the database is damaged ({error.reason}); left untouched") from None
        except sqlite3.DatabaseError as error:
            if _code(error) in _OUTSIDE:
                raise StoreError(f"{path}: the database cannot be opened ({error})") from error
            raise StoreDamagedError(f"{path}: the database is damaged ({error}); it was left untouched") from error

    @staticmethod
    def _check(path: Path, connection: sqlite3.Connection) -> int:
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
        return int(version)

    def _connect(self, vault: KeyVault | None) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: the database cannot be opened ({error})") from error
        try:
            add_functions(connection)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")  # D4: what was acknowledged survives a power cut
            connection.execute("PRAGMA secure_delete = ON")  # R24
            if sys.platform == "darwin":
                connection.execute("PRAGMA fullfsync = ON")  # R24: plain fsync stops at the drive's cache there
            _migrate(connection, vault)
            self.searchable = fit_index(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"{self._path}: the database cannot be opened ({error})") from error
        return connection


def add_functions(connection: sqlite3.Connection) -> None:
    """Let a connection run what the schema's triggers call."""
    connection.create_function("onebar_indexed", 1, indexed, deterministic=True)


def _migrate(connection: sqlite3.Connection, vault: KeyVault | None) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # and look again: two processes may open a new database at once
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in statements("schema.sql"):
                connection.execute(statement)
        for step in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
            if vault is None:
                raise StoreError(f"a database of schema {version} is upgraded only with the vault for its secrets")
            MIGRATIONS[step](connection, vault)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was plain in an older version leaves the log, too


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
