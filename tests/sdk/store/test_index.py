"""An SQLite without FTS5 opens the database all the same, and one with it makes up for what was missed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onebar.errors import StoreError
from onebar.store import SqliteStore, index, open_store
from onebar.store.index import fit_index, has_fts5
from tests.sdk.store.conftest import send


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """SQLite as it would be without FTS5."""
    monkeypatch.setattr(index, "has_fts5", lambda _: False)
    return monkeypatch


def found(store: SqliteStore, query: str) -> list[str]:
    while store.search.catch_up(100):
        pass
    return [hit.message.text for hit in store.search.hits(query, None, 50)]


def test_it_is_looked_up_in_sqlite_itself() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5 (text)")
        assert has_fts5(connection)


@pytest.mark.usefixtures("without")
def test_a_new_database_does_without_and_search_says_so(path: Path) -> None:
    with closing(open_store(path)) as store:
        send(store, "on my way")
        assert not store.search.catch_up(100)
        with pytest.raises(StoreError, match="search needs SQLite with FTS5"):
            store.search.hits("way", None, 9)


def test_what_was_said_meanwhile_is_found_afterwards(path: Path, without: pytest.MonkeyPatch) -> None:
    without.undo()
    with closing(open_store(path)) as store:
        send(store, "said before")
        assert found(store, "said") == ["said before"]
    without.setattr(index, "has_fts5", lambda _: False)
    with closing(open_store(path)) as store:
        send(store, "said meanwhile")
        database = store._database.connection
        database.execute("DELETE FROM message WHERE text = 'said before'")
        assert b"before" not in b"".join(row[0] for row in database.execute("SELECT block FROM search_data"))
        assert not any(database.execute(f"SELECT count(*) FROM {place}").fetchone()[0] for place in index._WORDS)
    without.undo()
    with closing(open_store(path)) as store:
        assert found(store, "said") == ["said meanwhile"]
        send(store, "said after")
        assert found(store, "said") == ["said after", "said meanwhile"]
        store._database.connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_two_processes_may_fit_it_at_once(path: Path) -> None:
    with closing(open_store(path)) as store:
        assert fit_index(store._database.connection)
