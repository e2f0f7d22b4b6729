"""What happens to a message once: verdicts, ticks, top-ups and keys, one feared story each (R1–R6)."""

import pytest

from onebar.core.frames import VOID_HASH
from onebar.core.records import Draft, Envelope
from onebar.models import MessageState
from onebar.store import SqliteStore
from onebar.store.outbox import ENVELOPES_KEPT_MS
from tests.sdk.store.conftest import (
    BOB,
    BOBS_PHONE,
    EVE,
    EVES_PHONE,
    count,
    receive,
    seal,
    send,
)

DAY_MS = 24 * 3600 * 1000
HORIZON_MS = 30 * DAY_MS


def test_the_same_key_is_the_same_message_whatever_else_is_said(store: SqliteStore) -> None:
    first = send(store, "pay 5", key="invoice 1")
    assert send(store, "pay 500", EVES_PHONE, key="invoice 1") == first
    assert [draft.text for draft in store.outbox.drafts(9)] == ["pay 5"]
    assert [event.event_no for event in store.next_events("app", 9)] == [1]
    assert [chat.messages for chat in store.chats()] == [1]


def test_a_key_is_remembered_after_its_message_has_failed(store: SqliteStore) -> None:
    first = send(store, key="k")
    seal(store, 1, first, 1)
    store.outbox.reject(1, "too_large")
    assert send(store, key="k") == first
    assert store.outbox.drafts(9) == []


def test_without_a_key_or_with_another_one_it_is_another_message(store: SqliteStore) -> None:
    assert len({send(store), send(store), send(store, key="a"), send(store, key="b"), send(store, key="A")}) == 5


def test_each_chat_counts_for_itself_and_a_failed_turn_leaves_no_hole(store: SqliteStore) -> None:
    send(store, phone=BOBS_PHONE)
    send(store, phone=EVES_PHONE)

    def turn() -> None:
        with store.transaction():
            send(store, phone=BOBS_PHONE)
            raise KeyError

    with pytest.raises(KeyError):
        turn()
    send(store, phone=BOBS_PHONE)
    places = [(draft.phone, draft.chat_no) for draft in store.outbox.drafts(9)]
    assert places == [(BOBS_PHONE, 1), (EVES_PHONE, 1), (BOBS_PHONE, 2)]


def test_drafts_leave_out_chats_and_name_an_account_only_if_it_is_known(store: SqliteStore) -> None:
    bob, eve, unknown = send(store), send(store, phone=EVES_PHONE), send(store, phone="+4900000000")
    assert store.outbox.drafts(9, [BOBS_PHONE, "+4900000000"]) == [Draft(eve, 1, EVES_PHONE, EVE, 1, 1, "hi")]
    assert [draft.message_no for draft in store.outbox.drafts(2)] == [bob, eve]
    found = store.outbox.draft(unknown)
    assert found
    assert found.account == 0


def test_sealed_bytes_never_change_and_a_number_is_never_used_for_two(store: SqliteStore) -> None:
    envelopes = [seal(store, no, send(store), 1) for no in (1, 2, 3)]
    store.outbox.accept(2)
    assert store.outbox.outstanding(0, 9) == [envelopes[0], envelopes[2]]
    assert store.outbox.outstanding(1, 9) == [envelopes[2]]
    assert store.outbox.outstanding(0, 1) == [envelopes[0]]
    with pytest.raises(Exception, match="UNIQUE"):
        seal(store, 1, send(store), 1)


def test_the_hash_lasts_as_long_as_the_envelope(store: SqliteStore) -> None:
    seal(store, 1, send(store), 1)
    assert store.outbox.hash_of(1) == b"hash 1"
    store.outbox.accept(1)
    store.outbox.delivered(1, 1, BOB, 1)
    assert store.outbox.hash_of(1) is None
    assert store.outbox.meant_for(1) == (0, 0)


