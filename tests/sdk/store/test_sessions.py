"""Sessions come back as they were, unreadable ones begin anew, and none is ever written as it is."""

import logging
from contextlib import suppress

import pytest

from onebar.core.records import Kept
from onebar.store import SqliteStore
from onebar.store.sessions import REMEMBERED_MAX
from tests.sdk.crypto.devices import pair
from tests.sdk.store.conftest import BOB, EVE


def kept(since_out_no: int = 5, must_be_pq: bool = True) -> Kept:
    """One real session, and numbers that are not the default."""
    alice, bob = pair()
    alice.start(bob)
    return Kept(alice.sessions, since_out_no, must_be_pq)


def test_sessions_come_back_as_they_were_and_the_newest_counts(store: SqliteStore) -> None:
    assert store.sessions.get(BOB, 1) == Kept()
    store.sessions.put(BOB, 1, kept())
    assert store.sessions.get(BOB, 1) == kept()
    store.sessions.put(BOB, 1, kept(9, must_be_pq=False))
    assert store.sessions.get(BOB, 1) == kept(9, must_be_pq=False)
    assert store.sessions.get(BOB, 2) == store.sessions.get(EVE, 1) == Kept()


def test_no_key_of_a_session_is_in_its_row(store: SqliteStore) -> None:
    store.sessions.put(BOB, 1, kept())
    [(row,)] = store._database.connection.execute("SELECT sessions FROM session").fetchall()
    [session] = kept().sessions.sessions
    assert session.ratchet.root_key not in row
    assert session.ratchet.own_secret not in row


@pytest.mark.parametrize("damage", ["flip", "short", "other_place", "other_version"])
def test_sessions_that_cannot_be_read_begin_anew_and_the_log_says_so(
    store: SqliteStore, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    store.sessions.put(BOB, 1, kept())
    execute = store._database.connection.execute
    [(row,)] = execute("SELECT sessions FROM session").fetchall()
    if damage == "other_place":
        store.sessions.put(EVE, 2, kept())
        [(changed,)] = execute("SELECT sessions FROM session WHERE account = ?", (EVE,)).fetchall()
    elif damage == "other_version":
        changed = store.sessions._vault.wrap(b"\xff", f"sessions/{BOB}/1")
    else:
        changed = row[:-1] if damage == "short" else bytes((*row[:-1], row[-1] ^ 1))
    execute("UPDATE session SET sessions = ? WHERE account = ?", (changed, BOB))
    with caplog.at_level(logging.ERROR):
        assert store.sessions.get(BOB, 1) == Kept(must_be_pq=True)
    [record] = caplog.records
    assert f"device {BOB}/1" in record.getMessage()
    store.sessions.put(BOB, 1, kept())
    assert store.sessions.get(BOB, 1) == kept()


def test_an_account_that_is_somebody_elses_now_is_forgotten_and_no_other(store: SqliteStore) -> None:
    for account, device in ((BOB, 1), (BOB, 2), (EVE, 1)):
        store.sessions.put(account, device, kept())
    store.sessions.forget(BOB)
    assert [store.sessions.get(*who) for who in ((BOB, 1), (BOB, 2), (EVE, 1))] == [Kept(), Kept(), kept()]


def test_a_new_device_has_no_session_and_still_knows_who_must_use_ml_kem(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.sessions.put(BOB, 1, kept())
    store.sessions.put(EVE, 1, kept(must_be_pq=False))
    store.sessions.clear()
    assert store.sessions.get(BOB, 1) == Kept(must_be_pq=True)
    assert store.sessions.get(EVE, 1) == Kept()
    assert not caplog.records


def test_sessions_that_were_read_before_are_known_until_their_row_changes(store: SqliteStore) -> None:
    store.sessions.put(BOB, 1, kept())
    assert store.sessions.get(BOB, 1).sessions is store.sessions.get(BOB, 1).sessions
    with suppress(ZeroDivisionError), store.transaction():
        store.sessions.put(BOB, 1, Kept())
        raise ZeroDivisionError
    assert store.sessions.get(BOB, 1) == kept(), "a turn that failed leaves nothing behind"
    for device in range(2, 3 + REMEMBERED_MAX):
        store.sessions.put(BOB, device, kept())
    assert len(store.sessions._read_before) == REMEMBERED_MAX
    assert store.sessions.get(BOB, 1) == kept()
    store.sessions.forget(BOB)
    assert not store.sessions._read_before
