"""What was read is told once, up to the right place, and believed of the chat's other side only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.core.records import Receipt
from onebar.models import MessageState, Standing
from onebar.store import SqliteStore
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, copy, know, memory_store, receive, seal, send


def unread(store: SqliteStore) -> int:
    [chat] = store.chats()
    return chat.unread


def come(store: SqliteStore, *places: tuple[int, int]) -> list[int]:
    """Messages of Bob's devices come in; return their numbers."""
    numbers = [receive(store, BOB, device, 100 * device + no, no) for device, no in places]
    return [number for number in numbers if number is not None]


def accept(store: SqliteStore) -> None:
    """Want to hear of both."""
    for phone in (BOBS_PHONE, EVES_PHONE):
        store.standings.put(phone, Standing.ACCEPTED)


def sent(store: SqliteStore, *states: str, audience: bytes = b"") -> list[int]:
    """Messages of ours to Bob, in these states."""
    numbers = [send(store) for _ in states]
    for out_no, (number, state) in enumerate(zip(numbers, states, strict=True), 1):
        seal(store, out_no, number, 1, audience=audience)
        store._database.connection.execute("UPDATE message SET state = ? WHERE message_no = ?", (state, number))
    return numbers


def test_reading_up_to_a_message_tells_each_of_its_authors_devices(store: SqliteStore) -> None:
    numbers = come(store, (1, 1), (2, 1), (1, 2), (2, 2))
    assert unread(store) == 4
    assert store.inbox.mark_read(BOBS_PHONE, numbers[2]) == [Receipt(BOB, 1, 2), Receipt(BOB, 2, 1)]
    assert unread(store) == 1


def test_the_mark_never_goes_back_and_nothing_is_news_twice(store: SqliteStore) -> None:
    first, second, third = come(store, (1, 1), (1, 2), (1, 3))
    assert store.inbox.mark_read(BOBS_PHONE, second) == [Receipt(BOB, 1, 2)]
    assert store.inbox.mark_read(BOBS_PHONE, first) == store.inbox.mark_read(BOBS_PHONE, second) == []
    assert unread(store) == 1
    assert store.inbox.mark_read(BOBS_PHONE, third) == [Receipt(BOB, 1, 3)]
    assert unread(store) == 0


def test_reading_a_late_message_does_not_read_what_follows_it_in_the_same_place(store: SqliteStore) -> None:
    """A straggler shares the place of the message after it (R9): the user has seen no more than it."""
    come(store, (1, 1), (1, 5))
    [late] = come(store, (1, 3))
    assert store.inbox.mark_read(BOBS_PHONE, late) == [Receipt(BOB, 1, 3)]
    assert unread(store) == 1


def test_what_we_wrote_is_never_unread_and_told_to_nobody(store: SqliteStore) -> None:
    copy(store, 1)
    mine = send(store)
    assert unread(store) == 0
    assert store.inbox.mark_read(BOBS_PHONE, mine) == []


def test_unreadable_and_unsupported_messages_are_unread_until_they_were_seen(store: SqliteStore) -> None:
    store.inbox.quarantine(BOB, 1, 4, 4, b"x", "does_not_open", 1, ask=False, answer=False)
    store.inbox.give_up(1, 2)
    number = receive(store, BOB, 1, 7, 1, "", state=MessageState.UNSUPPORTED, content=b"poll")
    assert unread(store) == 2
    assert store.inbox.mark_read(BOBS_PHONE, number or 0) == [Receipt(BOB, 1, 1)]
    assert unread(store) == 0


@pytest.mark.parametrize("message_no", [0, 99, -1])
def test_a_message_that_is_not_in_the_chat_moves_no_mark(store: SqliteStore, message_no: int) -> None:
    come(store, (1, 1))
    receive(store, EVE, 1, 1, 1)
    assert store.inbox.mark_read(BOBS_PHONE, message_no) == store.inbox.mark_read("+4900000000", 1) == []
    assert store.inbox.mark_read(EVES_PHONE, 1) == []
    assert [chat.unread for chat in store.chats()] == [1, 1]


