"""Places at which nothing comes: who is told of ours, and what is counted as missing where we were told."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.models import MessageState
from onebar.store import SqliteStore
from tests.sdk.store.conftest import BOB, BOBS_PHONE, memory_store, receive, seal, send


def due(store: SqliteStore) -> set[tuple[int, int]]:
    return {(top_up.draft.chat_no, top_up.device) for top_up in store.outbox.top_ups(99) if top_up.draft.over}


def test_what_was_given_up_is_told_when_something_behind_it_is_sealed(store: SqliteStore) -> None:
    first, second, third = send(store), send(store), send(store)
    seal(store, 1, first, 1, 2, 3)
    assert store.outbox.fail_draft(second, "cancelled") == [second]
    assert due(store) == set(), "nobody can see a gap yet"
    seal(store, 2, third, 1, 2, 3)
    assert due(store) == {(2, 1), (2, 2), (2, 3)}
    assert store.places.take(second, 2, 9) == [2]
    assert store.places.take(second, 2, 9) == []
    assert due(store) == {(2, 1), (2, 3)}


def test_what_is_given_up_behind_a_later_message_is_told_at_once(store: SqliteStore) -> None:
    first, second = send(store), send(store)
    seal(store, 1, second, 1)
    store.outbox.fail_draft(first, "cancelled")
    assert due(store) == {(1, 1), (1, 2), (1, 3)}


def test_an_album_that_was_given_up_is_told_in_pieces(store: SqliteStore) -> None:
    album = [send(store) for _ in range(7)]
    last = send(store)
    seal(store, 1, last, 1)
    for message_no in album:
        store.outbox.fail_draft(message_no, "cancelled")
    assert store.places.take(album[0], 1, 4) == [1, 2, 3, 4]
    assert store.places.take(album[4], 1, 4) == [5, 6, 7]


def test_rejected_and_expired_messages_leave_no_gap_either(store: SqliteStore) -> None:
    first, second, third = send(store), send(store), send(store)
    seal(store, 1, first, 1)
    assert store.outbox.reject(1, "too_large") == first
    store.outbox.expire(0, 5)
    assert store.outbox.expire(6, 6) == [second, third]
    fourth = send(store)
    seal(store, 2, fourth, 1)
    assert due(store) == {(chat_no, device) for chat_no in (1, 2, 3) for device in (1, 2, 3)}


def test_what_somebody_may_have_got_is_no_gap(store: SqliteStore) -> None:
    first, second = send(store), send(store)
    seal(store, 1, first, 1)
    store.outbox.accept(1)
    assert store.outbox.undelivered(1, BOB, 1, "expired") == first
    seal(store, 2, second, 1)
    assert due(store) == set()


def test_who_could_not_open_what_stands_near_is_told_once_more(store: SqliteStore) -> None:
    first, second, third, fourth = (send(store) for _ in range(4))
    seal(store, 1, third, 1)
    store.outbox.fail_draft(first, "cancelled")
    for device in (1, 2, 3):
        assert store.places.take(first, device, 9) == [1]
    store.outbox.fail_draft(fourth, "cancelled")
    store.places.again(third, BOB, 2)
    assert due(store) == {(1, 2)}, "not of what nobody was told of yet, nor of what waits"
    assert store.state(second) is MessageState.QUEUED


def test_a_device_that_is_gone_for_good_tells_nobody(store: SqliteStore) -> None:
    first, second = send(store), send(store)
    store.outbox.fail_all("device_removed")
    third = send(store)
    seal(store, 1, third, 1)
    assert due(store) == set()
    assert store.state(first) is store.state(second) is MessageState.UNDELIVERABLE


NUMBERS = range(1, 8)


@given(
    empty=st.sets(st.sampled_from(NUMBERS)),
    order=st.permutations(NUMBERS),
    come=st.sets(st.sampled_from(NUMBERS), min_size=1),
)
@settings(max_examples=150, deadline=None)
def test_in_any_order_only_what_may_still_come_counts_as_missing(
    empty: set[int], order: list[int], come: set[int]
) -> None:
    """Messages come in any order, and word of empty places between them at any time after the first message."""
    come -= empty
    with memory_store() as store:
        seen: set[int] = set()
        told: set[int] = set()
        for chat_no in order:
            if chat_no in empty:
                store.places.skip(BOB, BOB, 1, [chat_no])
                told |= {chat_no} if seen else set()
            elif chat_no in come:
                receive(store, BOB, 1, chat_no, chat_no, str(chat_no))
                seen.add(chat_no)
            shown = {int(m.text): m.missing_before for m in store.history(BOBS_PHONE, 99)} if seen else {}
            places = sorted(seen)
            expected = {
                after: len(set(range(before + 1, after)) - told) for before, after in itertools.pairwise(places)
            }
            assert shown == {**dict.fromkeys(places[:1], 0), **expected}


def test_a_place_that_was_given_up_and_comes_all_the_same_is_shown(store: SqliteStore) -> None:
    for chat_no in (1, 5):
        receive(store, BOB, 1, chat_no, chat_no, str(chat_no))
    assert store.places.skip(BOB, BOB, 1, [2, 3]) == BOBS_PHONE
    assert store.places.skip(BOB, BOB, 1, [2, 3]) == "", "it was known"
    assert store.places.skip(BOB, BOB, 1, [1, 5]) == "", "these are here"
    receive(store, BOB, 1, 3, 3, "3")
    assert [(m.text, m.missing_before) for m in store.history(BOBS_PHONE, 9)] == [("1", 0), ("3", 0), ("5", 1)]


@pytest.mark.parametrize("chat", [BOB, 99])
def test_who_never_wrote_has_no_gaps(store: SqliteStore, chat: int) -> None:
    assert store.places.skip(chat, BOB, 1, [1, 2]) == ""
    assert store.chats() == []
