"""Who knows what of whom, and who is to be told."""

from onebar.core.content import Profile
from onebar.models import Standing
from onebar.store import SqliteStore
from onebar.store.profiles import TOLD_AGAIN_MS
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, OUR_TABLET, US, know, peer, send

OWN = Profile(5, "Alice", "here", b"photo")


def session_with(store: SqliteStore, account: int, device: int) -> None:
    store._database.connection.execute("INSERT INTO session VALUES (?, ?, x'01', 0, 0)", (account, device))


def told(store: SqliteStore, *devices: tuple[int, int]) -> None:
    for account, device in devices:
        store.profiles.told(account, device, OWN.counter, 7, 1)


def test_what_an_account_says_of_itself_is_kept_and_shown_in_the_list(store: SqliteStore) -> None:
    assert store.profiles.get(BOB) is store.profiles.of(BOBS_PHONE) is store.profiles.of("+4900000000") is None
    send(store)
    send(store, phone=EVES_PHONE)
    store.profiles.put(BOB, Profile(1, "Bob"))
    store.profiles.put(BOB, Profile(2, "Bobby", "hi", b"x"))
    store.profiles.put(EVE, Profile(2, ""))
    assert store.profiles.of(BOBS_PHONE) == Profile(2, "Bobby", "hi", b"x")
    assert {chat.phone: chat.name for chat in store.chats()} == {BOBS_PHONE: "Bobby", EVES_PHONE: None}


def test_all_accepted_chats_with_a_session_and_our_own_devices_are_told(store: SqliteStore) -> None:
    send(store)
    send(store, phone=EVES_PHONE)
    know(store, US, "+4915112345671", peer(US, OUR_TABLET))
    for account, device in ((BOB, 1), (BOB, 2), (EVE, 1), (US, OUR_TABLET)):
        session_with(store, account, device)
    store.standings.put(EVES_PHONE, Standing.BLOCKED)
    store.contacts.remove_device(BOB, 2)
    store.profiles.put(0, OWN)
    store.profiles.tell_all()
    assert store.profiles.due(9) == [(US, OUR_TABLET), (BOB, 1)]
    store.profiles.skip(US, OUR_TABLET)
    told(store, (BOB, 1))
    assert store.profiles.due(9) == []


def test_with_a_message_goes_what_a_device_does_not_know(store: SqliteStore) -> None:
    store.profiles.tell(BOB, 1, 1)
    assert store.profiles.due(9) == [], "there is nothing to tell"
    store.profiles.put(0, OWN)
    store.profiles.tell(BOB, 1, 1)
    assert store.profiles.due(9) == [(BOB, 1)]
    told(store, (BOB, 1))
    store.profiles.tell(BOB, 1, TOLD_AGAIN_MS)
    assert store.profiles.due(9) == []
    store.profiles.tell(BOB, 1, TOLD_AGAIN_MS + 2)
    assert store.profiles.due(9) == [(BOB, 1)], "it may have been lost, a month ago"
    told(store, (BOB, 1))
    store.profiles.put(0, Profile(6, "Alicia"))
    store.profiles.tell(BOB, 1, 2)
    assert store.profiles.due(1) == [(BOB, 1)]


def test_what_was_rejected_or_did_not_open_is_told_again(store: SqliteStore) -> None:
    store.profiles.put(0, OWN)
    told(store, (BOB, 1), (EVE, 1))
    store.profiles.rejected(8)
    store.profiles.tell(BOB, 1, 2)
    assert store.profiles.due(9) == []
    store.profiles.rejected(7)
    assert store.profiles.due(9) == [], "with the next message, so that nobody asks in circles"
    store.profiles.tell(BOB, 1, 2)
    assert store.profiles.due(9) == [(BOB, 1)]
    told(store, (BOB, 1))
    store.profiles.again(BOB, 1)
    store.profiles.again(BOB, 2)
    assert store.profiles.due(9) == [(BOB, 1)]


def test_whose_number_or_phone_is_anothers_now_is_unknown(store: SqliteStore) -> None:
    store.profiles.put(0, OWN)
    store.profiles.put(BOB, Profile(1, "Bob"))
    told(store, (BOB, 1))
    store.profiles.forget(BOB)
    assert store.profiles.get(BOB) is None
    store.profiles.tell(BOB, 1, 2)
    assert store.profiles.due(9) == [(BOB, 1)]