def test_receipts_wait_in_order_until_they_were_told(store: SqliteStore) -> None:
    accept(store)
    for receipt in (Receipt(EVE, 1, 3), Receipt(BOB, 1, 5), Receipt(EVE, 1, 4)):
        store.outbox.add_receipt(receipt)
    assert store.outbox.receipts(9) == [Receipt(EVE, 1, 4), Receipt(BOB, 1, 5)]
    assert store.outbox.receipts(1) == [Receipt(EVE, 1, 4)]
    store.outbox.drop_receipts([Receipt(EVE, 1, 4)])
    assert store.outbox.receipts(9) == [Receipt(BOB, 1, 5)]
    store.outbox.add_receipt(Receipt(EVE, 1, 6))
    assert store.outbox.receipts(9) == [Receipt(BOB, 1, 5), Receipt(EVE, 1, 6)]


def test_what_was_read_while_a_receipt_was_on_its_way_is_told_later(store: SqliteStore) -> None:
    accept(store)
    store.outbox.add_receipt(Receipt(BOB, 1, 5))
    store.outbox.add_receipt(Receipt(BOB, 1, 7))
    store.outbox.drop_receipts([Receipt(BOB, 1, 5)])
    assert store.outbox.receipts(9) == [Receipt(BOB, 1, 7)]
    store.outbox.drop_receipts([Receipt(BOB, 1, 7), Receipt(BOB, 1, 5), Receipt(EVE, 9, 9)])
    assert store.outbox.receipts(9) == []
    store.outbox.add_receipt(Receipt(BOB, 1, 6))  # less than was told
    assert store.outbox.receipts(9) == []


def test_what_was_read_of_a_request_waits_until_it_is_accepted_and_holds_up_no_other(store: SqliteStore) -> None:
    [first] = come(store, (1, 1))
    receive(store, EVE, 1, 1, 1)
    store.standings.put(EVES_PHONE, Standing.ACCEPTED)
    for phone, number in ((BOBS_PHONE, first), (EVES_PHONE, None)):
        for receipt in store.inbox.mark_read(phone, number):
            store.outbox.add_receipt(receipt)
    assert store.outbox.receipts(1) == [Receipt(EVE, 1, 1)]
    store.standings.put(BOBS_PHONE, Standing.BLOCKED)
    assert store.outbox.receipts(9) == [Receipt(EVE, 1, 1)]
    copy(store, 1)
    store.standings.put(BOBS_PHONE, Standing.ACCEPTED)
    assert store.outbox.receipts(9) == [Receipt(BOB, 1, 1), Receipt(EVE, 1, 1)]
    store.outbox.forget_receipts()
    assert store.outbox.receipts(9) == []
    store.outbox.add_receipt(Receipt(BOB, 1, 1))
    assert store.outbox.receipts(9) == []


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 6)), max_size=12, unique=True), st.data())
def test_however_messages_come_and_are_read_the_authors_learn_exactly_what_was_seen(
    places: list[tuple[int, int]], data: st.DataObject
) -> None:
    """The model: who reads up to a message has seen all that stands there then, and what comes later is unread."""
    with memory_store() as store:
        accept(store)
        seen: set[str] = set()
        for place in places:
            receive(store, BOB, place[0], 100 * place[0] + place[1], place[1], f"{place[0]} {place[1]}")
            page = store.history(BOBS_PHONE, 99)
            upto = data.draw(st.none() | st.sampled_from(range(len(page))))
            if upto is not None:
                seen |= {message.text for message in page[: upto + 1]}
                for receipt in store.inbox.mark_read(BOBS_PHONE, page[upto].message_no):
                    store.outbox.add_receipt(receipt)
            assert {message.text for message in page if not message.unread} <= seen
            assert unread(store) == len(page) - len(seen)
        came = {device: sorted(no for one, no in places if one == device) for device in (1, 2)}
        due = {receipt.device: receipt.chat_no for receipt in store.outbox.receipts(9)}
        for device, numbers in came.items():
            unseen = [no for no in numbers if f"{device} {no}" not in seen]
            true = unseen[0] - 1 if unseen else max(numbers, default=0)
            assert due.get(device, 0) <= true, "nobody hears that more was read than was seen"
            assert unseen or due.get(device, 0) == true


