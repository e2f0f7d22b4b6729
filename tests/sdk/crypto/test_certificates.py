"""Certificates and device lists: what the account signs, and what a server cannot do."""

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace

from onebar.crypto.certificates import (
    DEVICES_MAX,
    AccountKey,
    AccountKeyChangedError,
    CertificateError,
    DeviceCertificate,
    DeviceList,
    RollbackError,
    certificate_from_bytes,
    check_certificate,
    check_list,
    list_from_bytes,
    to_bytes,
)
from onebar.crypto.keys import BOX_KEY_CONTEXT, DeviceKeys, PeerKeys, verify
from onebar.errors import InputError
from tests.sdk.crypto.devices import LOW_ORDER, NOW_MS, dice

ACCOUNT = AccountKey(dice("account")(32))
OTHER = AccountKey(dice("other account")(32))
KEYS = [DeviceKeys(dice(f"seed {n}")(32), dice(f"box {n}")(32)).public() for n in range(3)]
PHONE, TABLET, LAPTOP = (ACCOUNT.certify(7, 10 + n, keys, NOW_MS) for n, keys in enumerate(KEYS))
FIRST = ACCOUNT.sign_list(7, (PHONE, TABLET), NOW_MS)
SECOND = ACCOUNT.sign_list(7, (TABLET,), NOW_MS + 5, FIRST)


def test_a_certificate_verifies_and_gives_the_keys() -> None:
    check_certificate(PHONE)
    assert PHONE.keys == KEYS[0]
    assert PHONE.account_key == ACCOUNT.public


@pytest.mark.parametrize(
    "changes",
    [
        {"account_key": OTHER.public},
        {"account": 8},
        {"device": 11},
        {"identity_key": KEYS[1].identity_key},
        {"box_key": KEYS[1].box_key},
        {"box_key": KEYS[1].box_key, "identity_key": KEYS[1].identity_key, "key_signature": KEYS[1].key_signature},
        {"key_signature": KEYS[1].key_signature},
        {"created_ms": NOW_MS + 1},
        {"signature": TABLET.signature},
        {"signature": FIRST.signature},
    ],
)
def test_nothing_in_a_certificate_can_be_changed(changes: dict[str, Any]) -> None:
    changed = replace(PHONE, **changes)
    with pytest.raises(CertificateError, match="not signed by its account"):
        check_certificate(changed)
    with pytest.raises(CertificateError):
        check_list(replace(FIRST, certificates=(changed, TABLET)), 7)


def test_a_certificate_for_keys_that_do_not_belong_together_is_refused(alice: DeviceKeys) -> None:
    unbound = PeerKeys(KEYS[0].identity_key, KEYS[1].box_key, KEYS[0].key_signature)
    low_order = [
        PeerKeys(alice.public().identity_key, point, alice.sign(BOX_KEY_CONTEXT + point)) for point in LOW_ORDER
    ]
    for keys in (unbound, *low_order):
        with pytest.raises(CertificateError):
            check_certificate(ACCOUNT.certify(7, 10, keys, NOW_MS))


def test_a_list_verifies_and_has_its_devices_in_order() -> None:
    check_list(FIRST, 7)
    assert ACCOUNT.sign_list(7, (TABLET, PHONE), NOW_MS) == FIRST
    assert (FIRST.certificate(10), FIRST.certificate(12)) == (PHONE, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"account_key": OTHER.public},
        {"counter": 2},
        {"issued_ms": NOW_MS + 1},
        {"certificates": (PHONE,)},
        {"certificates": ()},
        {"certificates": (PHONE, TABLET, LAPTOP)},
        {"certificates": (PHONE, LAPTOP)},
        {"certificates": (TABLET, PHONE)},
        {"certificates": (PHONE, PHONE, TABLET)},
        {"signature": SECOND.signature},
        {"signature": PHONE.signature},
    ],
)
def test_nothing_in_a_list_can_be_changed(changes: dict[str, Any]) -> None:
    with pytest.raises(CertificateError):
        check_list(replace(FIRST, **changes), 7)