def test_a_message_for_three_devices_is_delivered_once_and_kept_until_all_have_it(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, 2, 3)
    assert store.outbox.accept(1) == message_no
    ticks = [store.outbox.delivered(1, 1, BOB, device) for device in (1, 1, 2, 3, 3)]
    assert ticks == [[message_no], [], [], [], []]
    assert count(store, "envelope") == count(store, "envelope_device") == 0


def test_a_tick_of_another_account_or_device_proves_nothing(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    store.outbox.accept(1)
    assert store.outbox.delivered(1, 2**63 - 1, EVE, 1) == []
    assert store.outbox.delivered(1, 2**63 - 1, BOB, 2) == []
    assert store.outbox.delivered(2, 1, BOB, 1) == []
    assert store.outbox.undelivered(1, EVE, 1, "too_old") is None
    assert store.state(message_no) is MessageState.SENT


def test_a_tick_before_the_verdict_is_not_taken_back_by_it(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    assert store.outbox.delivered(1, 1, BOB, 1) == [message_no]
    assert [envelope.out_no for envelope in store.outbox.outstanding(0, 9)] == [1]
    assert store.outbox.accept(1) is None
    assert store.state(message_no) is MessageState.DELIVERED
    assert count(store, "envelope") == 0


def test_when_the_last_device_cannot_have_it_the_message_has_failed_once(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, 2)
    store.outbox.accept(1)
    told = [store.outbox.undelivered(1, BOB, device, "too_old") for device in (1, 1, 2, 2)]
    assert told == [None, None, message_no, None]
    message = store.message(message_no)
    assert message
    assert (message.state, message.reason) == (MessageState.UNDELIVERABLE, "too_old")


def test_one_device_that_has_it_is_enough(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, 2)
    store.outbox.accept(1)
    store.outbox.delivered(1, 1, BOB, 2)
    assert store.outbox.undelivered(1, BOB, 1, "too_old") is None
    assert store.state(message_no) is MessageState.DELIVERED


def test_a_rejected_message_stays_rejected_whatever_comes_later(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    assert store.outbox.reject(1, "too_large") == message_no
    assert store.outbox.reject(1, "too_large") is None
    assert store.outbox.accept(1) is None
    assert store.outbox.delivered(1, 1, BOB, 1) == []
    assert store.state(message_no) is MessageState.REJECTED


def test_a_rejected_top_up_that_was_the_last_hope_ends_the_message(store: SqliteStore) -> None:
    """The only device named is gone and the only other one's mailbox is full: somebody has to be told."""
    message_no = send(store)
    seal(store, 1, message_no, 1)
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, BOB, 2, 0)
    assert store.outbox.undelivered(1, BOB, 1, "device_removed") is None
    seal(store, 2, message_no, 2, answers=0)
    assert store.outbox.reject(2, "mailbox_full") == message_no
    assert store.state(message_no) is MessageState.REJECTED


def test_a_rejected_top_up_ends_nothing_while_another_device_may_get_it(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, BOB, 2, 0)
    seal(store, 2, message_no, 2, answers=0)
    assert store.outbox.reject(2, "mailbox_full") is None
    assert store.outbox.delivered(1, 1, BOB, 1) == [message_no]


def test_a_newer_message_waits_for_what_its_device_missed(store: SqliteStore) -> None:
    old = send(store)
    seal(store, 1, old, 1, 2)
    assert store.outbox.blocked(BOBS_PHONE, [1, 2, 3, 4]) == {3, 4}  # no verdict yet: 3 may turn out to be missing
    assert store.outbox.blocked(EVES_PHONE, [1, 2, 3, 4]) == set()
    store.outbox.accept(1)
    assert store.outbox.blocked(BOBS_PHONE, [1, 2, 3]) == set()
    store.outbox.add_top_up(old, BOB, 3, 0)
    assert store.outbox.blocked(BOBS_PHONE, [1, 2, 3]) == {3}
    assert store.outbox.blocked(BOBS_PHONE, [1, 2]) == set()
    seal(store, 2, old, 3, answers=0)
    assert store.outbox.blocked(BOBS_PHONE, [1, 2, 3]) == set()


def test_an_answer_to_again_holds_nothing_up(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, BOB, 1, 1)
    assert store.outbox.blocked(BOBS_PHONE, [1]) == set()


def test_top_ups_come_in_chat_order_and_each_once(store: SqliteStore) -> None:
    first, second = send(store), send(store)
    for message_no in (second, first, second):
        store.outbox.add_top_up(message_no, BOB, 3, 0)
    store.outbox.add_top_up(12345, BOB, 3, 0)  # a message that is gone
    assert [(due.draft.message_no, due.device) for due in store.outbox.top_ups(9)] == [(first, 3), (second, 3)]
    store.outbox.drop_top_up(first, 3, 0)
    assert [due.draft.message_no for due in store.outbox.top_ups(9)] == [second]


def test_only_drafts_expire_and_only_old_ones(store: SqliteStore) -> None:
    old, young, sealed = (send(store, born_ms=born_ms) for born_ms in (10, 20, 10))
    seal(store, 1, sealed, 1)
    assert store.outbox.expire(20, 50) == [old]
    assert store.outbox.expire(20, 50) == []
    states = [store.state(no) for no in (old, young, sealed)]
    assert states == [MessageState.EXPIRED, MessageState.QUEUED, MessageState.QUEUED]


def test_a_phone_whose_clock_was_wrong_offline_loses_no_message_to_it(store: SqliteStore) -> None:
    """Until the server's time is known nobody can say how old a draft is: it begins to wait when it is."""
    message_no = send(store, at_ms=-(2**40))
    assert store.outbox.expire(100, 150) == []
    assert store.outbox.expire(150, 200) == []
    assert store.outbox.expire(151, 200) == [message_no]


def test_a_message_sealed_on_its_last_day_still_gets_its_tick(store: SqliteStore) -> None:
    message_no = send(store, born_ms=1)
    seal(store, 1, message_no, 1)
    store.outbox.accept(1)
    assert store.outbox.end_unanswered(HORIZON_MS) == []  # 60 days after it was written: it may wait in a mailbox
    assert store.outbox.delivered(1, 1, BOB, 1) == [message_no]


def test_a_message_that_nobody_ever_answered_ends_visibly_and_is_forgotten(store: SqliteStore) -> None:
    sent, unjudged = send(store, born_ms=1), send(store, born_ms=1)
    seal(store, 1, sent, 1)
    seal(store, 2, unjudged, 1)
    store.outbox.accept(1)
    assert store.outbox.end_unanswered(ENVELOPES_KEPT_MS + 2) == [sent]
    assert store.outbox.end_unanswered(ENVELOPES_KEPT_MS + 2) == []
    assert (store.state(sent), store.state(unjudged)) == (MessageState.UNDELIVERABLE, MessageState.QUEUED)
    assert [envelope.out_no for envelope in store.outbox.outstanding(0, 9)] == [2]  # only a verdict ends it (R5)
    assert count(store, "envelope") == count(store, "envelope_device") == 1


def test_a_message_of_ours_is_found_by_its_id_and_nobody_elses_is(store: SqliteStore) -> None:
    message_no = send(store)
    receive(store, BOB, 1, 77, 1, "hi", 1, 1)
    assert (store.outbox.number_of(1), store.outbox.number_of(77)) == (message_no, None)


def test_control_content_is_no_message(store: SqliteStore) -> None:
    seal(store, 1, 0, answers=0)
    assert store.outbox.blocked(BOBS_PHONE, [1, 2]) == set()
    assert store.outbox.may_answer(1, BOB, 1, 3) == 0
    assert store.outbox.undelivered(1, BOB, 1, "too_old") is None
    assert store.outbox.accept(1) is None
    assert count(store, "envelope") == 0
    seal(store, 2, 0, answers=0)
    assert store.outbox.reject(2, "internal") is None


def test_only_those_it_was_meant_for_may_ask_again_and_not_for_ever(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    assert store.outbox.may_answer(1, EVE, 1, 3) == 0
    assert store.outbox.may_answer(99, BOB, 1, 3) == 0
    assert [store.outbox.may_answer(1, BOB, 1, 3) for _ in range(5)] == [message_no] * 3 + [0, 0]


def test_a_restored_server_gets_the_same_bytes_again_and_voids_for_what_is_gone(store: SqliteStore) -> None:
    envelopes = [seal(store, no, send(store), 1) for no in (1, 2, 3, 4)]
    for no in (1, 2, 3):
        store.outbox.accept(no)
    store.outbox.delivered(2, 2, BOB, 1)
    store.outbox.reopen_from(1, 4)
    assert store.outbox.outstanding(0, 9) == [Envelope(2, 0, b""), *envelopes[2:]]
    assert store.outbox.hash_of(2) == VOID_HASH
    assert store.outbox.accept(3) is None  # it was sent before: no second event
    store.outbox.reopen_from(0, 4)
    assert [envelope.out_no for envelope in store.outbox.outstanding(0, 9)] == [1, 2, 3, 4]


def test_a_server_that_forgot_nothing_reopens_nothing(store: SqliteStore) -> None:
    seal(store, 1, send(store), 1)
    store.outbox.accept(1)
    store.outbox.reopen_from(1, 1)
    assert store.outbox.outstanding(0, 9) == []


def test_a_new_device_seals_again_what_a_restored_server_had_forgotten(store: SqliteStore) -> None:
    """Both sides were restored: the message says `sent`, yet nobody has it."""
    message_no = send(store)
    seal(store, 1, message_no, 1, 2)
    store.outbox.accept(1)
    store.outbox.reopen_from(0, 1)
    store.outbox.unseal()
    assert [(due.draft.message_no, due.device, due.answers) for due in store.outbox.top_ups(9)] == [
        (message_no, 1, 0),
        (message_no, 2, 0),
    ]


def test_a_new_device_sends_nothing_again_that_has_failed(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, BOB, 2, 0)
    seal(store, 2, message_no, 2, answers=0)
    store.outbox.reopen_from(0, 2)
    store.outbox.reject(1, "internal")
    store.outbox.unseal()
    assert (store.outbox.top_ups(9), store.outbox.drafts(9)) == ([], [])


def test_a_removed_device_ends_all_that_nobody_has(store: SqliteStore) -> None:
    draft, sealed, sent, due = (send(store) for _ in range(4))
    for out_no, message_no in enumerate((sealed, sent, due), 1):
        seal(store, out_no, message_no, 1)
    store.outbox.accept(2)
    store.outbox.accept(3)
    store.outbox.add_top_up(due, BOB, 2, 0)
    store.outbox.undelivered(3, BOB, 1, "device_removed")
    assert store.outbox.fail_all("account_gone") == [draft, sealed, due]
    assert store.state(sent) is MessageState.SENT
    assert store.outbox.fail_all("account_gone") == []
    assert not any(count(store, table) for table in ("envelope", "envelope_device", "top_up"))


def test_a_chat_without_anybody_ends_its_drafts_only(store: SqliteStore) -> None:
    sealed, draft, other = send(store), send(store), send(store, phone=EVES_PHONE)
    seal(store, 1, sealed, 1)
    assert store.outbox.fail_chat(BOBS_PHONE, "no_account") == [draft]
    assert store.outbox.fail_chat("+4900000000", "no_account") == []
    assert [store.state(no) for no in (sealed, other)] == [MessageState.QUEUED] * 2


def test_a_message_that_came_in_is_never_ended_by_the_outbox(store: SqliteStore) -> None:
    received = receive(store, BOB, 1, 1, 1, "hi", 1, 1)
    assert received
    assert store.outbox.expire(2**62, 1) == store.outbox.end_unanswered(2**62) == store.outbox.fail_all("gone") == []
    assert store.outbox.end_if_hopeless(received, "gone") is None
    assert store.state(received) is MessageState.RECEIVED
