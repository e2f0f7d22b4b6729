"""What an app reads is in order and whole, however the messages arrived (R9)."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.chats import ChatSummary
from onebar.models import MessageState, Standing
from onebar.store import SqliteStore
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, memory_store, receive, send

OWN = 0
Arrival = tuple[int, int]
ARRIVALS = st.lists(st.tuples(st.integers(OWN, 3), st.integers(1, 9)), max_size=30)


def arrive(store: SqliteStore, device: int, chat_no: int, account: int = BOB, message_id: int = 0) -> int | None:
    """A text comes in; by default each place of each device has an id of its own."""
    message_id = message_id or device * 1000 + chat_no
    return receive(store, account, device, message_id, chat_no, f"{device}/{chat_no}", chat_no, 1)


class Reference:
    """A chat as a plain list: a late message goes right before the next one of its author."""

    def __init__(self) -> None:
        self.order: list[Arrival] = []

    def add(self, device: int, chat_no: int) -> bool:
        if device == OWN:
            self.order.append((OWN, 1 + len(self.of(OWN))))
            return True
        if (device, chat_no) in self.order:
            return False
        later = [(device, no) for no in sorted(self.of(device)) if no > chat_no]
        self.order.insert(self.order.index(later[0]) if later else len(self.order), (device, chat_no))
        return True

    def of(self, device: int) -> list[int]:
        return [no for author, no in self.order if author == device]

    def missing_before(self, device: int, chat_no: int) -> int:
        earlier = [no for no in self.of(device) if no < chat_no]
        return chat_no - max(earlier) - 1 if earlier and device != OWN else 0


def fill(store: SqliteStore, arrivals: list[Arrival]) -> Reference:
    """Let messages of ours and of Bob's devices come, in this order, with duplicates."""
    reference, own = Reference(), 0
    for device, chat_no in arrivals:
        new = reference.add(device, chat_no)
        with store.transaction():
            if device == OWN:
                own += 1
                send(store, f"0/{own}")
            else:
                assert (arrive(store, device, chat_no) is not None) == new
    return reference


@given(ARRIVALS)
def test_any_order_of_arrival_ends_in_each_authors_order_with_true_gaps_and_nothing_twice(
    arrivals: list[Arrival],
) -> None:
    with memory_store() as store:
        reference = fill(store, arrivals)
        page = store.history(BOBS_PHONE, 1000)
        assert [message.text for message in page] == [f"{device}/{no}" for device, no in reference.order]
        gaps = [reference.missing_before(*place) for place in reference.order]
        assert [message.missing_before for message in page] == gaps
        per_author = defaultdict(list)
        for message in page:
            author, _, no = message.text.partition("/")
            per_author[author].append(int(no))
        assert all(numbers == sorted(set(numbers)) for numbers in per_author.values())
        unread = sum(not message.outgoing for message in page)
        standing = Standing.REQUESTED if unread == len(page) else Standing.ACCEPTED
        assert store.chats() == ([ChatSummary(BOBS_PHONE, len(page), unread, standing, page[-1])] if page else [])


@given(ARRIVALS, st.integers(1, 7))
def test_paging_back_shows_each_message_once_in_order_whatever_the_page_size(
    arrivals: list[Arrival], limit: int
) -> None:
    with memory_store() as store:
        fill(store, arrivals)
        whole = store.history(BOBS_PHONE, 1000)
        pages, before = [], None
        while page := store.history(BOBS_PHONE, limit, before):
            pages.append(page)
            before = page[0].place
        assert [message for page in reversed(pages) for message in page] == whole
        assert all(len(page) >= limit for page in pages[:-1])


@given(ARRIVALS, st.integers(1, 7))
def test_paging_on_from_any_message_shows_each_one_once(arrivals: list[Arrival], limit: int) -> None:
    with memory_store() as store:
        fill(store, arrivals)
        whole = store.history(BOBS_PHONE, 1000)
        seen = [message for message in whole if message.place <= whole[0].place]
        while page := store.history_after(BOBS_PHONE, limit, seen[-1].place if seen else 0):
            seen += page
        assert seen == whole


