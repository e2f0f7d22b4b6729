"""Bundles: what their signatures cover, and when prekeys come and go."""

from typing import Any

import pytest
from msgspec.structs import replace

from onebar.crypto import prekeys
from onebar.crypto.keys import BOX_KEY_CONTEXT, DeviceKeys, PeerKeys
from onebar.crypto.prekeys import (
    CAPABILITY_PQ,
    PREKEY_KEPT_MS,
    SIGNED_PREKEY_ROTATION_MS,
    UNANSWERED_MS_MAX,
    KemPrekeyPublic,
    LastResortKemPrekey,
    OneTimeKemPrekey,
    OneTimeKemPublic,
    OneTimePrekey,
    PrekeyBundle,
    SignedPrekey,
    may_forget,
    one_time_public,
    refill,
    rotation_due,
    verify_bundle,
)
from onebar.crypto.values import pack, unpack
from onebar.errors import InputError
from tests.sdk.crypto.devices import DAY_MS, LOW_ORDER, NOW_MS, pair


def bundles() -> list[PrekeyBundle]:
    """One with everything, and one with as little as can be."""
    return [pair(kem=True)[1].bundle(), pair(stock=0)[1].bundle()]


def signed_with(bundle: PrekeyBundle, **changes: Any) -> PrekeyBundle:
    """The bundle with something else in the signed part."""
    return replace(bundle, signed=replace(bundle.signed, **changes))


@pytest.mark.parametrize("bundle", bundles())
def test_a_bundle_verifies_for_its_device_only(bundle: PrekeyBundle, mallory: DeviceKeys) -> None:
    alice, bob = pair(kem=True)
    assert verify_bundle(bundle, bob.public)
    assert not verify_bundle(bundle, alice.public)
    assert not verify_bundle(bundle, mallory.public())


def test_a_bundle_says_what_its_device_can() -> None:
    whole, small = bundles()
    assert (whole.signed.is_pq, whole.signed.capabilities) == (True, CAPABILITY_PQ)
    assert (small.signed.is_pq, small.signed.last_resort, small.one_time_kem) == (False, None, None)


def test_the_signatures_cover_what_is_documented() -> None:
    whole, bob = bundles()[0], pair(kem=True)[1]
    assert whole.one_time_kem
    covered = b"onebar prekey bundle 1\0" + bob.public.identity_key + bob.public.box_key
    covered += (1).to_bytes(4, "big") + NOW_MS.to_bytes(6, "big") + (1).to_bytes(4, "big")
    covered += bob.signed_prekeys[1].public + (0).to_bytes(4, "big") + bob.kem_prekeys[0].public
    assert whole.signed.signature == bob.keys.sign(covered)
    covered = b"onebar kem prekey 1\0" + (1).to_bytes(4, "big") + bob.kem_prekeys[1].public
    assert whole.one_time_kem.signature == bob.keys.sign(covered)


def test_without_ml_kem_the_signature_ends_with_the_signed_prekey() -> None:
    small, bob = bundles()[1], pair(stock=0)[1]
    covered = b"onebar prekey bundle 1\0" + bob.public.identity_key + bob.public.box_key
    covered += (0).to_bytes(4, "big") + NOW_MS.to_bytes(6, "big") + (1).to_bytes(4, "big")
    assert small.signed.signature == bob.keys.sign(covered + bob.signed_prekeys[1].public)


def test_a_bundle_is_for_one_box_key_of_the_identity() -> None:
    whole, bob, other = bundles()[0], pair(kem=True)[1], pair()[0].public.box_key
    rebound = PeerKeys(bob.public.identity_key, other, bob.keys.sign(BOX_KEY_CONTEXT + other))
    assert rebound.valid
    assert not verify_bundle(whole, rebound)


@pytest.mark.parametrize("bundle", bundles())
def test_a_bundle_travels(bundle: PrekeyBundle) -> None:
    assert unpack(1, pack(1, bundle), PrekeyBundle) == bundle


@pytest.mark.parametrize("length", [0, 1183, 1185])
def test_an_ml_kem_prekey_of_another_length_is_not_read(length: int) -> None:
    for prekey in (KemPrekeyPublic(1, bytes(length)), OneTimeKemPublic(1, bytes(length), bytes(64))):
        with pytest.raises(InputError, match="damaged"):
            unpack(1, pack(1, prekey), type(prekey))


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_prekey_id": 2},
        {"signed_prekey": bytes(31) + b"\1"},
        {"capabilities": CAPABILITY_PQ | 2},
        {"created_ms": NOW_MS + 1},
        {"signature": bytes(64)},
    ],
)
@pytest.mark.parametrize("bundle", bundles())
def test_nothing_in_the_signed_part_can_be_changed(bundle: PrekeyBundle, changes: dict[str, Any]) -> None:
    assert not verify_bundle(signed_with(bundle, **changes), pair()[1].public)