def test_what_comes_late_is_unread_by_itself_and_its_author_hears_when_it_was_seen(store: SqliteStore) -> None:
    accept(store)
    come(store, (1, 1), (1, 2), (1, 5))
    [receipt] = store.inbox.mark_read(BOBS_PHONE, None)
    store.outbox.add_receipt(receipt)
    store.outbox.drop_receipts([receipt])
    [late] = come(store, (1, 3))
    assert unread(store) == 1
    assert [message.unread for message in store.history(BOBS_PHONE, 9)] == [False, False, True, False]
    assert store.outbox.receipts(9) == []
    assert store.inbox.mark_read(BOBS_PHONE, late) == [Receipt(BOB, 1, 5)]
    assert unread(store) == 0
    store.outbox.add_receipt(Receipt(BOB, 1, 5))
    assert store.outbox.receipts(9) == [Receipt(BOB, 1, 5)]
    assert come(store, (1, 3)) == [], "a duplicate"
    assert unread(store) == 0


def test_all_that_is_there_is_marked_where_no_message_is_named(store: SqliteStore) -> None:
    come(store, (1, 1), (2, 1))
    receive(store, EVE, 1, 1, 1)
    assert store.inbox.mark_read(BOBS_PHONE, None) == [Receipt(BOB, 1, 1), Receipt(BOB, 2, 1)]
    assert store.inbox.mark_read(BOBS_PHONE, None) == store.inbox.mark_read("+4900000000", None) == []
    assert {chat.phone: chat.unread for chat in store.chats()} == {BOBS_PHONE: 0, EVES_PHONE: 1}


def test_what_the_other_side_has_read_is_read_once_it_is_delivered(store: SqliteStore) -> None:
    states = ("sent", "delivered", "undeliverable", "rejected", "expired", "queued", "read", "delivered")
    numbers = sent(store, *states)
    assert store.outbox.read(BOB, 7) == [numbers[1]]
    assert [str(store.state(no)) for no in numbers] == ["sent", "read", *states[2:]]
    assert store.outbox.read(BOB, 7) == []
    assert not store.outbox.read_before(numbers[0]), "a receipt says up to, and this one never came"
    assert store.outbox.delivered(1, 1, BOB, 1) == [numbers[0]]
    assert store.outbox.read_before(numbers[0])
    assert not store.outbox.read_before(numbers[0])
    assert not store.outbox.read_before(numbers[7])
    assert store.outbox.read(BOB, 2**62) == [numbers[7]]


def test_nobody_reads_what_will_be_sent_tomorrow(store: SqliteStore) -> None:
    [first] = sent(store, "delivered")
    assert store.outbox.read(BOB, 2**63 - 1) == [first]
    second = send(store)
    seal(store, 2, second, 1)
    assert store.outbox.delivered(2, 2, BOB, 1) == [second]
    assert not store.outbox.read_before(second)


def test_only_the_chats_other_side_can_read_our_messages(store: SqliteStore) -> None:
    [number] = sent(store, "delivered")
    assert store.outbox.read(EVE, 99) == store.outbox.read(12345, 99) == []
    assert store.state(number) is MessageState.DELIVERED


def test_who_takes_over_a_number_has_not_read_what_its_last_owner_got(store: SqliteStore) -> None:
    [number] = sent(store, "delivered", audience=b"bob's key")
    know(store, EVE, BOBS_PHONE, key=b"eve's key")
    assert store.outbox.read(EVE, 99) == []
    know(store, BOB, BOBS_PHONE, key=b"bob's key")
    assert store.outbox.read(BOB, 99) == [number]


def test_a_message_that_came_in_is_read_by_nobody_through_a_receipt(store: SqliteStore) -> None:
    [number] = come(store, (1, 1))
    assert store.outbox.read(BOB, 99) == []
    assert store.state(number) is MessageState.RECEIVED
