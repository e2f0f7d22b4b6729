"""Opening the database file: one process, a known version, no damage; else a clear error, the file untouched.

A start does not look through the whole file: that takes 10 s for a gigabyte, while nobody can connect, and finds
nothing that a crash or a power cut can do, which the log of SQLite undoes. A disk that forgets is found by each
backup, by `onebar-mockserver check`, and by the engine, which looks through the file as soon as a statement has met
the damage.
"""

import fcntl
import os
import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final

FILE_NAME: Final = "onebar.sqlite3"
"""The database's name in the data directory."""

LOCK_NAME: Final = "onebar.lock"
"""The file whose lock says that a process uses the directory."""

APPLICATION_ID: Final = 0x4F4E4542
"""Marks the file as ours ("ONEB"), so that another program's database is not taken for it."""

BUSY_MS: Final = 5_000
"""Patience with a reader of the file, such as a backup, before a statement fails."""

MIGRATIONS: Final[tuple[str, ...]] = ("schema.sql", "replacements.sql", "strangers.sql", "published.sql")
"""Scripts in order; the database's version is how many of them it has seen."""


class DatabaseError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


def lock_directory(data: Path) -> int:
    """Create and lock the data directory for this process; return the lock's file descriptor.

    Raises:
        DatabaseError: Another process uses it, or it cannot be written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # of nobody else's business, whatever the umask
        descriptor = os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseError(f"cannot use {data} for data: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DatabaseError(f"{data} is in use by another onebar-mockserver; stop it or choose --data") from error
    return descriptor


def open_database(path: Path, *, whole: bool = False) -> sqlite3.Connection:
    """Open or create the database, for the calling thread only.

    Args:
        path: The file.
        whole: Look through all of it for damage first.

    Raises:
        DatabaseError: The file is damaged, not ours, or written by a newer version. It is left as it is.
    """
    if path.exists() and path.stat().st_size > 0:
        _check(path, "PRAGMA quick_check(1)" if whole else "SELECT 'ok'")
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _configure(connection)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot open {path}: {error}") from error
    return connection


def _check(path: Path, look: str) -> None:
    """Look before anything is written: opening read-write would already touch the file."""
    try:
        # Without a log to read, "immutable" leaves no files beside it; nobody else has it open.
        log = path.with_name(path.name + "-wal")
        mode = "mode=ro" if log.exists() else "immutable=1"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
        try:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            problem = str(connection.execute(look).fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} is damaged: {error}; restore it from a backup") from error
    if problem != "ok":
        raise DatabaseError(f"{path} is damaged: {problem}; restore it from a backup")
    if not (owner or version or tables):  # the power was cut before the first script of the first start was committed
        return
    if owner != APPLICATION_ID:
        raise DatabaseError(f"{path} is not an Onebar database; choose another --data")
    if version > len(MIGRATIONS):
        raise DatabaseError(f"{path} has version {version}, this server knows up to {len(MIGRATIONS)}; upgrade it")


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # D9: an acknowledged submit is on the disk
    connection.execute("PRAGMA secure_delete = ON")  # acknowledged mail leaves the disk
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(connection: sqlite3.Connection) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number, name in enumerate(MIGRATIONS[version:], version + 1):
        script = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number};\nCOMMIT;"
        )
