"""Opening: our file and version, undamaged, one process; or a clear error that leaves the file alone."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from onebar.core.frames import Stock
from onebar.core.questions import Bundle, Publish
from onebar_mockserver.ports import Registered
from onebar_mockserver.sqlite import database, registry
from onebar_mockserver.sqlite.database import FILE_NAME, DatabaseError, lock_directory, open_database
from tests.mockserver.signer import Signer
from tests.mockserver.sqlite.setting import Setting, keys


def test_durability_is_switched_on(tmp_path: Path) -> None:
    connection = open_database(tmp_path / FILE_NAME)
    values = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
    }
    connection.close()
    assert values == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}


def test_it_opens_again(tmp_path: Path) -> None:
    for _ in range(2):
        open_database(tmp_path / FILE_NAME).close()


def test_an_older_version_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        connection = open_database(tmp_path / FILE_NAME)
        connection.execute("INSERT INTO accounts (phone) VALUES ('+491')")
        connection.close()
    connection = open_database(tmp_path / FILE_NAME)
    assert connection.execute("SELECT phone, replaced_count FROM accounts").fetchall() == [("+491", 0)]
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(database.MIGRATIONS) > 1
    connection.close()


def test_a_database_without_prekeys_gets_room_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE_NAME
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", database.MIGRATIONS[:3])
        connection = open_database(path)
        connection.execute("INSERT INTO accounts (phone) VALUES ('+491')")
        for removed in (1, 0):
            insert = (
                "INSERT INTO devices (account, identity_key, box_key, key_signature, removed) VALUES (1, ?, ?, ?, ?)"
            )
            connection.execute(insert, (*keys(1), removed))
        connection.executemany("INSERT INTO positions (device) VALUES (?)", [(1,), (2,)])
        connection.close()
    setting = Setting(path)
    phone = Registered(1, 2)
    assert setting.row(2).position.mark == 0
    assert setting.attached(2).stock == Stock()
    assert registry.identities(setting.connection, [1, 2]).keys() == {1, 2}, "neither waits for a certificate"
    assert (setting.info(Registered(1, 1)).removed, setting.info(phone).removed) == (True, False)
    everything = Publish(Signer(1).sign({2: keys(1)}), b"bundle", 1, ((1, b"x"),), ((2, b"k"),))
    assert setting.publish(phone, everything) == Stock(1, 1, 1, 1)
    assert setting.bundle(phone, phone) == Bundle(b"bundle", b"x", b"k")
    setting.connection.close()


def refused(path: Path, part: str, *, whole: bool = False) -> None:
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match=part):
        open_database(path, whole=whole)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    connection = open_database(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused(path, "version 99")


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is not a database" * 100)
    refused(path, "damaged")


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    open_database(path).close()
    os.truncate(path, path.stat().st_size - 4096)
    refused(path, "damaged")


def test_a_damaged_page_is_refused_by_whoever_looks_through_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    open_database(path).close()
    content = bytearray(path.read_bytes())
    content[4096:8192] = os.urandom(4096)
    path.write_bytes(content)
    refused(path, "damaged", whole=True)


def test_a_start_takes_no_longer_where_more_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE_NAME
    open_database(path).close()
    steps: list[int] = []

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = plainly(*args, **kwargs)
        made.set_progress_handler(lambda: steps.append(1), 100)
        return made

    def cost(*, whole: bool = False) -> int:
        steps.clear()
        open_database(path, whole=whole).close()
        return len(steps)

    plainly = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    empty = cost()
    with closing(open_database(path)) as connection:
        rows = [(1, seq, 1, 1, 1, seq, 0, 0, b"x" * 1000) for seq in range(1, 2001)]
        connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    assert cost() == empty
    assert cost(whole=True) > 10 * empty


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    refused(path, "not an Onebar database")


def test_a_directory_serves_one_process(tmp_path: Path) -> None:
    descriptor = lock_directory(tmp_path / "data")
    with pytest.raises(DatabaseError, match="in use"):
        lock_directory(tmp_path / "data")
    os.close(descriptor)
    os.close(lock_directory(tmp_path / "data"))


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="cannot use"):
        lock_directory(tmp_path / "file" / "data")


def test_what_a_power_cut_left_of_the_first_start_is_a_new_database(tmp_path: Path) -> None:
    """Its first page is written before the first script is committed."""
    path = tmp_path / "onebar.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size > 0
    open_database(path).close()
    open_database(path).close()


def test_a_new_data_folder_is_of_nobody_else(tmp_path: Path) -> None:
    os.close(lock_directory(tmp_path / "data"))
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
