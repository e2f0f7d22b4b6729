"""Questions and answers: how long each part may be, and what a log may show of them."""

from typing import Any

import msgspec
import pytest

from onebar.core.frames import SUBMIT_BYTES_MAX, MessageError, decode_as, encode
from onebar.core.publishing import KEM_PER_PUBLISH, ONE_TIME_PER_PUBLISH
from onebar.core.questions import (
    DEVICE_LIST_BYTES_MAX,
    METHODS,
    PREKEY_BYTES_MAX,
    PREKEYS_MAX,
    SIGNED_BUNDLE_BYTES_MAX,
    AccountInfo,
    AddDevice,
    Added,
    Bundle,
    FindAccount,
    FindBundle,
    FindDevice,
    FindPhone,
    Publish,
    Question,
)
from onebar.crypto import certificates
from onebar.crypto.certificates import DEVICES_MAX
from onebar.crypto.prekeys import LastResortKemPrekey, OneTimeKemPrekey, make_bundle, one_time_kem_public
from tests.sdk.core.scripted import PEER_PHONE, WALL_MS, PeerDevice, device_list

KEM_PUBLIC_BYTES = 1184
BIG = 2**63 - 1
WHOLE = (
    FindPhone(PEER_PHONE),
    FindAccount(BIG),
    FindDevice(BIG, 0),
    FindBundle(1, 2),
    Publish(b"l" * DEVICE_LIST_BYTES_MAX, b"s" * SIGNED_BUNDLE_BYTES_MAX, BIG, ((1, b"k" * PREKEY_BYTES_MAX),)),
    Publish(one_time=tuple((number, b"k" * 38) for number in range(PREKEYS_MAX)), anew=True),
    AddDevice(b"i" * 32, b"b" * 32, b"s" * 64),
    AccountInfo(1, "+123456789012345", b"l" * DEVICE_LIST_BYTES_MAX, b"c" * DEVICE_LIST_BYTES_MAX, True),
    Bundle(b"s" * SIGNED_BUNDLE_BYTES_MAX, b"o" * PREKEY_BYTES_MAX, b"k" * PREKEY_BYTES_MAX),
    Added(BIG),
)
BEYOND = (
    FindPhone("+1234567890123456"),
    FindAccount(-1),
    FindDevice(1, BIG + 1),
    FindBundle(-1, 1),
    Publish(devices=b"l" * (DEVICE_LIST_BYTES_MAX + 1)),
    Publish(signed=b"s" * (SIGNED_BUNDLE_BYTES_MAX + 1)),
    Publish(bundle_ms=-1),
    Publish(one_time=((1, b"k" * (PREKEY_BYTES_MAX + 1)),)),
    Publish(one_time=tuple((number, b"k") for number in range(PREKEYS_MAX + 1))),
    Publish(one_time_kem=tuple((number, b"k") for number in range(PREKEYS_MAX + 1))),
    Publish(one_time=((-1, b"k"),)),
    AddDevice(b"i" * 31, b"b" * 32, b"s" * 64),
    AddDevice(b"i" * 32, b"b" * 33, b"s" * 64),
    AddDevice(b"i" * 32, b"b" * 32, b"s" * 63),
    AccountInfo(1, PEER_PHONE, b"l" * (DEVICE_LIST_BYTES_MAX + 1)),
    AccountInfo(1, PEER_PHONE, b"", b"c" * (DEVICE_LIST_BYTES_MAX + 1)),
    AccountInfo(1, "+" + "1" * 16, b""),
    Bundle(b"s" * (SIGNED_BUNDLE_BYTES_MAX + 1)),
    Bundle(b"s", b"o" * (PREKEY_BYTES_MAX + 1)),
    Bundle(b"s", b"", b"k" * (PREKEY_BYTES_MAX + 1)),
    Added(-1),
)


def name(one: object) -> str:
    return type(one).__name__


@pytest.mark.parametrize("one", WHOLE, ids=name)
def test_the_longest_of_everything_passes(one: msgspec.Struct) -> None:
    assert decode_as(type(one), encode(one)) == one


@pytest.mark.parametrize("one", BEYOND, ids=name)
def test_one_more_is_refused(one: msgspec.Struct) -> None:
    with pytest.raises(MessageError, match=name(one)):
        decode_as(type(one), encode(one))


@pytest.mark.parametrize("one", WHOLE, ids=name)
def test_fields_of_a_later_version_are_skipped(one: msgspec.Struct) -> None:
    fields: list[Any] = msgspec.msgpack.decode(encode(one))
    assert decode_as(type(one), encode([*fields, "new"])) == one


def test_each_question_has_a_method_of_its_own() -> None:
    assert set(METHODS) == set(Question.__args__)
    assert len(set(METHODS.values())) == len(METHODS)


def test_a_repr_shows_no_phone_number() -> None:
    assert PEER_PHONE not in repr(FindPhone(PEER_PHONE))
    assert PEER_PHONE not in repr(AccountInfo(1, PEER_PHONE, b""))


def test_a_list_of_as_many_devices_as_an_account_may_have_fits() -> None:
    full = device_list(*(PeerDevice(2**40 + number) for number in range(DEVICES_MAX)), account=2**62)
    assert len(certificates.to_bytes(full)) <= DEVICE_LIST_BYTES_MAX


def test_a_signed_bundle_and_a_one_time_prekey_with_ml_kem_fit() -> None:
    peer, number = PeerDevice(), 2**31 - 1
    last_resort = LastResortKemPrekey(number, b"k" * KEM_PUBLIC_BYTES, b"", WALL_MS)
    signed = msgspec.msgpack.encode(make_bundle(peer.keys, peer.prekey, last_resort, WALL_MS))
    assert len(signed) <= SIGNED_BUNDLE_BYTES_MAX
    one_time = one_time_kem_public(peer.keys, OneTimeKemPrekey(number, b"k" * KEM_PUBLIC_BYTES, b"", WALL_MS))
    assert len(msgspec.msgpack.encode(one_time)) <= PREKEY_BYTES_MAX


def test_the_largest_publish_that_a_device_makes_is_no_longer_than_an_envelope() -> None:
    short = tuple((number, b"k" * 38) for number in range(ONE_TIME_PER_PUBLISH))
    long = tuple((number, b"k" * PREKEY_BYTES_MAX) for number in range(KEM_PER_PUBLISH))
    for one in (Publish(one_time=short), Publish(one_time_kem=long)):
        assert len(encode(one)) < SUBMIT_BYTES_MAX
