"""No event is lost in silence, none comes out of order (R13)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.events import (
    CHAT_EVENTS,
    MESSAGE_EVENTS,
    DeviceRemoved,
    DeviceReplaced,
    Event,
    MessageEvent,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageSent,
    Resync,
)
from onebar.store import SqliteStore
from onebar.store import events as events_module
from tests.sdk.store.conftest import BOB, BOBS_PHONE, count, memory_store, receive, send

CONSUMERS = ("app", "bot")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for ten events; trimmed at each fifth."""
    monkeypatch.setattr(events_module, "EVENT_ROWS_MAX", 10)
    monkeypatch.setattr(events_module, "_TRIM_ROWS", 5)


def tell(store: SqliteStore, times: int = 1) -> None:
    for _ in range(times):
        store.events.add("DeviceReplaced")


def numbers(found: Sequence[Event]) -> list[int]:
    return [event.event_no for event in found]


def read_all(store: SqliteStore, consumer: str, limit: int = 3) -> list[Event]:
    """Read as a consumer that handles each page and then asks for the next."""
    found: list[Event] = []
    while page := store.next_events(consumer, limit):
        found += page
        store.confirm_events(consumer, page[-1].event_no)
    return found


STEPS = st.lists(
    st.one_of(
        st.just(("tell", 0)),
        st.tuples(st.sampled_from(CONSUMERS), st.integers(1, 4)),  # read a page, handle some of it, confirm
        st.tuples(st.sampled_from(CONSUMERS), st.just(0)),  # read a page and crash
    ),
    max_size=40,
)


@given(STEPS)
def test_each_consumer_gets_every_event_in_order_however_it_stops_and_starts(steps: list[tuple[str, int]]) -> None:
    """A consumer that crashes between handling and confirming sees events again; none sees a hole."""
    with memory_store() as store:
        told, handled = 0, dict.fromkeys(CONSUMERS, 0)
        for name in CONSUMERS:
            store.confirm_events(name, 0)
        for who, how_many in steps:
            if who == "tell":
                told += 1
                tell(store)
                continue
            page = store.next_events(who, 4)
            expected = list(range(handled[who] + 1, min(told, handled[who] + 4) + 1))
            assert numbers(page) == expected
            for event in page[:how_many]:
                store.confirm_events(who, event.event_no)
                handled[who] = event.event_no
        assert count(store, "event") == told - min(handled.values())
        for name in CONSUMERS:
            assert numbers(read_all(store, name)) == list(range(handled[name] + 1, told + 1))
        assert count(store, "event") == 0


def test_confirming_an_old_page_late_takes_nothing_back(store: SqliteStore) -> None:
    tell(store, 5)
    store.confirm_events("app", 4)
    store.confirm_events("app", 2)
    assert numbers(store.next_events("app", 9)) == [5]


def test_a_slow_consumer_keeps_the_events_of_a_fast_one(store: SqliteStore) -> None:
    store.confirm_events("bot", 0)
    tell(store, 3)
    assert numbers(read_all(store, "app")) == [1, 2, 3]
    assert numbers(read_all(store, "bot")) == [1, 2, 3]


def test_a_number_is_never_used_again_after_all_rows_are_gone(store: SqliteStore) -> None:
    tell(store, 3)
    read_all(store, "app")
    assert count(store, "event") == 0
    tell(store)
    assert numbers(store.next_events("app", 9)) == [4]


def test_a_number_of_a_turn_that_failed_leaves_no_gap_that_looks_like_loss(store: SqliteStore) -> None:
    tell(store)

    def turn() -> None:
        with store.transaction():
            tell(store, 5)
            raise KeyError

    with pytest.raises(KeyError):
        turn()
    tell(store)
    assert numbers(store.next_events("app", 9)) == [1, 2]


def test_a_new_consumer_begins_with_the_oldest_event_that_is_left(store: SqliteStore) -> None:
    tell(store, 4)
    store.confirm_events("app", 2)
    assert numbers(store.next_events("bot", 9)) == [3, 4]


