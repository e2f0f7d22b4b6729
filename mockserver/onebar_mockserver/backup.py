"""Copies of a data folder: made while the server runs, and put back as a new epoch (R21).

The order is what makes a copy whole. Mail goes first, then the rows of the blobs, then their files. Every attachment
that the copied mail speaks of was there before the mail was, and is therefore in the rows, unless its recipients have
fetched it meanwhile; and of every row the file has at least the bytes that the row counts, since files only grow. A
blob that is dropped in between loses its row in the copy.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from onebar_mockserver import blob_files, blob_rows
from onebar_mockserver.checking import check
from onebar_mockserver.sqlite.database import FILE_NAME, open_database
from onebar_mockserver.sqlite.epochs import mint_epochs

UNFINISHED: Final = ".unfinished"
"""Ends the name of a copy that is being made: what bears its own name is whole."""


class BackupError(Exception):
    """A copy cannot be made or put back; the text says why and what to do."""


def backup(data: Path, destination: Path) -> str:
    """Copy the data of a server, running or not, into a new folder, and verify the copy; return what was copied.

    Raises:
        BackupError: The source is no data folder or another user's, or the destination is there already.
        DatabaseError: The source cannot be read.
    """
    if not (data / FILE_NAME).is_file():
        raise BackupError(f"there is no {FILE_NAME} in {data}; name the folder that was given as --data")
    owner = (data / FILE_NAME).stat().st_uid
    if owner != os.geteuid():
        raise BackupError(
            f"{data} belongs to user {owner}, and this is user {os.geteuid()}: files that SQLite makes beside the"
            " database would lock its server out; run this as the server's user"
        )
    return _made(destination, lambda copy: _copy(data, copy))


def restore(copy: Path, data: Path) -> str:
    """Make a data folder of a backup, with a new epoch of every mailbox; return what was restored.

    Raises:
        BackupError: The backup is none or damaged, or the folder is there already.
        DatabaseError: The backup cannot be read.
    """
    if not (copy / FILE_NAME).is_file():
        raise BackupError(f"there is no {FILE_NAME} in {copy}; name a folder that `backup` made")

    def make(folder: Path) -> None:
        _copy(copy, folder)
        with closing(open_database(folder / FILE_NAME)) as connection:
            mint_epochs(connection)

    return _made(data, make) + "; every mailbox has a new epoch"


def _made(folder: Path, make: Callable[[Path], None]) -> str:
    """Fill a new folder, verify it, flush it, and only then give it its name."""
    if folder.exists():
        raise BackupError(f"{folder} is there already; name a folder that is not, or move it away")
    unfinished = folder.with_name(folder.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)  # of an attempt that was killed
    try:
        unfinished.mkdir(mode=0o700, parents=True)
        make(unfinished)
        found = check(unfinished)
        if found.problems:
            raise BackupError(
                f"the copy is damaged: {found.problems[0]}; look with onebar-mockserver check at the source"
            )
        for path in (*unfinished.rglob("*"), unfinished):
            _flush(path)
        unfinished.rename(folder)
        _flush(folder.absolute().parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{folder} cannot be made: {error}") from error
    finally:  # a failure each hour must not fill the disk
        shutil.rmtree(unfinished, ignore_errors=True)
    return f"{folder} has {' '.join(f'{name}={count}' for name, count in found.counts.items())}"


def _copy(source: Path, copy: Path) -> None:
    _copy_database(source / FILE_NAME, copy / FILE_NAME)
    blobs, copied = source / blob_files.FOLDER_NAME, copy / blob_files.FOLDER_NAME
    if blobs.is_dir():
        copied.mkdir(mode=0o700)
        _copy_database(blobs / blob_rows.FILE_NAME, copied / blob_rows.FILE_NAME)
        _copy_files(blobs, copied)


def _copy_database(source: Path, copy: Path) -> None:
    """Copy one moment of a database: the reader's snapshot holds however long it takes, and stops no writer."""
    uri = f"{source.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode = DELETE")  # a backup is one file
    copy.chmod(0o600)


def _copy_files(blobs: Path, copied: Path) -> None:
    with closing(sqlite3.connect(copied / blob_rows.FILE_NAME)) as connection:
        for (blob_id,) in connection.execute("SELECT id FROM blobs").fetchall():
            (copied / blob_id[:2]).mkdir(mode=0o700, exist_ok=True)
            try:
                shutil.copyfile(blobs / blob_id[:2] / blob_id, copied / blob_id[:2] / blob_id)
            except FileNotFoundError:  # dropped since the rows were copied
                connection.execute("DELETE FROM blobs WHERE id = ?", (blob_id,))
                connection.execute("DELETE FROM downloads WHERE id = ?", (blob_id,))
        connection.commit()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