def test_the_signatures_cover_what_is_documented() -> None:
    def certified(one: DeviceCertificate) -> bytes:
        ids = one.account.to_bytes(8, "big") + one.device.to_bytes(8, "big") + one.created_ms.to_bytes(6, "big")
        return b"onebar device certificate 1\0" + ACCOUNT.public + ids + one.identity_key + one.box_key

    assert verify(ACCOUNT.public, PHONE.signature, certified(PHONE))
    covered = b"onebar device list 1\0" + ACCOUNT.public + (7).to_bytes(8, "big") + (1).to_bytes(8, "big")
    covered += NOW_MS.to_bytes(6, "big")
    for one in (PHONE, TABLET):
        covered += one.device.to_bytes(8, "big") + hashlib.sha256(certified(one)).digest()
    assert verify(ACCOUNT.public, FIRST.signature, covered)


def test_a_list_of_another_account_is_refused() -> None:
    with pytest.raises(CertificateError, match="account 7 came for account 8"):
        check_list(FIRST, 8)
    with pytest.raises(CertificateError, match="of another account or key"):
        ACCOUNT.sign_list(8, (PHONE,), NOW_MS)
    with pytest.raises(CertificateError, match="of another account or key"):
        OTHER.sign_list(7, (PHONE,), NOW_MS)


def test_a_list_holds_so_many_devices_and_each_once() -> None:
    many = tuple(ACCOUNT.certify(7, n, KEYS[0], NOW_MS) for n in range(DEVICES_MAX + 1))
    check_list(ACCOUNT.sign_list(7, many[:-1], NOW_MS), 7)
    for wrong in (many, (PHONE, PHONE)):
        with pytest.raises(CertificateError, match=f"at most {DEVICES_MAX} devices"):
            ACCOUNT.sign_list(7, wrong, NOW_MS)


def test_a_newer_list_follows_and_the_same_one_again_is_fine() -> None:
    check_list(SECOND, 7, FIRST)
    check_list(FIRST, 7, FIRST)
    check_list(ACCOUNT.sign_list(7, (TABLET,), NOW_MS, FIRST), 7, FIRST)  # in the same millisecond
    assert (FIRST.counter, SECOND.counter) == (1, 2)


def test_an_older_list_is_refused() -> None:
    with pytest.raises(RollbackError, match="list 1 is older than list 2"):
        check_list(FIRST, 7, SECOND)


def test_another_list_of_the_same_number_is_refused() -> None:
    fork = ACCOUNT.sign_list(7, (PHONE,), NOW_MS)
    with pytest.raises(RollbackError):
        check_list(fork, 7, FIRST)


def test_a_list_that_goes_back_in_time_is_refused_and_not_made() -> None:
    assert ACCOUNT.sign_list(7, (PHONE,), NOW_MS - 1, FIRST).issued_ms == NOW_MS
    late = replace(FIRST, issued_ms=NOW_MS + 10)
    with pytest.raises(RollbackError):
        check_list(SECOND, 7, late)


def test_another_account_key_is_named() -> None:
    stranger = OTHER.sign_list(7, (OTHER.certify(7, 12, KEYS[2], NOW_MS),), NOW_MS)
    check_list(stranger, 7)
    with pytest.raises(AccountKeyChangedError, match="safety number has changed") as caught:
        check_list(stranger, 7, SECOND)
    assert caught.value.account_key == OTHER.public


def test_certificates_and_lists_travel() -> None:
    assert certificate_from_bytes(to_bytes(PHONE)) == PHONE
    assert list_from_bytes(to_bytes(FIRST)) == FIRST
    data = to_bytes(FIRST)
    for cut in range(0, len(data), 7):
        with pytest.raises(InputError, match="DeviceList"):
            list_from_bytes(data[:cut])
    with pytest.raises(InputError, match="DeviceCertificate"):
        certificate_from_bytes(data)


def test_reprs_show_no_key() -> None:
    assert repr(ACCOUNT) == "AccountKey()"
    assert (repr(PHONE), repr(FIRST)) == ("DeviceCertificate(…)", "DeviceList(…)")
    assert isinstance(PHONE, DeviceCertificate)
    assert isinstance(FIRST, DeviceList)
