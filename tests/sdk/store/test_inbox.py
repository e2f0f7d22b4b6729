"""Nothing comes twice, and what does not open blocks nothing and ends visibly (R8, R11)."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.core.records import Arrival
from onebar.models import Message, MessageState
from onebar.store import SqliteStore
from onebar.store import inbox as inbox_module
from onebar.store.inbox import ASKS_MAX
from tests.sdk.store.conftest import (
    BOB,
    BOBS_PHONE,
    EVE,
    OUR_TABLET,
    US,
    copy,
    count,
    know,
    memory_store,
    receive,
    seal,
    send,
)

STRANGER = 99


NOW_MS = 2**60


def spoil(
    store: SqliteStore, out_no: int, *, account: int = BOB, device: int = 1, ask: bool = True, answer: bool = False
) -> None:
    """An envelope that does not open comes in; its place in the mailbox is its number."""
    store.inbox.quarantine(account, device, out_no, out_no, b"garbage", "does_not_open", 1, ask=ask, answer=answer)


def due(store: SqliteStore, before_ms: int, now_ms: int, limit: int) -> list[tuple[int, int, int]]:
    """What is due to be asked for, however often it was."""
    return [(account, device, out_no) for account, device, out_no, _ in store.inbox.due_again(before_ms, now_ms, limit)]


def ask_until_tired(store: SqliteStore, out_no: int) -> int:
    """Ask for one envelope as often as it is due; return how often that was."""
    asks, now_ms = 0, 1_000
    while (BOB, 1, out_no) in due(store, now_ms, NOW_MS, 99):
        store.inbox.asked(BOB, 1, [out_no], now_ms)
        asks, now_ms = asks + 1, now_ms + 1_000
    return asks


def test_a_message_comes_once_even_after_its_text_is_gone(store: SqliteStore) -> None:
    assert receive(store, BOB, 1, 5, 1, "hi", 1, 1)
    store._database.connection.execute("DELETE FROM message")
    assert receive(store, BOB, 1, 5, 1, "hi", 1, 2) is None
    assert receive(store, BOB, 2, 5, 9, "hi", 1, 2) is None


def test_an_id_is_forgotten_only_when_it_is_old(store: SqliteStore) -> None:
    receive(store, BOB, 1, 5, 1, "hi", 1, now_ms=100)
    store.inbox.forget(100)
    assert receive(store, BOB, 1, 5, 1, "hi", 1, 101) is None
    store.inbox.forget(101)
    assert receive(store, BOB, 1, 5, 1, "hi", 1, 101) is not None


def test_a_duplicate_does_not_make_an_id_younger_or_a_chat_longer(store: SqliteStore) -> None:
    receive(store, BOB, 1, 5, 1, "hi", 1, now_ms=100)
    receive(store, BOB, 1, 5, 1, "hi", 1, now_ms=500)
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
    assert due(store, 1_000, NOW_MS, 9) == []
    assert due(store, 1_001, NOW_MS, 9) == [(BOB, 1, 4)]


def test_what_asking_cannot_help_is_given_up_at_once(store: SqliteStore) -> None:
    spoil(store, 4, ask=False)
    assert due(store, 9_000, NOW_MS, 9) == []
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
    while asked_for := due(store, now_ms, NOW_MS, 99):
        for _, _, out_no in asked_for:
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
    assert due(store, 9, NOW_MS, 9) == [(BOB, 1, 5)]


def test_a_flood_of_garbage_is_capped_and_the_oldest_end_visibly(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "QUARANTINE_ROWS_MAX", 3)
    for out_no in range(1, 11):
        spoil(store, out_no)
    assert [row[2] for row in due(store, 9, NOW_MS, 99)] == [8, 9, 10]
    assert len(store.inbox.give_up(1, NOW_MS)) == 7
    assert len(due(store, 9, NOW_MS, 99)) == 3


def test_one_envelope_beyond_help_does_not_keep_the_next_from_being_asked_for(store: SqliteStore) -> None:
    spoil(store, 1, ask=False)
    spoil(store, 2)
    assert due(store, 9, NOW_MS, 99) == [(BOB, 1, 2)]


def test_garbage_from_a_stranger_makes_no_chat(store: SqliteStore) -> None:
    spoil(store, 4, account=STRANGER, ask=False)
    assert store.inbox.give_up(1, NOW_MS) == [0]
    assert store.chats() == []


def test_garbage_from_an_account_without_a_number_makes_no_chat(store: SqliteStore) -> None:
    know(store, EVE, BOBS_PHONE)  # Bob's number is Eve's now
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
    assert [row[2] for row in due(store, 9, NOW_MS, 2)] == [9, 2]


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
    assert (store.inbox.give_up(1, NOW_MS), due(store, 9, NOW_MS, 9)) == ([], [])


def test_a_clock_that_was_set_back_does_not_silence_the_asking(store: SqliteStore) -> None:
    spoil(store, 4)
    store.inbox.asked(BOB, 1, [4], NOW_MS)
    assert due(store, 1_000, 2_000, 9) == [(BOB, 1, 4)]


def test_what_was_asked_for_tells_how_often(store: SqliteStore) -> None:
    spoil(store, 4)
    assert store.inbox.due_again(9, NOW_MS, 9) == [(BOB, 1, 4, 0)]
    store.inbox.asked(BOB, 1, [4], 100)
    assert store.inbox.due_again(1_000, NOW_MS, 9) == [(BOB, 1, 4, 1)]


def test_a_copy_that_does_not_open_makes_no_chat_with_ourselves(store: SqliteStore) -> None:
    know(store, US, "+4915112345671")
    spoil(store, 4, account=US, device=OUR_TABLET, ask=False)
    assert store.inbox.give_up(1, NOW_MS) == [0]
    assert store.chats() == []


def test_a_copy_stands_in_the_recipients_chat_as_ours_and_comes_once(store: SqliteStore) -> None:
    know(store, US, "+4915112345671")
    number = copy(store, 1, "from my tablet")
    assert number
    assert copy(store, 1, "from my tablet") is None
    place = number
    shown = Message(number, BOBS_PHONE, True, MessageState.SENT, "from my tablet", 1, place=place)
    assert store.history(BOBS_PHONE, 9) == [shown]
    assert [(chat.phone, chat.unread) for chat in store.chats()] == [(BOBS_PHONE, 0)]


@given(st.permutations([1, 2, 3, 4]))
@settings(max_examples=24)
def test_copies_in_any_order_stand_in_their_order_beside_ours_of_the_same_number(order: list[int]) -> None:
    with memory_store() as store:
        for chat_no in order:
            send(store, "from here")
            copy(store, chat_no, f"copy {chat_no}")
        page = store.history(BOBS_PHONE, 99)
        copies = [message for message in page if message.text != "from here"]
        assert [message.text for message in copies] == [f"copy {no}" for no in range(1, 5)]
        assert not any(message.missing_before for message in page)
        assert [draft.chat_no for draft in store.outbox.drafts(9)] == [1, 2, 3, 4]


def test_no_rule_of_the_outbox_touches_a_copy(store: SqliteStore) -> None:
    number = copy(store, 1)
    assert number
    outbox = store.outbox
    assert outbox.number_of(9001) is None
    assert outbox.expire(2**62, 2**62) == outbox.end_unanswered(2**62) == []
    assert outbox.drafts(9) == []
    assert outbox.blocked(BOBS_PHONE, [1, 2]) == set()
    assert outbox.fail_draft(number, "x") == outbox.fail_chat(BOBS_PHONE, "x") == outbox.fail_all("x") == []
    assert outbox.end_for_key(BOB, b"new") == []
    assert outbox.end_if_hopeless(number, "x") is None
    assert outbox.read(BOB, 2**62) == []
    outbox.unseal()
    born = store._database.connection.execute("SELECT born_ms, out_no FROM message").fetchall()
    assert (store.state(number), born) == (MessageState.SENT, [(None, None)])


def test_a_copy_and_a_message_of_the_other_side_with_the_same_id_are_two(store: SqliteStore) -> None:
    assert copy(store, 1, message_id=5)
    assert receive(store, BOB, 1, 5, 1)
    assert [chat.messages for chat in store.chats()] == [2]


def test_content_of_a_later_version_is_kept_and_shown_where_it_was_once_it_is_understood(store: SqliteStore) -> None:
    unsupported = MessageState.UNSUPPORTED
    first = receive(store, BOB, 1, 1, 1, "", state=unsupported, content=b"poll")
    second = receive(store, BOB, 1, 2, 2, "", state=unsupported, content=b"sticker")
    receive(store, BOB, 1, 3, 3, "plain")
    assert first
    assert second
    assert store.inbox.unsupported(9) == [(first, b"poll"), (second, b"sticker")]
    assert store.inbox.unsupported(1) == [(first, b"poll")]
    assert store.inbox.unsupported(9, above=first) == [(second, b"sticker")]
    store.inbox.understood(first, "Tea or coffee?")
    assert store.inbox.unsupported(9) == [(second, b"sticker")]
    page = store.history(BOBS_PHONE, 9)
    assert [(message.text, message.state) for message in page] == [
        ("Tea or coffee?", MessageState.RECEIVED),
        ("", unsupported),
        ("plain", MessageState.RECEIVED),
    ]


def test_a_copy_of_a_later_version_is_ours_when_it_is_understood(store: SqliteStore) -> None:
    number = store.inbox.add(Arrival(BOB, US, OUR_TABLET, 5, 1, 1, "", MessageState.UNSUPPORTED, b"poll"), 1)
    assert number
    store.inbox.understood(number, "Tea?")
    message = store.message(number)
    assert message
    assert (message.outgoing, message.state, message.text) == (True, MessageState.SENT, "Tea?")


def test_only_what_was_unsupported_is_understood(store: SqliteStore) -> None:
    number = send(store, "mine")
    seal(store, 1, number, 1)
    store.inbox.understood(number, "changed")
    message = store.message(number)
    assert message
    assert (message.text, message.state) == ("mine", MessageState.QUEUED)


@pytest.mark.parametrize("order", list(permutations((1, 3, 5, 7))))
def test_what_a_restored_device_says_again_hides_no_gap_and_makes_none(
    store: SqliteStore, order: tuple[int, ...]
) -> None:
    old, new = 5, 6
    for chat_no in (1, 7):
        receive(store, BOB, old, chat_no, chat_no, "said before", 1, 1)
    for chat_no in order:
        assert (receive(store, BOB, new, chat_no, chat_no, "said", 1, 2) is None) == (chat_no in {1, 7})
    receive(store, BOB, new, 8, 8, "the next one", 1, 3)
    missing = dict(store._database.connection.execute("SELECT chat_no, missing_before FROM message WHERE device = 6"))
    assert missing == {3: 0, 5: 1, 8: 1}, "4 and 6 are missing; 7 is shown"
