"""`onebar-mockserver check`: whether a data folder, or a backup of one, is what a server can go on from."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from onebar_mockserver import blob_files, blob_rows
from onebar_mockserver.sqlite.database import APPLICATION_ID, FILE_NAME, MIGRATIONS, DatabaseError
from onebar_mockserver.sqlite.invariants import broken


@dataclass
class Findings:
    """What a check has seen."""

    counts: dict[str, int] = field(default_factory=dict)
    """Rows that were looked at."""
    problems: list[str] = field(default_factory=list)
    """What is wrong, in words."""


def check(data: Path) -> Findings:
    """Look at everything in the folder, and change nothing; a server may be running on it.

    Raises:
        DatabaseError: There is no database, or it cannot be opened at all.
    """
    if not (data / FILE_NAME).is_file():
        raise DatabaseError(f"there is no {FILE_NAME} in {data}; name the folder that was given as --data")
    found = Findings()
    try:
        with closing(open_to_read(data / FILE_NAME)) as connection:
            connection.execute("BEGIN")  # one moment, whatever a running server does meanwhile
            _check_owner(connection, data / FILE_NAME, found)
            if not found.problems:
                found.problems += broken(connection)
                for table in ("accounts", "devices", "entries"):
                    found.counts[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        folder = data / blob_files.FOLDER_NAME
        if folder.is_dir():
            found.problems += _check_blobs(folder, found)
    except sqlite3.Error as error:
        found.problems.append(f"the database is damaged: {error}; restore a backup")
    return found


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a database that a server may have open; without one, leave no files beside it."""
    beside = path.with_name(path.name + "-wal").exists()
    mode = "mode=ro" if beside else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)


def _check_owner(connection: sqlite3.Connection, path: Path, found: Findings) -> None:
    version, owner = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("user_version", "application_id")
    )
    if owner != APPLICATION_ID:
        found.problems.append(f"{path} is not an Onebar database")
    elif version != len(MIGRATIONS):
        found.problems.append(
            f"{path} has version {version}, this program checks {len(MIGRATIONS)}: let the server of its own version"
            " check it, or start this one once, which brings an older database up to date"
        )


def _check_blobs(folder: Path, found: Findings) -> Iterator[str]:
    with closing(open_to_read(folder / blob_rows.FILE_NAME)) as connection:
        for (line,) in connection.execute("PRAGMA integrity_check(5)"):
            if line != "ok":
                yield f"SQLite: {line} in {blob_rows.FILE_NAME}"
        rows = connection.execute("SELECT id, length, durable FROM blobs").fetchall()
    found.counts["blobs"] = len(rows)
    for blob_id, length, durable in rows:
        path = folder / blob_id[:2] / blob_id
        there = path.stat().st_size if path.exists() else -1
        if durable > length:
            yield f"a blob has {durable} durable bytes of {length}"
        if there < durable and (there >= 0 or _still(folder, blob_id)):
            yield f"a blob's file has {max(there, 0)} bytes of {durable} that were acknowledged"


def _still(folder: Path, blob_id: str) -> bool:
    """Whether a blob is there yet: a running server drops the row before the file."""
    with closing(open_to_read(folder / blob_rows.FILE_NAME)) as connection:
        return connection.execute("SELECT 1 FROM blobs WHERE id = ?", (blob_id,)).fetchone() is not None
