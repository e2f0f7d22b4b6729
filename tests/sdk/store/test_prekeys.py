"""A prekey's secret is there for as long as somebody may use it, and no longer; its number is its own for ever."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.core.ports import AnyPrekey
from onebar.crypto.pqxdh import Spent
from onebar.crypto.prekeys import (
    PREKEY_KEPT_MS,
    LastResortKemPrekey,
    OneTimeKemPrekey,
    OneTimePrekey,
    SignedPrekey,
)
from onebar.store import SqliteStore
from onebar.store import prekeys as prekeys_module
from tests.sdk.store.conftest import count, memory_store


def signed(no: int, created_ms: int = 1) -> SignedPrekey:
    return SignedPrekey(no, b"%032d" % no, created_ms)


def one_time(no: int) -> OneTimePrekey:
    return OneTimePrekey(no, b"%032d" % no, 1)


def kem(no: int) -> OneTimeKemPrekey:
    return OneTimeKemPrekey(no, b"public %d" % no, b"secret %d" % no, 1)


def last_resort(no: int, created_ms: int = 1) -> LastResortKemPrekey:
    return LastResortKemPrekey(no, b"public %d" % no, b"secret %d" % no, created_ms)


def add(store: SqliteStore, *prekeys: AnyPrekey) -> None:
    for prekey in prekeys:
        store.prekeys.add(prekey)


def test_each_kind_comes_back_as_it_was_and_is_no_other_kind(store: SqliteStore) -> None:
    add(store, signed(1), one_time(2), kem(3), last_resort(4))
    keys = store.prekeys
    assert [keys.signed(no) for no in range(6)] == [None, signed(1), None, None, None, None]
    assert [keys.one_time(no) for no in range(6)] == [None, None, one_time(2), None, None, None]
    assert [keys.kem(no) for no in range(6)] == [None, None, None, kem(3), last_resort(4), None]


def test_no_secret_is_in_its_row(store: SqliteStore) -> None:
    add(store, signed(1), one_time(2), kem(3), last_resort(4))
    rows = store._database.connection.execute("SELECT secret FROM prekey").fetchall()
    held = b"".join(row[0] for row in rows)
    assert not any(prekey.secret in held for prekey in (signed(1), one_time(2), kem(3), last_resort(4)))


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["add", "draw", "spend", "forget", "clear"]), max_size=30))
def test_no_number_is_ever_given_twice_whatever_was_deleted(steps: list[str]) -> None:
    with memory_store() as store:
        given_out: list[int] = []
        for step in steps:
            if step in {"add", "draw"}:
                given_out.append(store.prekeys.next_id())
            if step == "add":
                add(store, one_time(given_out[-1]))
            if step == "spend" and given_out:
                store.prekeys.spend(Spent(given_out[-1], None))
            if step == "forget":
                store.prekeys.forget(2**47)
            if step == "clear":
                store.prekeys.clear()
                assert count(store, "prekey") == 0
        assert given_out == sorted(set(given_out))
        assert all(0 < no < 2**32 - 1 for no in given_out)


def test_the_newest_of_each_kind_makes_the_bundle_and_those_before_it_stay(store: SqliteStore) -> None:
    assert store.prekeys.newest() == (None, None)
    add(store, signed(1), last_resort(2))
    assert store.prekeys.newest() == (signed(1), last_resort(2))
    add(store, signed(3, created_ms=7))
    assert store.prekeys.newest() == (signed(3, created_ms=7), last_resort(2))
    assert store.prekeys.signed(1) == signed(1)


def test_a_withdrawn_secret_goes_when_nobody_can_use_it_any_more(store: SqliteStore) -> None:
    add(store, signed(1), last_resort(2), signed(3, 1_000), last_resort(4, 2_000), signed(5, 5_000))
    store.prekeys.forget(1_000 + PREKEY_KEPT_MS)
    assert store.prekeys.signed(1) == signed(1)
    store.prekeys.forget(1_001 + PREKEY_KEPT_MS)
    assert [store.prekeys.signed(no) for no in (1, 3, 5)] == [None, signed(3, 1_000), signed(5, 5_000)]
    assert store.prekeys.kem(2) == last_resort(2)
    store.prekeys.forget(2**47)
    assert store.prekeys.newest() == (signed(5, 5_000), last_resort(4, 2_000))
    assert count(store, "prekey") == 2


def test_a_kind_without_end_loses_its_oldest(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prekeys_module, "ONE_TIME_ROWS_MAX", 3)
    add(store, signed(1), last_resort(2), *map(one_time, (10, 11, 12, 13, 14)), *map(kem, (20, 21, 22)))
    store.prekeys.forget(1)
    assert [no for no in range(10, 15) if store.prekeys.one_time(no)] == [12, 13, 14]
    assert [no for no in range(20, 23) if store.prekeys.kem(no)] == [20, 21, 22]
    assert store.prekeys.newest() == (signed(1), last_resort(2))


def test_what_the_server_has_is_not_published_again_and_x25519_goes_first(store: SqliteStore) -> None:
    add(store, signed(1), kem(2), one_time(3), last_resort(4), one_time(5))
    assert store.prekeys.unpublished(9) == [one_time(3), one_time(5), kem(2)]
    assert store.prekeys.unpublished(2) == [one_time(3), one_time(5)]
    store.prekeys.published([3, 2, 99])
    assert store.prekeys.unpublished(9) == [one_time(5)]
    assert store.prekeys.one_time(3) == one_time(3)


def test_a_spent_prekey_is_gone_and_only_it(store: SqliteStore) -> None:
    add(store, signed(1), one_time(2), kem(3), last_resort(4), one_time(5))
    store.prekeys.spend(Spent(None, None))
    assert count(store, "prekey") == 5
    store.prekeys.spend(Spent(2, 3))
    store.prekeys.spend(Spent(1, 4))  # these are not one-time prekeys
    assert (store.prekeys.one_time(2), store.prekeys.kem(3)) == (None, None)
    assert count(store, "prekey") == 3


def test_a_secret_that_cannot_be_read_is_as_if_it_were_gone_and_the_log_says_so(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, signed(1), one_time(2), one_time(3))
    store._database.connection.execute("UPDATE prekey SET secret = x'00' WHERE id < 3")
    with caplog.at_level(logging.ERROR):
        assert (store.prekeys.signed(1), store.prekeys.one_time(2)) == (None, None)
        assert store.prekeys.newest() == (None, None)
        assert store.prekeys.unpublished(9) == [one_time(3)]
    assert len(caplog.records) == 4
