"""Who is who survives whatever the directory says next."""

import msgspec
import pytest

from onebar.core.records import Contact, Trust
from onebar.models import Protection
from onebar.store import SqliteStore
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, US, know, our_device, peer


def phone(store: SqliteStore, account: int) -> str | None:
    contact = store.contacts.contact(account)
    assert contact
    return contact.phone


@pytest.mark.parametrize("trust", list(Trust))
def test_a_contact_comes_back_as_it_was_signed(store: SqliteStore, trust: Trust) -> None:
    contact = Contact(BOB, BOBS_PHONE, b"another key", b"another list", trust)
    store.contacts.put(contact)
    assert store.contacts.contact(BOB) == contact


def test_a_contact_without_a_number_is_kept_with_its_key(store: SqliteStore) -> None:
    store.contacts.put(Contact(BOB, None, b"key", b"list"))
    assert store.contacts.contact(BOB) == Contact(BOB, None, b"key", b"list")
    assert store.contacts.account(BOBS_PHONE) is None
    assert phone(store, EVE) == EVES_PHONE


def test_a_stranger_is_nobody_and_removing_one_changes_nothing(store: SqliteStore) -> None:
    store.contacts.remove_device(99, 1)
    assert store.contacts.device(99, 1) is None
    assert store.contacts.devices(99) == []
    assert store.contacts.contact(99) is None


def test_a_number_that_moves_to_another_account_leaves_the_old_one_nameless(store: SqliteStore) -> None:
    know(store, EVE, BOBS_PHONE)
    assert (phone(store, EVE), phone(store, BOB)) == (BOBS_PHONE, None)
    know(store, BOB, EVES_PHONE)  # and back, crosswise
    assert (phone(store, BOB), phone(store, EVE)) == (EVES_PHONE, BOBS_PHONE)
    assert [store.contacts.account(number) for number in (EVES_PHONE, BOBS_PHONE)] == [BOB, EVE]


def test_a_device_is_kept_with_the_keys_that_were_certified_last(store: SqliteStore) -> None:
    store.contacts.put_device(peer(BOB, 1, salt=b"another"))
    assert store.contacts.device(BOB, 1) == peer(BOB, 1, salt=b"another")


def test_a_removed_device_never_comes_back(store: SqliteStore) -> None:
    store.contacts.remove_device(BOB, 2)
    store.contacts.put_device(peer(BOB, 2))
    assert [found.device for found in store.contacts.devices(BOB)] == [1, 3]
    assert store.contacts.device(BOB, 2) == peer(BOB, 2, removed=True)


def test_a_device_can_be_put_as_removed(store: SqliteStore) -> None:
    store.contacts.put_device(peer(BOB, 1, removed=True))
    store.contacts.put_device(peer(BOB, 9))
    assert [found.device for found in store.contacts.devices(BOB)] == [2, 3, 9]


def test_a_contact_that_is_put_again_keeps_its_devices(store: SqliteStore) -> None:
    know(store, BOB, BOBS_PHONE, key=b"another")
    assert len(store.contacts.devices(BOB)) == 3


def test_devices_of_two_accounts_are_never_mixed(store: SqliteStore) -> None:
    store.contacts.remove_device(EVE, 1)
    assert [found.device for found in store.contacts.devices(BOB)] == [1, 2, 3]
    assert [found.device for found in store.contacts.devices(EVE)] == [2, 3]


def test_what_protects_our_number(store: SqliteStore) -> None:
    assert store.contacts.protection() is None
    store.contacts.protect(pin=True)
    assert store.contacts.protection() is None, "the rest was never said"
    store.contacts.protect(pin=False, totp=True)
    assert store.contacts.protection() == Protection(pin=False, totp=True)
    store.contacts.protect(pin=True)
    store.contacts.protect(totp=False)
    assert store.contacts.protection() == Protection(pin=True, totp=False)


def test_what_protected_our_number_is_not_said_of_another_account(store: SqliteStore) -> None:
    store.contacts.protect(pin=True, totp=True)
    store.save_device(msgspec.structs.replace(our_device(), account=US + 1))
    assert store.contacts.protection() is None


def test_names_of_our_devices(store: SqliteStore) -> None:
    store.contacts.name_device(11, "phone")
    store.contacts.name_device(11, "old phone")
    store.contacts.name_device(12, "laptop")
    assert store.contacts.device_names() == {11: "old phone", 12: "laptop"}
    store.contacts.name_devices(((12, "new laptop"),))
    assert store.contacts.device_names() == {12: "new laptop"}