@pytest.mark.usefixtures("small")
def test_overflow_is_told_once_and_then_the_rest_comes(store: SqliteStore) -> None:
    tell(store, 23)
    [lost, *rest] = read_all(store, "app")
    assert isinstance(lost, Resync)
    assert lost.event_no == 10
    assert numbers(rest) == list(range(11, 24))
    assert not any(isinstance(event, Resync) for event in rest)


@pytest.mark.usefixtures("small")
def test_a_consumer_in_the_middle_of_a_page_learns_of_the_overflow(store: SqliteStore) -> None:
    tell(store, 4)
    store.confirm_events("app", 2)
    tell(store, 30)
    first = store.next_events("app", 9)
    assert first == [Resync(20)]
    assert store.next_events("app", 9) == first  # until it is confirmed


@pytest.mark.usefixtures("small")
def test_a_consumer_that_had_everything_before_the_overflow_lost_nothing(store: SqliteStore) -> None:
    tell(store, 12)
    store.confirm_events("app", 10)
    tell(store, 8)
    assert numbers(store.next_events("app", 99)) == list(range(11, 21))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shift", range(5))
def test_rows_are_bounded_whatever_kinds_of_events_take_turns(store: SqliteStore, shift: int) -> None:
    """MessageQueued is written by the outbox: it has to trim as well."""
    tell(store, shift)
    for _ in range(40):
        send(store)
    assert count(store, "event") <= 10 + 5


@pytest.mark.usefixtures("small")
def test_an_outbox_that_fills_up_offline_overflows_into_resync(store: SqliteStore) -> None:
    for _ in range(30):
        send(store)
    assert store.next_events("app", 1) == [Resync(20)]


@pytest.mark.parametrize(
    "kind", sorted(set(MESSAGE_EVENTS) - {"MessageReceived", "MessageFailed", "MessageQueued", "AttachmentFailed"})
)
def test_every_event_about_a_message_names_it_and_its_chat(store: SqliteStore, kind: str) -> None:
    message_no = send(store)
    store.events.add(kind, message_no)
    queued, event = store.next_events("app", 9)
    assert queued == MessageQueued(1, message_no, BOBS_PHONE)
    assert event == MESSAGE_EVENTS[kind](2, message_no, BOBS_PHONE)


def test_a_received_message_brings_its_text_and_a_failed_one_its_reason(store: SqliteStore) -> None:
    received = receive(store, BOB, 1, 1, 1, "multi word text", 1, 1)
    store.events.add("MessageReceived", received)
    store.events.add("MessageFailed", received, "rejected too large")
    assert store.next_events("app", 9) == [
        MessageReceived(1, received or 0, BOBS_PHONE, "multi word text"),
        MessageFailed(2, received or 0, BOBS_PHONE, "rejected", "too large"),
    ]


def test_events_of_the_device_bring_their_reason(store: SqliteStore) -> None:
    store.events.add("DeviceRemoved", None, "account_gone")
    store.events.add("DeviceReplaced")
    assert store.next_events("app", 9) == [DeviceRemoved(1, "account_gone"), DeviceReplaced(2)]


def test_an_event_about_a_message_that_nobody_knows_still_comes(store: SqliteStore) -> None:
    store.events.add("MessageUnreadable", None)
    store.events.add("MessageSent", 77)
    unreadable, sent = store.next_events("app", 9)
    assert isinstance(unreadable, MessageEvent)
    assert (unreadable.message_no, unreadable.chat) == (0, "")
    assert sent == MessageSent(2, 77, "")


@pytest.mark.parametrize("kind", sorted(CHAT_EVENTS))
def test_every_event_about_a_chat_names_it(store: SqliteStore, kind: str) -> None:
    store.events.add(kind, None, BOBS_PHONE)
    assert store.next_events("app", 9) == [CHAT_EVENTS[kind](1, BOBS_PHONE)]


def test_a_consumer_that_has_not_confirmed_yet_gets_what_comes_after_what_it_has(store: SqliteStore) -> None:
    store.confirm_events("app", 0)
    tell(store, 3)
    assert numbers(store.next_events("app", 9, 2)) == [3]
    assert store.next_events("app", 9, 3) == []
    store.confirm_events("app", 3)
    tell(store, 1)
    assert numbers(store.next_events("app", 9, 1)) == [4], "what it had confirmed later counts, too"
