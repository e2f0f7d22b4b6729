"""The handshake: both sides agree, on all of it, or not at all."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from onebar.crypto import prekeys
from onebar.crypto.kem import CIPHERTEXT_BYTES, PUBLIC_BYTES, find_kem
from onebar.crypto.keys import BOX_KEY_CONTEXT, DeviceKeys, PeerKeys
from onebar.crypto.pqxdh import (
    Agreement,
    DowngradeError,
    InitialHeader,
    OtherIdentityError,
    PrekeyError,
    Spent,
    decode_initial,
    encode_initial,
    initiate,
    respond,
)
from onebar.crypto.prekeys import OneTimeKemPrekey, PrekeyBundle
from onebar.crypto.primitives import agree, public_of
from onebar.errors import DecryptionError
from tests.sdk.crypto.devices import LOW_ORDER, NOW_MS, Device, Secrets, dice, pair
from tests.sdk.crypto.test_suites import expanded

MODES = [(kem, stock) for kem in (False, True) for stock in (0, 2)]
Change = Callable[[InitialHeader], InitialHeader]


def begin(alice: Device, bob: Device, bundle: PrekeyBundle | None = None) -> tuple[Agreement, InitialHeader]:
    return initiate(alice.keys, bob.public, bundle or bob.bundle(), NOW_MS, alice.entropy, alice.kem)


def finish(alice: Device, bob: Device, header: InitialHeader) -> tuple[Agreement, Spent]:
    agreement, _, spent = respond(bob.keys, alice.public, header, Secrets(bob), bob.kem)
    return agreement, spent


@pytest.mark.parametrize(("kem", "stock"), MODES)
def test_both_sides_agree(kem: bool, stock: int) -> None:
    alice, bob = pair(kem, stock)
    agreement, header = begin(alice, bob)
    answer, spent = finish(alice, bob, header)
    assert answer == agreement
    assert spent == Spent(1 if stock else None, 1 if kem and stock else None)
    assert (header.kem_id is not None, header.one_time_id is not None) == (kem, bool(stock))


@pytest.mark.skipif(find_kem() is None, reason="no library with ML-KEM-768: pip install onebar[pq]")
def test_both_sides_agree_with_the_real_ml_kem() -> None:
    alice, bob = Device("alice", find_kem(), 1), Device("bob", find_kem(), 1)
    for stock in (1, 0):
        agreement, header = begin(alice, bob)
        answer, spent = finish(alice, bob, header)
        assert answer == agreement
        assert spent.one_time_kem_id == (stock or None)


def test_x3dh_derives_what_is_documented() -> None:
    alice, bob = pair(stock=1)
    ephemeral = dice("x3dh")(32)
    agreement, header = initiate(alice.keys, bob.public, bob.bundle(), NOW_MS, dice("x3dh"), None)
    signed, one_time = bob.signed_prekeys[1].public, bob.one_time_prekeys[1].public
    context = b"onebar x3dh 1 X25519 SHA-256\0"
    secrets = b"\xff" * 32 + agree(alice.keys.box_secret, signed)
    secrets += b"".join(agree(ephemeral, public) for public in (bob.public.box_key, signed, one_time))
    seen = context + NOW_MS.to_bytes(6, "big")
    seen += b"\3" + alice.public.identity_key + b"\1" + alice.public.box_key
    seen += b"\3" + bob.public.identity_key + b"\1" + bob.public.box_key
    seen += b"\1" + public_of(ephemeral) + b"\1" + signed + b"\1" + one_time
    assert agreement.root_key == expanded(bytes(32), secrets, context, 32)
    assert agreement.associated_data == hashlib.sha256(seen).digest()
    assert header.ephemeral == public_of(ephemeral)


def test_pqxdh_without_one_time_prekeys_derives_what_is_documented() -> None:
    alice, bob = pair(kem=True, stock=0)
    ephemeral = dice("pqxdh")(32)
    agreement, header = initiate(alice.keys, bob.public, bob.bundle(), NOW_MS, dice("pqxdh"), alice.kem)
    signed, last_resort = bob.signed_prekeys[1].public, bob.kem_prekeys[0]
    context = b"onebar pqxdh 1 X25519 SHA-256 ML-KEM-768\0"
    secrets = b"\xff" * 32 + agree(alice.keys.box_secret, signed)
    secrets += agree(ephemeral, bob.public.box_key) + agree(ephemeral, signed)
    assert bob.kem
    secrets += bob.kem.decapsulate(last_resort.secret, header.kem_ciphertext)
    seen = context + NOW_MS.to_bytes(6, "big")
    seen += b"\3" + alice.public.identity_key + b"\1" + alice.public.box_key
    seen += b"\3" + bob.public.identity_key + b"\1" + bob.public.box_key
    seen += b"\1" + public_of(ephemeral) + b"\1" + signed + b"\0\2" + last_resort.public + header.kem_ciphertext
    assert agreement.root_key == expanded(bytes(32), secrets, context, 32)
    assert agreement.associated_data == hashlib.sha256(seen).digest()


def changed_byte(field: str) -> Change:
    """Change the last byte of a field."""

    def change(header: InitialHeader) -> InitialHeader:
        value = getattr(header, field)
        return replace(header, **{field: value[:-1] + bytes([value[-1] ^ 1])})

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed_byte("ephemeral"),
        changed_byte("kem_ciphertext"),
        lambda header: replace(header, started_ms=NOW_MS + 1),
        lambda header: replace(header, one_time_id=2),
        lambda header: replace(header, one_time_id=None),
        lambda header: replace(header, kem_id=2),
        lambda header: replace(header, kem_id=0),
        lambda header: replace(header, kem_id=None, kem_ciphertext=b""),
    ],
)
def test_a_changed_header_gives_another_agreement(change: Change) -> None:
    alice, bob = pair(kem=True)
    agreement, header = begin(alice, bob)
    answer, _ = finish(alice, bob, change(header))
    assert answer.associated_data != agreement.associated_data


def test_other_keys_of_either_side_give_another_agreement(mallory: DeviceKeys) -> None:
    alice, bob = pair()
    agreement, header = begin(alice, bob)
    theirs = mallory.public()
    box_replaced = PeerKeys(alice.public.identity_key, theirs.box_key, b"")
    assert respond(bob.keys, box_replaced, header, Secrets(bob))[0].root_key != agreement.root_key
    identity_replaced = DeviceKeys(mallory.identity_seed, bob.keys.box_secret)
    answer = respond(identity_replaced, alice.public, header, Secrets(bob))[0]
    assert answer.root_key == agreement.root_key
    assert answer.associated_data != agreement.associated_data


def test_a_bundle_that_does_not_verify_is_refused(mallory: DeviceKeys) -> None:
    alice, bob = pair(kem=True)
    with pytest.raises(PrekeyError, match="not signed by the device"):
        initiate(alice.keys, mallory.public(), bob.bundle(), NOW_MS, alice.entropy, alice.kem)


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
def test_low_order_points_are_refused_by_the_initiator(point: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = pair()
    with pytest.raises(PrekeyError, match="cannot be used"):
        begin(alice, bob, replace(bob.bundle(), one_time=prekeys.OneTimePublic(1, point)))
    covered = prekeys._to_sign(bob.public, 1, point, None, 0, NOW_MS)
    signed = prekeys.SignedBundle(1, point, None, 0, NOW_MS, bob.keys.sign(covered))
    with pytest.raises(PrekeyError, match="cannot be used"):
        begin(alice, bob, PrekeyBundle(signed, None, None))
    keys = PeerKeys(bob.public.identity_key, point, bob.keys.sign(BOX_KEY_CONTEXT + point))
    with pytest.raises(PrekeyError):
        initiate(alice.keys, keys, bob.bundle(), NOW_MS, alice.entropy)


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
def test_low_order_points_are_refused_by_the_responder(point: bytes) -> None:
    alice, bob = pair()
    _, header = begin(alice, bob)
    with pytest.raises(DecryptionError, match="low-order"):
        finish(alice, bob, replace(header, ephemeral=point))
    keys = PeerKeys(alice.public.identity_key, point, b"")
    with pytest.raises(DecryptionError, match="low-order"):
        respond(bob.keys, keys, header, Secrets(bob))


def test_an_ml_kem_key_that_cannot_be_used_is_refused() -> None:
    alice, bob = pair(kem=True)
    broken = OneTimeKemPrekey(1, b"\xff" * PUBLIC_BYTES, b"", NOW_MS)
    bundle = replace(bob.bundle(), one_time_kem=prekeys.one_time_kem_public(bob.keys, broken))
    with pytest.raises(PrekeyError, match="cannot be used"):
        begin(alice, bob, bundle)
    _, header = begin(alice, bob)
    assert header.kem_id is not None
    bob.kem_prekeys[header.kem_id] = broken
    with pytest.raises(DecryptionError, match="ML-KEM ciphertext cannot be used"):
        finish(alice, bob, header)


def test_one_without_ml_kem_speaks_x3dh_with_one_that_has_it() -> None:
    for alice, bob in [(pair()[0], pair(kem=True)[1]), (pair(kem=True)[0], pair()[1])]:
        agreement, header = begin(alice, bob)
        assert header.kem_id is None
        assert finish(alice, bob, header)[0] == agreement


def test_a_contact_that_has_used_ml_kem_cannot_be_downgraded() -> None:
    alice, bob = pair(kem=True)
    with pytest.raises(DowngradeError, match="used ML-KEM before"):
        initiate(alice.keys, bob.public, bob.bundle(), NOW_MS, alice.entropy, None, must_be_pq=True)
    with pytest.raises(DowngradeError):
        initiate(alice.keys, bob.public, pair()[1].bundle(), NOW_MS, alice.entropy, alice.kem, must_be_pq=True)
    _, without = initiate(alice.keys, bob.public, bob.bundle(), NOW_MS, alice.entropy, None)
    with pytest.raises(DowngradeError):
        respond(bob.keys, alice.public, without, Secrets(bob), bob.kem, must_be_pq=True)
    _, header = begin(alice, bob)
    respond(bob.keys, alice.public, header, Secrets(bob), bob.kem, must_be_pq=True)


def test_a_device_that_lost_ml_kem_says_so() -> None:
    alice, bob = pair(kem=True)
    _, header = begin(alice, bob)
    with pytest.raises(DecryptionError, match=r"onebar\[pq\]"):
        respond(bob.keys, alice.public, header, Secrets(bob), None)


def test_another_identity_is_named() -> None:
    alice, bob = pair()
    _, header = begin(alice, bob)
    with pytest.raises(OtherIdentityError, match="fetch the sender's devices") as caught:
        respond(bob.keys, bob.public, header, Secrets(bob))
    assert caught.value.identity_key == alice.public.identity_key


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"signed_prekey_id": 7}, "signed"), ({"one_time_id": 7}, "one-time"), ({"kem_id": 7}, "ML-KEM")],
)
def test_a_prekey_that_is_gone_is_named(changes: dict[str, Any], kind: str) -> None:
    alice, bob = pair(kem=True)
    _, header = begin(alice, bob)
    with pytest.raises(DecryptionError, match=f"{kind} prekey 7 is gone"):
        finish(alice, bob, replace(header, **changes))


@pytest.mark.parametrize(("kem", "stock"), MODES)
def test_an_initial_header_travels(kem: bool, stock: int) -> None:
    alice, bob = pair(kem, stock)
    _, header = begin(alice, bob)
    data = encode_initial(header)
    assert decode_initial(data + b"rest") == (header, len(data))
    assert len(data) == 1 + 32 + 32 + 6 + 1 + 1 + (1 + CIPHERTEXT_BYTES if kem else 0)
    for cut in range(len(data)):
        with pytest.raises(DecryptionError):
            decode_initial(data[:cut])


@pytest.mark.parametrize("first", [0, 1, 0x20, 0x32, 0xFF])
def test_other_bytes_are_no_initial_header(first: int) -> None:
    with pytest.raises(DecryptionError, match=f"begin with '{first:02x}'"):
        decode_initial(bytes([first]) + bytes(100))


@given(
    st.builds(
        InitialHeader,
        *[st.binary(min_size=32, max_size=32)] * 2,
        st.integers(0, 2**48 - 1),
        st.integers(0, 2**32 - 2),
        st.none() | st.integers(0, 2**32 - 2),
        st.none(),
        st.just(b""),
    ),
    st.none() | st.integers(0, 2**32 - 2),
)
def test_each_header_has_one_form(header: InitialHeader, kem_id: int | None) -> None:
    ciphertext = b"" if kem_id is None else bytes(CIPHERTEXT_BYTES)
    header = replace(header, kem_id=kem_id, kem_ciphertext=ciphertext)
    assert decode_initial(encode_initial(header))[0] == header


@given(st.binary(max_size=1300))
def test_hostile_bytes_give_a_header_or_a_decryption_error(data: bytes) -> None:
    for first in (b"0", b"1"):
        try:
            header, at = decode_initial(first + data)
        except DecryptionError:
            continue
        assert encode_initial(header) == (first + data)[:at]


def test_reprs_show_no_key() -> None:
    agreement, header = begin(*pair(kem=True))
    assert (repr(agreement), repr(header)) == ("Agreement(…)", "InitialHeader(…)")
