"""Who is who survives whatever the directory says next."""

from onebar.store import SqliteStore
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, peer


def test_a_second_answer_swaps_no_key(store: SqliteStore) -> None:
    store.contacts.put(BOB, BOBS_PHONE, [peer(BOB, 1, salt=b"another")])
    assert store.contacts.device(BOB, 1) == peer(BOB, 1)


def test_a_removed_device_never_comes_back(store: SqliteStore) -> None:
    store.contacts.remove_device(BOB, 2)
    store.contacts.put(BOB, BOBS_PHONE, [peer(BOB, 2)])
    assert [found.device for found in store.contacts.devices(BOB)] == [1, 3]
    assert store.contacts.device(BOB, 2) == peer(BOB, 2, removed=True)


def test_the_directory_can_remove_a_device(store: SqliteStore) -> None:
    store.contacts.put(BOB, BOBS_PHONE, [peer(BOB, 1, removed=True), peer(BOB, 9)])
    assert [found.device for found in store.contacts.devices(BOB)] == [2, 3, 9]


def test_a_device_left_out_of_an_answer_stays(store: SqliteStore) -> None:
    store.contacts.put(BOB, BOBS_PHONE, [])
    assert len(store.contacts.devices(BOB)) == 3


def test_removing_a_stranger_changes_nothing(store: SqliteStore) -> None:
    store.contacts.remove_device(99, 1)
    assert store.contacts.device(99, 1) is None
    assert store.contacts.devices(99) == []
    assert store.contacts.phone(99) is None


def test_a_number_that_moves_to_another_account_leaves_the_old_one_nameless(store: SqliteStore) -> None:
    store.contacts.put(EVE, BOBS_PHONE, [])
    assert store.contacts.phone(EVE) == BOBS_PHONE
    assert store.contacts.phone(BOB) is None
    store.contacts.put(BOB, EVES_PHONE, [])  # and back, crosswise
    assert (store.contacts.phone(BOB), store.contacts.phone(EVE)) == (EVES_PHONE, BOBS_PHONE)


def test_devices_of_two_accounts_are_never_mixed(store: SqliteStore) -> None:
    store.contacts.remove_device(EVE, 1)
    assert [found.device for found in store.contacts.devices(BOB)] == [1, 2, 3]
    assert [found.device for found in store.contacts.devices(EVE)] == [2, 3]
