"""`check` looks at a whole folder: the mail, the blobs and their files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onebar_mockserver.blob_files import FOLDER_NAME, FileBlobs
from onebar_mockserver.blobs import BlobLimits
from onebar_mockserver.checking import check
from onebar_mockserver.sqlite import DatabaseError
from onebar_mockserver.sqlite.database import FILE_NAME, open_database

BLOB = "ab" * 16


async def fill(data: Path) -> Path:
    """Make a data folder with one blob, of which 4 of 6 bytes are durable; return the blob's file."""
    data.mkdir(exist_ok=True)
    open_database(data / FILE_NAME).close()
    blobs = FileBlobs(data / FOLDER_NAME, BlobLimits(disk_reserve_bytes=0), lambda: BLOB)
    await blobs.open()
    await blobs.create(1, 6, 1, 0)
    await blobs.write(BLOB, 0, b"four")
    await blobs.commit(BLOB, 4, 0)
    await blobs.close()
    return data / FOLDER_NAME / BLOB[:2] / BLOB


async def test_a_sound_folder_is_left_as_it_is(tmp_path: Path) -> None:
    await fill(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    found = check(tmp_path)
    assert (found.problems, found.counts["blobs"], found.counts["devices"]) == ([], 1, 0)
    assert sorted(tmp_path.rglob("*")) == before


async def test_a_blob_that_lost_bytes_or_its_file(tmp_path: Path) -> None:
    file = await fill(tmp_path)
    file.write_bytes(b"for")
    assert check(tmp_path).problems == ["a blob's file has 3 bytes of 4 that were acknowledged"]
    file.unlink()
    assert check(tmp_path).problems == ["a blob's file has 0 bytes of 4 that were acknowledged"]


def test_what_is_no_database_of_ours(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"there is no onebar\.sqlite3"):
        check(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE other (x)")
    assert check(tmp_path).problems == [f"{tmp_path / FILE_NAME} is not an Onebar database"]
    (tmp_path / FILE_NAME).write_bytes(b"damaged" * 1000)
    assert "the database is damaged: file is not a database" in check(tmp_path).problems[0]


def test_another_version_is_not_judged(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "has version 99, this program checks" in check(tmp_path).problems[0]
