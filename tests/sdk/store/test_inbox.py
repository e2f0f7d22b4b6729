"""Nothing comes twice, and what does not open blocks nothing and ends visibly (R8, R11)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.models import MessageState
from onebar.store import SqliteStore
from onebar.store import inbox as inbox_module
from onebar.store.inbox import ASKS_MAX
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, count, memory_store

STRANGER = 99


NOW_MS = 2**60


def spoil(
    store: SqliteStore, out_no: int, *, account: int = BOB, device: int = 1, ask: bool = True, answer: bool = False
) -> None:
    """An envelope that does not open comes in; its place in the mailbox is its number."""
    store.inbox.quarantine(account, device, out_no, out_no, b"garbage", "does_not_open", 1, ask=ask, answer=answer)


def ask_until_tired(store: SqliteStore, out_no: int) -> int:
    """Ask for one envelope as often as it is due; return how often that was."""
    asks, now_ms = 0, 1_000
    while (BOB, 1, out_no) in store.inbox.due_again(now_ms, NOW_MS, 99):
        store.inbox.asked(BOB, 1, [out_no], now_ms)
        asks, now_ms = asks + 1, now_ms + 1_000
    return asks


def test_a_message_comes_once_even_after_its_text_is_gone(store: SqliteStore) -> None:
    assert store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, 1)
    store._database.connection.execute("DELETE FROM message")
    assert store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, 2) is None
    assert store.inbox.add_text(BOB, 2, 5, 9, "hi", 1, 2) is None


def test_an_id_is_forgotten_only_when_it_is_old(store: SqliteStore) -> None:
    store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, now_ms=100)
    store.inbox.forget(100)
    assert store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, 101) is None
    store.inbox.forget(101)
    assert store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, 101) is not None


def test_a_duplicate_does_not_make_an_id_younger_or_a_chat_longer(store: SqliteStore) -> None:
    store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, now_ms=100)
    store.inbox.add_text(BOB, 1, 5, 1, "hi", 1, now_ms=500)
    assert [chat.messages for chat in store.chats()] == [1]
    store.inbox.forget(101)
    assert count(store, "seen") == 0


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 9)), max_size=20))
@settings(max_examples=25)
def test_what_opened_is_remembered_by_number_and_nothing_below_it_is(opened: list[tuple[int, int]]) -> None:
    """An envelope that comes late may not be taken for one that was there, whatever opened after it."""
    with memory_store() as store:
        for device, out_no in opened:
            store.inbox.put_opened(BOB, device, out_no, out_no, 1)
        for device in (1, 2, 3):
            known = {out_no for out_no in range(10) if store.inbox.is_opened(BOB, device, out_no)}
            assert known == {out_no for of, out_no in opened if of == device}
        assert not any(store.inbox.is_opened(EVE, 1, out_no) for out_no in range(10))


def test_what_opened_is_forgotten_only_when_it_is_old(store: SqliteStore) -> None:
    store.inbox.put_opened(BOB, 1, 5, 5, 100)
    store.inbox.put_opened(BOB, 1, 5, 5, 500)
    store.inbox.forget(100)
    assert store.inbox.is_opened(BOB, 1, 5)
    store.inbox.forget(101)
    assert not store.inbox.is_opened(BOB, 1, 5)


def test_an_envelope_is_asked_for_so_often_and_then_shown_as_unreadable(store: SqliteStore) -> None:
    spoil(store, 4)
    assert ask_until_tired(store, 4) == ASKS_MAX
    assert store.inbox.give_up(3_000, NOW_MS) == []  # the last answer may be on its way
    [message_no] = store.inbox.give_up(9_000, NOW_MS)
    assert store.state(message_no) is MessageState.UNREADABLE
    assert not store.inbox.quarantined()
    assert store.inbox.give_up(9_000, NOW_MS) == []


def test_an_envelope_is_not_asked_for_again_before_the_pause_is_over(store: SqliteStore) -> None:
    spoil(store, 4)
    store.inbox.asked(BOB, 1, [4], 1_000)
    assert store.inbox.due_again(1_000, NOW_MS, 9) == []
    assert store.inbox.due_again(1_001, NOW_MS, 9) == [(BOB, 1, 4)]


def test_what_asking_cannot_help_is_given_up_at_once(store: SqliteStore) -> None:
    spoil(store, 4, ask=False)
    assert store.inbox.due_again(9_000, NOW_MS, 9) == []
    assert len(store.inbox.give_up(1, NOW_MS)) == 1


def test_the_same_envelope_again_is_one_in_quarantine_and_starts_no_new_round(store: SqliteStore) -> None:
    spoil(store, 4)
    store.inbox.asked(BOB, 1, [4], 1_000)
    spoil(store, 4)
    assert count(store, "quarantine") == 1
    assert ask_until_tired(store, 4) <= ASKS_MAX - 1


def test_broken_answers_to_broken_envelopes_come_to_an_end(store: SqliteStore) -> None:
    """Each answer is a new envelope that does not open either: two broken devices may not play this for ever."""
    asks, now_ms = 0, 1_000
    spoil(store, 1)
    while due := store.inbox.due_again(now_ms, NOW_MS, 99):
        for _, _, out_no in due:
            store.inbox.asked(BOB, 1, [out_no], now_ms)
            asks += 1
            spoil(store, 100 + asks, answer=True)
        assert asks < 50
        now_ms += 1_000
    assert len(store.inbox.give_up(now_ms, NOW_MS)) == 1 + asks


def test_a_message_that_came_after_all_leaves_quarantine_alone(store: SqliteStore) -> None:
    for out_no in (4, 5):
        spoil(store, out_no)
    store.inbox.release(BOB, 1, 4)
    store.inbox.release(EVE, 1, 5)
    store.inbox.release(BOB, 2, 5)
    assert store.inbox.due_again(9, NOW_MS, 9) == [(BOB, 1, 5)]


def test_a_flood_of_garbage_is_capped_and_the_oldest_end_visibly(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "QUARANTINE_ROWS_MAX", 3)
    for out_no in range(1, 11):
        spoil(store, out_no)
    assert [row[2] for row in store.inbox.due_again(9, NOW_MS, 99)] == [8, 9, 10]
    assert len(store.inbox.give_up(1, NOW_MS)) == 7
    assert len(store.inbox.due_again(9, NOW_MS, 99)) == 3


def test_one_envelope_beyond_help_does_not_keep_the_next_from_being_asked_for(store: SqliteStore) -> None:
    spoil(store, 1, ask=False)
    spoil(store, 2)
    assert store.inbox.due_again(9, NOW_MS, 99) == [(BOB, 1, 2)]


def test_garbage_from_a_stranger_makes_no_chat(store: SqliteStore) -> None:
    spoil(store, 4, account=STRANGER, ask=False)
    assert store.inbox.give_up(1, NOW_MS) == [0]
    assert store.chats() == []


def test_garbage_from_an_account_without_a_number_makes_no_chat(store: SqliteStore) -> None:
    store.contacts.put(EVE, BOBS_PHONE, [])  # Bob's number is Eve's now
    spoil(store, 4, ask=False)
    assert store.inbox.give_up(1, NOW_MS) == [0]


def test_many_given_up_at_once_keep_the_order_of_their_numbers(store: SqliteStore) -> None:
    for out_no in (3, 1, 2):
        spoil(store, out_no, ask=False)
    numbers = store.inbox.give_up(1, NOW_MS)
    assert numbers == sorted(numbers)
    assert [message.state for message in store.history(BOBS_PHONE, 9)] == [MessageState.UNREADABLE] * 3


def test_unopened_places_are_told_until_the_server_knows_them(store: SqliteStore) -> None:
    for out_no in (7, 3, 5):
        spoil(store, out_no)
    assert store.inbox.unopened(0) == (3, 5, 7)
    assert store.inbox.unopened(3) == (5, 7)
    store.inbox.told_unopened(5)
    assert store.inbox.unopened(0) == (7,)
    store.inbox.told_unopened(2**63 - 1)
    assert store.inbox.unopened(0) == ()


def test_due_ones_come_oldest_first_and_no_more_than_asked(store: SqliteStore) -> None:
    for out_no in (9, 2, 5):
        spoil(store, out_no)
    assert [row[2] for row in store.inbox.due_again(9, NOW_MS, 2)] == [9, 2]


def test_a_message_that_comes_after_it_was_given_up_takes_the_place_of_unreadable(store: SqliteStore) -> None:
    spoil(store, 4, ask=False)
    [message_no] = store.inbox.give_up(1, NOW_MS)
    store.inbox.release(BOB, 1, 4)
    assert store.message(message_no) is None
    assert store.chats() == []


def test_an_envelope_given_up_is_not_shown_again_when_a_new_epoch_brings_it_again(store: SqliteStore) -> None:
    spoil(store, 4, ask=False)
    assert len(store.inbox.give_up(1, NOW_MS)) == 1
    spoil(store, 4)
    assert (store.inbox.give_up(1, NOW_MS), store.inbox.due_again(9, NOW_MS, 9)) == ([], [])


def test_a_clock_that_was_set_back_does_not_silence_the_asking(store: SqliteStore) -> None:
    spoil(store, 4)
    store.inbox.asked(BOB, 1, [4], NOW_MS)
    assert store.inbox.due_again(1_000, 2_000, 9) == [(BOB, 1, 4)]
