"""A file that cannot be used is refused with the reason, and stays as it was."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.errors import StoreDamagedError, StoreError, StoreTooNewError
from onebar.store import open_store
from onebar.store.database import SCHEMA_VERSION
from tests.sdk.store.conftest import send


def files(path: Path) -> dict[str, bytes]:
    """The database and its log, byte for byte. Every reader makes an index and an empty log; they mean nothing."""
    found = {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}
    return {name: data for name, data in found.items() if data}


def refuses(path: Path, kind: type[StoreError]) -> str:
    """Opening raises exactly this, names the file, and changes no byte."""
    before = files(path)
    with pytest.raises(StoreError) as raised:
        open_store(path)
    assert type(raised.value) is kind
    assert str(path) in str(raised.value)
    assert files(path) == before
    return str(raised.value)


def test_a_later_versions_database_is_left_alone(used: Path) -> None:
    with closing(sqlite3.connect(used)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    problem = refuses(used, StoreTooNewError)
    assert "upgrade Onebar" in problem
    assert f"schema {SCHEMA_VERSION + 1}" in problem


def test_a_later_version_that_only_the_log_knows_of_is_seen_and_left_alone(path: Path, tmp_path: Path) -> None:
    """The phone crashed after an upgrade: the main file still says the old version, the log the new one."""
    store = open_store(path)
    store._database.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    copy = tmp_path / "crashed" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    store.close()
    assert len(files(copy)) == 2
    refuses(copy, StoreTooNewError)


@pytest.mark.parametrize("version", [0, -1, -(2**31)])
def test_a_version_that_never_was_is_damage(used: Path, version: int) -> None:
    with closing(sqlite3.connect(used)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    refuses(used, StoreDamagedError)


@pytest.mark.parametrize("application_id", [0, 1])
def test_another_programs_database_is_left_alone(path: Path, application_id: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute(f"PRAGMA application_id = {application_id}")
    assert "another program's" in refuses(path, StoreDamagedError)


@pytest.mark.parametrize("data", [b"x", b"SQLite format 3", b"\0" * 4096, b"<html>captive portal</html>" * 99])
def test_garbage_is_left_alone(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    refuses(path, StoreDamagedError)


@pytest.mark.parametrize("kept", [16, 99, 512, 4096, 4097, 3 * 4096])
def test_a_truncated_file_is_damage(used: Path, kept: int) -> None:
    used.write_bytes(used.read_bytes()[:kept])
    refuses(used, StoreDamagedError)


def test_a_torn_page_is_damage(used: Path) -> None:
    data = bytearray(used.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    used.write_bytes(data)
    refuses(used, StoreDamagedError)


def test_a_name_in_the_schema_that_is_no_utf_8_is_damage(used: Path) -> None:
    """sqlite3 raises UnicodeDecodeError for it, which is none of its own errors."""
    content = used.read_bytes()
    assert content.count(b"CREATE TABLE chat") == 1
    used.write_bytes(content.replace(b"CREATE TABLE chat", b"CREATE TABLE \xc9hat"))
    refuses(used, StoreDamagedError)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bytes_are_refused_or_harmless_but_never_another_exception(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped" / "onebar.db"
    path.parent.mkdir(exist_ok=True)
    for old in path.parent.iterdir():
        old.unlink()
    content = bytearray(_pristine(tmp_path_factory))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 200) | st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    problem: StoreError | None = None
    try:
        open_store(path).close()
    except StoreError as error:
        problem = error
    assert problem is None or str(path) in str(problem)
    if isinstance(problem, StoreDamagedError | StoreTooNewError):
        assert path.read_bytes() == bytes(content)


def _pristine(factory: pytest.TempPathFactory) -> bytes:
    path = factory.getbasetemp() / "pristine.db"
    if not path.exists():
        store = open_store(path)
        with store.transaction():
            for no in range(20):
                send(store, f"text {no}")
        store.close()
    return path.read_bytes()


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    refuses_path = tmp_path / "no" / "onebar.db"
    with pytest.raises(StoreError, match=str(refuses_path)) as raised:
        open_store(refuses_path)
    assert type(raised.value) is StoreError
    assert not refuses_path.parent.exists()


def test_a_missing_database_is_not_made_unless_wanted(path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        open_store(path, create=False)
    assert not path.exists()


def test_a_folder_in_its_place_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no file") as raised:
        open_store(tmp_path)
    assert type(raised.value) is StoreError


def test_a_path_through_a_file_is_a_store_error(used: Path) -> None:
    with pytest.raises(StoreError, match=str(used)):
        open_store(used / "onebar.db")


def _as_nobody(script: str, *arguments: str) -> str:
    """Run a script without any rights, if we have the right to; the superuser is never refused anything."""
    if os.geteuid() == 0:
        script = f"import onebar.store, os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n{script}"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


OPEN_AND_TELL = """
import sys
from onebar.store import open_store
try:
    open_store(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_may_not_be_written_is_no_damage(used: Path) -> None:
    before = files(used)
    for parent in [used.parent, *used.parent.parents][:3]:
        parent.chmod(0o755)
    used.chmod(0o644)
    used.parent.chmod(0o555)
    told = [_as_nobody(OPEN_AND_TELL, str(used)), _as_nobody(OPEN_AND_TELL, str(used.parent / "new.db"))]
    used.chmod(0o000)
    told.append(_as_nobody(OPEN_AND_TELL, str(used)))
    used.parent.chmod(0o700)
    used.chmod(0o600)
    assert [line.split()[0] for line in told] == ["StoreError"] * 3, told
    assert str(used) in told[0]
    assert files(used) == before