def test_a_server_can_take_away_neither_ml_kem_nor_the_capability() -> None:
    whole, bob = bundles()[0], pair(kem=True)[1].public
    assert not verify_bundle(signed_with(whole, last_resort=None), bob)
    assert not verify_bundle(signed_with(whole, capabilities=0), bob)
    assert not verify_bundle(signed_with(whole, last_resort=None, capabilities=0), bob)


def test_a_bundle_must_say_pq_exactly_if_it_has_the_prekey() -> None:
    """Even when the device itself signed it so."""
    bob = pair(kem=True)[1]
    last_resort = bob.kem_prekeys[0]
    for kem, capabilities in [(None, CAPABILITY_PQ), (KemPrekeyPublic(0, last_resort.public), 0)]:
        covered = prekeys._to_sign(bob.public, 1, bob.signed_prekeys[1].public, kem, capabilities, NOW_MS)
        signed = prekeys.SignedBundle(
            1, bob.signed_prekeys[1].public, kem, capabilities, NOW_MS, bob.keys.sign(covered)
        )
        assert not verify_bundle(PrekeyBundle(signed, None, None), bob.public)


@pytest.mark.parametrize("changes", [{"id": 2}, {"public": bytes(1184)}, {"signature": bytes(64)}])
def test_nothing_in_a_one_time_ml_kem_prekey_can_be_changed(changes: dict[str, Any]) -> None:
    whole, bob = bundles()[0], pair(kem=True)[1].public
    assert whole.one_time_kem
    assert not verify_bundle(replace(whole, one_time_kem=replace(whole.one_time_kem, **changes)), bob)


def test_one_signature_does_not_stand_for_the_other() -> None:
    whole, bob = bundles()[0], pair(kem=True)[1].public
    assert whole.one_time_kem
    swapped = replace(whole.one_time_kem, signature=whole.signed.signature)
    assert not verify_bundle(replace(whole, one_time_kem=swapped), bob)
    assert not verify_bundle(signed_with(whole, signature=whole.one_time_kem.signature), bob)


def test_one_time_prekeys_may_vary() -> None:
    whole, bob = bundles()[0], pair(kem=True)[1].public
    assert verify_bundle(replace(whole, one_time=None, one_time_kem=None), bob)
    assert verify_bundle(replace(whole, one_time=one_time_public(OneTimePrekey(9, bytes(32), NOW_MS))), bob)


def test_a_box_key_that_is_not_bound_is_refused() -> None:
    whole, bob = bundles()[0], pair(kem=True)[1]
    assert not verify_bundle(whole, PeerKeys(bob.public.identity_key, bob.public.box_key, bytes(64)))
    for point in LOW_ORDER:
        keys = PeerKeys(bob.public.identity_key, point, bob.keys.sign(BOX_KEY_CONTEXT + point))
        assert not verify_bundle(whole, keys)


def test_reprs_show_no_secret() -> None:
    shown = [
        repr(kind)
        for kind in (
            SignedPrekey(1, b"secret" * 5, NOW_MS),
            OneTimePrekey(1, b"secret" * 5, NOW_MS),
            OneTimeKemPrekey(1, b"public", b"secret", NOW_MS),
            LastResortKemPrekey(1, b"public", b"secret", NOW_MS),
            *bundles(),
        )
    ]
    assert not [text for text in shown if "secret" in text or "public" in text]
    assert shown[0] == f"SignedPrekey(id=1, created_ms={NOW_MS})"


def test_a_signed_prekey_is_replaced_each_week() -> None:
    assert SIGNED_PREKEY_ROTATION_MS == 7 * DAY_MS
    assert not rotation_due(NOW_MS, NOW_MS + 7 * DAY_MS - 1)
    assert rotation_due(NOW_MS, NOW_MS + 7 * DAY_MS)


def test_a_stock_below_the_threshold_is_filled_up() -> None:
    assert refill(30, 100) == 0
    assert refill(29, 100) == 71
    assert [refill(0, full) for full in (0, 1, 3, 25, 100)] == [0, 1, 3, 25, 100]
    assert [refill(1, full) for full in (0, 1, 3, 4, 5)] == [0, 0, 0, 0, 4], (
        "one of three is enough; one of five is not"
    )


def test_a_secret_outlives_all_that_may_be_on_its_way() -> None:
    assert PREKEY_KEPT_MS - UNANSWERED_MS_MAX >= (30 + 30 + 7) * DAY_MS  # R23
    assert not may_forget(NOW_MS, NOW_MS + PREKEY_KEPT_MS)
    assert may_forget(NOW_MS, NOW_MS + PREKEY_KEPT_MS + 1)