@settings(max_examples=40)
@given(st.permutations(list(range(1, 9))))
def test_a_burst_in_any_order_closes_every_gap(order: list[int]) -> None:
    with memory_store() as store:
        fill(store, [(1, no) for no in order])
        page = store.history(BOBS_PHONE, 100)
        assert [message.text for message in page] == [f"1/{no}" for no in range(1, 9)]
        assert not any(message.missing_before for message in page)


def test_a_hole_behind_a_straggler_older_than_all_others_is_seen(store: SqliteStore) -> None:
    arrive(store, 1, 5)
    arrive(store, 1, 2)
    assert [message.missing_before for message in store.history(BOBS_PHONE, 9)] == [0, 2]


def test_messages_resent_by_a_new_device_leave_no_false_gap(store: SqliteStore) -> None:
    arrive(store, 1, 1)
    arrive(store, 1, 2)
    assert arrive(store, 2, 1, message_id=1001) is None  # an old id from the sender's new device (R20)
    assert arrive(store, 2, 2, message_id=1002) is None
    arrive(store, 2, 3)
    assert [message.missing_before for message in store.history(BOBS_PHONE, 9)] == [0, 0, 0]


def test_a_straggler_before_a_resent_message_does_not_count_the_resent_one(store: SqliteStore) -> None:
    arrive(store, 1, 2)
    assert arrive(store, 2, 2, message_id=1002) is None
    arrive(store, 2, 5)
    arrive(store, 2, 1)
    gaps = {message.text: message.missing_before for message in store.history(BOBS_PHONE, 9)}
    assert gaps == {"1/2": 0, "2/1": 0, "2/5": 2}


def test_the_same_id_from_another_account_is_another_message(store: SqliteStore) -> None:
    assert arrive(store, 1, 1, BOB, message_id=5)
    assert arrive(store, 1, 1, EVE, message_id=5)
    assert [len(store.history(phone, 9)) for phone in (BOBS_PHONE, EVES_PHONE)] == [1, 1]


def test_a_clock_that_is_wrong_moves_no_message(store: SqliteStore) -> None:
    for no, sent_at_ms in enumerate((50, -3, 2**62), 1):
        receive(store, BOB, 1, no, no, str(no), sent_at_ms, 1)
    assert [message.text for message in store.history(BOBS_PHONE, 9)] == ["1", "2", "3"]


def test_the_largest_numbers_of_a_hostile_author_are_kept(store: SqliteStore) -> None:
    top = 2**63 - 1
    for chat_no in (1, top, 2, top - 1, 0):
        assert receive(store, BOB, 1, chat_no, chat_no, str(chat_no), top, top)
    page = store.history(BOBS_PHONE, 9)
    assert [message.text for message in page] == [str(no) for no in (0, 1, 2, top - 1, top)]
    assert [message.missing_before for message in page] == [0, 0, 0, top - 4, 0]


def test_chats_stand_by_their_newest_message_and_empty_ones_are_hidden(store: SqliteStore) -> None:
    send(store, phone=BOBS_PHONE)
    send(store, phone=EVES_PHONE)
    assert [chat.phone for chat in store.chats()] == [EVES_PHONE, BOBS_PHONE]
    arrive(store, 1, 1, BOB)
    assert [(chat.phone, chat.messages, chat.unread) for chat in store.chats()] == [
        (BOBS_PHONE, 2, 1),
        (EVES_PHONE, 1, 0),
    ]


def test_a_chat_that_nobody_has_and_a_message_that_is_not_there_are_empty(store: SqliteStore) -> None:
    assert store.history("+4900000000", 9) == []
    assert store.message(1) is None
    assert store.state(1) is None


def test_one_chats_history_never_shows_anothers(store: SqliteStore) -> None:
    for no in range(1, 6):
        arrive(store, 1, no, BOB)
        arrive(store, 1, no, EVE)
    assert [message.chat for message in store.history(BOBS_PHONE, 3)] == [BOBS_PHONE] * 3
    assert len(store.history(BOBS_PHONE, 3, before=3)) == 1


@pytest.mark.parametrize(("state", "shown"), [("queued", True), ("sent", False), ("expired", False)])
def test_the_outbox_list_holds_what_waits_only(store: SqliteStore, state: str, shown: bool) -> None:
    message_no = send(store)
    store._database.connection.execute("UPDATE message SET state = ?", (state,))
    assert [message.message_no for message in store.outbox_messages()] == ([message_no] if shown else [])
    assert store.state(message_no) is MessageState(state)
