"""The index is in step with the messages, whatever is done to them, and finds exactly those that have the words."""

import unicodedata
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.store import SqliteStore, open_store
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, memory_store, receive, send

WORDS = st.sampled_from(["on", "only", "Über", "uber", "東京", "京都", "👍", "x1"])
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)


def found(store: SqliteStore, query: str, phone: str | None = None) -> list[str]:
    return [hit.message.text for hit in store.search.hits(query, phone, 50)]


def check(store: SqliteStore) -> None:
    """Let SQLite compare the index with itself."""
    store._database.connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_what_is_written_and_what_comes_is_found_newest_first(store: SqliteStore) -> None:
    send(store, "on my way to the café")
    receive(store, text="which CAFE?")
    receive(store, EVE, text="no coffee for me")
    assert found(store, "cafe") == ["which CAFE?", "on my way to the café"]
    assert found(store, "caf way") == ["on my way to the café"]
    assert found(store, "way caf no") == []
    assert found(store, "co", EVES_PHONE) == ["no coffee for me"]
    assert found(store, "co", BOBS_PHONE) == found(store, "co", "+4900000000") == []
    [hit] = store.search.hits("WHICH", None, 9)
    assert hit.spans == ((0, 5),)
    assert repr(hit) == "<SearchHit 2>"


def test_a_duplicate_is_found_once_and_a_late_one_as_well(store: SqliteStore) -> None:
    for chat_no in (3, 1, 3):
        receive(store, BOB, 1, chat_no, chat_no, f"word {chat_no}")
    assert found(store, "word") == ["word 1", "word 3"]


@pytest.mark.parametrize(
    ("text", "query"), [("明日は東京タワーへ", "東京"), ("明日は東京タワーへ", "京"), ("ไปบ้าน", "บ้าน"), ("ok👍", "👍")]
)
def test_scripts_without_spaces_are_found_anywhere(store: SqliteStore, text: str, query: str) -> None:
    send(store, text)
    send(store, "another")
    assert found(store, query) == [text]


@pytest.mark.parametrize(
    "query", ['"', "a OR", "NEAR(", "text:a", "a*b", "-a", "^a", "{a}", "a\0b", "\ud800", "'; --", "()"]
)
def test_nothing_that_is_typed_is_syntax(store: SqliteStore, query: str) -> None:
    send(store, "something else")
    assert found(store, query) == []


@given(st.text(max_size=30))
def test_any_query_is_answered(query: str) -> None:
    with memory_store() as store:
        send(store, "hello")
        assert found(store, query) in ([], ["hello"])


def test_pages_follow_one_another(store: SqliteStore) -> None:
    numbers = [send(store, f"word {number}") for number in range(5)]
    first = store.search.hits("word", None, 2)
    second = store.search.hits("word", None, 2, first[-1].message.message_no)
    assert [hit.message.message_no for hit in first + second] == numbers[:0:-1]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["send", "edit", "delete", "index"]), TEXTS, st.integers(0, 9)), max_size=15),
       st.integers(0, 3), WORDS)  # fmt: skip
def test_edits_and_deletions_are_in_step_also_while_older_messages_are_taken_in(
    steps: list[tuple[str, str, int]], older: int, query: str
) -> None:
    """The model: a plain list of texts; `older` of them were there before the index was."""
    with memory_store() as store:
        execute = store._database.connection.execute
        texts = {send(store, f"on 東京 {number}"): f"on 東京 {number}" for number in range(older)}
        execute("INSERT INTO search (search) VALUES ('delete-all')")
        execute("UPDATE search_gap SET up_to = (SELECT COALESCE(max(message_no), 0) FROM message)")
        for what, text, at in steps:
            message_no = sorted(texts)[at % len(texts)] if texts else 0
            if what == "send":
                texts[send(store, text)] = text
            elif what == "edit" and texts:
                execute("UPDATE message SET text = ? WHERE message_no = ?", (text if at else "", message_no))
                texts[message_no] = text if at else ""
            elif what == "delete" and texts:
                execute("DELETE FROM message WHERE message_no = ?", (message_no,))
                del texts[message_no]
            elif what == "index":
                store.search.catch_up(1)
        while store.search.catch_up(2):
            pass
        check(store)
        wanted = [text for _, text in sorted(texts.items(), reverse=True) if has(text, query)]
        assert found(store, query) == wanted


def has(text: str, query: str) -> bool:
    plain = "".join(part for part in unicodedata.normalize("NFD", text) if not unicodedata.combining(part)).lower()
    wanted = "".join(part for part in unicodedata.normalize("NFD", query) if not unicodedata.combining(part)).lower()
    return any(word.startswith(wanted) or (not wanted.isascii() and wanted in word) for word in plain.split())


def test_what_is_rolled_back_is_not_found(store: SqliteStore) -> None:
    store._database.connection.execute("BEGIN")
    send(store, "never said")
    assert found(store, "never") == ["never said"]
    store._database.connection.execute("ROLLBACK")
    assert found(store, "never") == []
    check(store)


def test_older_messages_are_taken_in_by_bounded_steps_and_a_restart_goes_on(path: Path) -> None:
    with closing(open_store(path)) as store:
        with store.transaction():
            for number in range(7):
                send(store, f"word {number}")
            store._database.connection.execute("INSERT INTO search (search) VALUES ('delete-all')")
            store._database.connection.execute("UPDATE search_gap SET up_to = 7")
        assert store.search.catch_up(3)
        assert found(store, "word") == ["word 6", "word 5", "word 4"]
    with closing(open_store(path)) as store:
        assert store.search.catch_up(3)
        assert not store.search.catch_up(3)
        assert not store.search.catch_up(3)
        assert len(found(store, "word")) == 7
        check(store)
