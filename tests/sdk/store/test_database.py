"""Whatever fails or dies, the database keeps all that was committed and nothing else."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from onebar.crypto.wrapping import KeyVault
from onebar.errors import CommitError, StoreError
from onebar.store import database as database_module
from onebar.store import open_store
from onebar.store.database import APPLICATION_ID, IN_MEMORY, SCHEMA_VERSION, Database
from onebar.store.migrations import MIGRATIONS, Migration
from tests.sdk.store.conftest import send, texts

KILLED_IN_MID_TURN = """
import os, signal, sys
from onebar.store import open_store
store = open_store(sys.argv[1])
for text in ("one", "two"):
    with store.transaction():
        store.outbox.add("+4915112345672", text, None, 1, 1)
with store.transaction():
    for no in range(2000):  # enough to spill pages into the log before the commit
        store.outbox.add("+4915112345672", "lost" * 100, None, 1, 1)
    print("in the middle", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

OPENED_BY_MANY = """
import sys
from onebar.store import open_store
sys.stdin.readline()
store = open_store(sys.argv[1])
with store.transaction():
    store.outbox.add("+4915112345672", "hi", None, 1, 1)
store.close()
"""


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database(path)
    yield opened
    opened.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_nobody_else_can_read_the_keys_in_it_or_in_its_log(path: Path) -> None:
    store = open_store(path)
    with store.transaction():
        send(store)
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "onebar.db": 0o600,
        "onebar.db-wal": 0o600,
        "onebar.db-shm": 0o600,
        "onebar.db.key": 0o600,
    }
    store.close()


def test_what_it_promises_about_power_cuts_and_spent_keys_is_switched_on(database: Database) -> None:
    def pragma(name: str) -> object:
        return database.connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("secure_delete")) == ("wal", 2, 1)
    assert (pragma("application_id"), pragma("user_version")) == (APPLICATION_ID, SCHEMA_VERSION)
    assert pragma("busy_timeout") == database_module.BUSY_TIMEOUT_MS


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_kill_9_in_mid_turn_leaves_the_last_committed_state(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_IN_MID_TURN, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "in the middle\n"), done.stderr
    assert texts(path) == ["one", "two"]


@pytest.mark.process
def test_processes_that_open_a_new_database_at_once_all_succeed(path: Path) -> None:
    command = [sys.executable, "-c", OPENED_BY_MANY, str(path)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in running] == [""] * 4
    assert len(texts(path)) == 4


def test_threads_that_open_a_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    """Switching to the write-ahead log fails at once when another connection does the same."""
    errors: list[BaseException] = []

    def open_one(path: Path, barrier: threading.Barrier) -> None:
        try:
            barrier.wait()
            open_store(path).close()
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            errors.append(error)

    for no in range(30):
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=open_one, args=(tmp_path / f"{no}.db", barrier)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_busy_database_is_no_damage(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 20)
    first, second = Database(used), Database(used)
    with first.transaction():
        with pytest.raises(StoreError, match="locked") as raised, second.transaction():
            pytest.fail("two transactions at once")
        assert type(raised.value) is StoreError
    with second.transaction():
        pass
    first.close()
    second.close()


class Failing:
    """A connection whose commits fail, before or after they took effect."""

    def __init__(self, real: sqlite3.Connection, *, did_commit: bool) -> None:
        self._real = real
        self._did_commit = did_commit

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            if self._did_commit:
                self._real.execute(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(sql, *values)  # type: ignore[arg-type]

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize("did_commit", [False, True])
def test_after_a_failed_commit_what_is_there_is_what_is_on_disk(used: Path, did_commit: bool) -> None:
    store = open_store(used)
    store._database.connection = Failing(store._database.connection, did_commit=did_commit)  # type: ignore[assignment]
    with pytest.raises(CommitError, match=str(used)), store.transaction():
        send(store, "unknown")
    store.reopen()
    with store.transaction():
        send(store, "after")
    found = [message.text for message in store.outbox_messages()]
    assert found == (["kept", "unknown", "after"] if did_commit else ["kept", "after"])
    store.close()


def test_a_failed_commit_in_memory_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(IN_MEMORY)
    real = store._database.connection
    store._database.connection = Failing(real, did_commit=False)  # type: ignore[assignment]
    with pytest.raises(CommitError), store.transaction():
        send(store)
    store._database.connection = real
    store.reopen()
    assert store.outbox_messages() == []
    store.close()


def test_a_full_disk_fails_the_turn_and_nothing_else(used: Path) -> None:
    store = open_store(used)
    connection = store._database.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full") as raised, store.transaction():
        send(store, "x" * 10_000_000)
    assert type(raised.value) is StoreError
    connection.execute("PRAGMA max_page_count = 100000")
    with store.transaction():
        send(store, "after")
    assert [message.text for message in store.outbox_messages()] == ["kept", "after"]
    store.close()


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_is_raised_in_a_turn_passes_through_and_undoes_it(database: Database, error: BaseException) -> None:
    def turn() -> None:
        with database.transaction():
            database.connection.execute("INSERT INTO unopened VALUES (1)")
            raise error

    with pytest.raises(type(error)):
        turn()
    with database.transaction():
        assert database.connection.execute("SELECT count(*) FROM unopened").fetchone() == (0,)


def test_a_defect_in_our_sql_is_not_taken_for_a_broken_disk(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError), database.transaction():
        database.connection.execute("INSERT INTO unopened VALUES (1), (1)")


def test_a_turn_inside_a_turn_is_refused_and_the_outer_one_undone(database: Database) -> None:
    with pytest.raises(StoreError), database.transaction(), database.transaction():
        pytest.fail("two transactions on one connection")
    assert not database.connection.in_transaction


def test_closing_twice_is_fine_and_a_closed_database_says_so(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(StoreError), database.transaction():
        pytest.fail("a transaction on a closed connection")


def break_schema(connection: sqlite3.Connection, vault: KeyVault) -> None:
    connection.execute("CREATE TABLE half (x)")
    raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("step", [break_schema])
def test_an_upgrade_that_fails_is_undone(used: Path, monkeypatch: pytest.MonkeyPatch, step: Migration) -> None:
    monkeypatch.setattr(database_module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setitem(MIGRATIONS, SCHEMA_VERSION, step)
    with pytest.raises(StoreError, match="disk I/O"):
        open_store(used)
    monkeypatch.undo()
    assert texts(used) == ["kept"]


def test_an_upgrade_keeps_what_was_there(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setitem(MIGRATIONS, SCHEMA_VERSION, lambda db, vault: db.execute("CREATE TABLE more (x)"))
    assert texts(used) == ["kept"]
    assert texts(used) == ["kept"]


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    assert texts(path) == []
