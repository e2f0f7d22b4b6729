"""Copies for our own devices are no delivery, and what was sealed for a key that changed ends (R4, R11)."""

from onebar.models import MessageState
from onebar.store import SqliteStore
from tests.sdk.store.conftest import (
    BOB,
    BOBS_PHONE,
    EVE,
    EVES_PHONE,
    OUR_TABLET,
    THIS_DEVICE,
    US,
    count,
    seal,
    send,
)


def test_a_copy_for_our_tablet_keeps_the_envelope_and_is_no_delivery(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    assert store.outbox.delivered(1, 1, BOB, 1) == [message_no]
    assert store.outbox.hash_of(1) is not None  # our tablet may still ask for it
    assert store.outbox.delivered(1, 1, US, OUR_TABLET) == []
    assert count(store, "envelope") == count(store, "envelope_device") == 0


def test_a_tick_of_our_tablet_says_nothing_about_the_recipient(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    assert store.outbox.delivered(1, 1, US, OUR_TABLET) == []
    assert store.state(message_no) is MessageState.SENT
    assert store.outbox.delivered(1, 1, BOB, 1) == [message_no]


def test_a_device_of_ours_and_one_of_the_recipients_with_the_same_number_are_two(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[1])
    store.outbox.accept(1)
    assert store.outbox.delivered(1, 1, US, 1) == []
    assert store.outbox.undelivered(1, BOB, 1, "device_removed") == message_no


def test_our_tablet_is_no_hope_for_a_message(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, US, 13, 0)
    assert store.outbox.undelivered(1, US, OUR_TABLET, "too_old") is None
    assert store.outbox.undelivered(1, BOB, 1, "too_old") == message_no


def test_a_copy_that_our_tablet_has_yet_to_open_is_no_hope_either(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    assert store.outbox.undelivered(1, BOB, 1, "too_old") == message_no
    assert store.outbox.may_answer(1, US, OUR_TABLET, 3) == message_no


def test_a_removed_tablet_ends_no_message(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    assert store.outbox.undelivered(1, US, OUR_TABLET, "device_removed") is None
    store.outbox.add_top_up(message_no, US, 13, 0)
    seal(store, 2, message_no, account=US, own=[13], answers=0)
    assert store.outbox.top_ups(9) == []
    assert store.outbox.reject(2, "mailbox_full") is None
    assert store.state(message_no) is MessageState.SENT
    assert count(store, "envelope_device") == 1


def test_a_top_up_for_our_tablet_names_our_account_and_blocks_what_is_newer(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1)
    assert store.outbox.blocked(BOBS_PHONE, [1, OUR_TABLET]) == {OUR_TABLET}
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, US, OUR_TABLET, 0)
    [top_up] = store.outbox.top_ups(9)
    assert (top_up.account, top_up.device, top_up.draft.message_no) == (US, OUR_TABLET, message_no)
    assert store.outbox.blocked(BOBS_PHONE, [1, OUR_TABLET]) == {OUR_TABLET}
    seal(store, 2, message_no, account=US, own=[OUR_TABLET], answers=0)
    assert store.outbox.blocked(BOBS_PHONE, [1, OUR_TABLET]) == set()


def test_of_our_own_devices_only_those_may_ask_that_it_was_sealed_for(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    assert store.outbox.may_answer(1, US, THIS_DEVICE, 3) == 0
    assert store.outbox.may_answer(1, EVE, OUR_TABLET, 3) == 0
    assert store.outbox.may_answer(1, US, OUR_TABLET, 3) == message_no
    assert store.outbox.may_answer(1, BOB, 9, 3) == message_no  # a later device of the recipient's account
    store.outbox.accept(1)
    store.outbox.delivered(1, 1, US, OUR_TABLET)
    assert store.outbox.may_answer(1, US, OUR_TABLET, 3) == 0


def test_a_new_device_sends_copies_again_to_our_own_account(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    store.outbox.reopen_from(0, 1)
    store.outbox.unseal()
    assert [(due.account, due.device) for due in store.outbox.top_ups(9)] == [(BOB, 1), (US, OUR_TABLET)]


def test_a_removed_device_fails_nothing_for_a_copy_that_is_due(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, own=[OUR_TABLET])
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, US, 13, 0)
    assert store.outbox.fail_all("device_removed") == []
    assert store.state(message_no) is MessageState.SENT


def test_a_message_remembers_whom_it_was_first_sealed_for(store: SqliteStore) -> None:
    message_no = send(store)
    assert [draft.audience for draft in store.outbox.drafts(9)] == [b""]
    seal(store, 1, message_no, 1, audience=b"key")
    store.outbox.unseal()
    assert [draft.audience for draft in store.outbox.drafts(9)] == [b"key"]
    seal(store, 1, message_no, 1, audience=b"another")
    draft = store.outbox.draft(message_no)
    assert draft
    assert draft.audience == b"key"


def test_what_was_sealed_for_a_key_that_changed_ends_and_nothing_else(store: SqliteStore) -> None:
    old, delivered, new, before_keys, eves, draft, queued = (
        send(store, phone=EVES_PHONE if no == 5 else BOBS_PHONE) for no in range(1, 8)
    )
    for out_no, (message_no, audience) in enumerate(
        [(old, b"old"), (delivered, b"old"), (new, b"new"), (before_keys, b""), (queued, b"old")], 1
    ):
        seal(store, out_no, message_no, 1, 2, audience=audience)
    seal(store, 6, eves, 1, account=EVE, audience=b"old")
    for out_no in (1, 2, 3, 4, 6):
        store.outbox.accept(out_no)
    store.outbox.delivered(2, 2, BOB, 1)
    for message_no in (old, delivered, new):
        store.outbox.add_top_up(message_no, BOB, 3, 0)
    assert store.outbox.end_for_key(BOB, b"new") == [old, queued]
    message = store.message(old)
    assert message
    assert (message.state, message.reason) == (MessageState.UNDELIVERABLE, "key_changed")
    assert [store.state(no) for no in (delivered, new, before_keys, eves, draft)] == [
        MessageState.DELIVERED,
        MessageState.SENT,
        MessageState.SENT,
        MessageState.SENT,
        MessageState.QUEUED,
    ]
    assert [due.draft.message_no for due in store.outbox.top_ups(9)] == [new]
    assert store.outbox.end_for_key(BOB, b"new") == []


def test_a_message_whose_only_way_was_a_top_up_ends_with_the_key_too(store: SqliteStore) -> None:
    message_no = send(store)
    seal(store, 1, message_no, 1, audience=b"old")
    store.outbox.accept(1)
    store.outbox.add_top_up(message_no, BOB, 2, 0)
    store.outbox.undelivered(1, BOB, 1, "device_removed")
    assert count(store, "envelope") == 0
    assert store.outbox.end_for_key(EVE, b"new") == []
    assert store.outbox.end_for_key(BOB, b"new") == [message_no]
    assert store.outbox.top_ups(9) == []


def test_no_verdict_and_no_tick_takes_back_that_a_message_was_read(store: SqliteStore) -> None:
    message_no = send(store, born_ms=1)
    seal(store, 1, message_no, 1, 2)
    store.outbox.accept(1)
    assert store.outbox.delivered(1, 1, BOB, 1) == [message_no]
    assert store.outbox.read(BOB, 1) == [message_no]
    assert store.outbox.accept(1) is None
    assert store.outbox.delivered(1, 1, BOB, 1) == []
    assert store.outbox.undelivered(1, BOB, 2, "too_old") is None
    assert store.outbox.end_unanswered(2**62) == store.outbox.fail_all("gone") == []
    assert store.state(message_no) is MessageState.READ
