"""Which chats are wanted, and what the server is to be told of it."""

import pytest

from onebar.models import Standing
from onebar.store import SqliteStore, open_store

BOB, CAROL = "+12025550102", "+12025550103"


@pytest.fixture
def store() -> SqliteStore:
    return open_store(":memory:")


def test_a_block_is_told_once_and_so_is_its_end(store: SqliteStore) -> None:
    standings = store.standings
    assert standings.get(BOB) is None
    standings.put(CAROL, Standing.ACCEPTED)
    standings.put(BOB, Standing.BLOCKED)
    assert standings.get(BOB) is Standing.BLOCKED
    assert standings.untold(9) == [(BOB, True)]
    standings.told(BOB, blocked=False)
    assert standings.untold(9) == [(BOB, True)], "an answer to what the user has changed meanwhile"
    standings.told(BOB, blocked=True)
    standings.put(BOB, Standing.BLOCKED)
    assert standings.untold(9) == []
    standings.put(BOB, Standing.ACCEPTED)
    assert standings.untold(9) == [(BOB, False)]
    assert standings.get(CAROL) is Standing.ACCEPTED


def test_the_chat_of_a_message(store: SqliteStore) -> None:
    with store.transaction():
        message_no = store.outbox.add(BOB, "hello", None, 1, 0)
    assert store.standings.of(message_no) is Standing.ACCEPTED
    store.standings.put(BOB, Standing.BLOCKED)
    assert store.standings.of(message_no) is Standing.BLOCKED
    with pytest.raises(LookupError, match="no message 99"):
        store.standings.of(99)


def test_what_the_server_says_counts_but_for_what_it_does_not_know_yet(store: SqliteStore) -> None:
    standings = store.standings
    standings.learn([BOB])
    assert standings.blocked() == [BOB]
    standings.put(CAROL, Standing.BLOCKED)
    standings.learn([BOB])
    assert standings.blocked() == [BOB, CAROL]
    standings.put(BOB, Standing.ACCEPTED)
    standings.learn([BOB])
    assert standings.blocked() == [CAROL]
    standings.told(CAROL, blocked=True)
    standings.learn([])
    assert standings.blocked() == []
