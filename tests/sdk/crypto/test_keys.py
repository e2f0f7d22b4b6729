"""Only real keys are trusted, signatures are RFC 8032's, and no secret shows."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.crypto.keys import (
    BOX_KEY_CONTEXT,
    LINK_CONTEXT,
    REPLACE_CONTEXT,
    DeviceKeys,
    PeerKeys,
    flight_to_sign,
    replacement_to_sign,
    verify,
)

# RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# Every encoding of a point of low order (https://cr.yp.to/ecdh.html#validate, libsodium's blocklist): 0, 1, two points
# of order 8, p-1, p, p+1, and the same with the top bit set, which X25519 ignores.
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
LOW_ORDER += [encoding[:-2] + f"{int(encoding[-2:], 16) | 0x80:02x}" for encoding in LOW_ORDER]


def signed_box_key(keys: DeviceKeys, box_key: bytes) -> PeerKeys:
    """A box key of any kind, honestly signed."""
    return PeerKeys(keys.public().identity_key, box_key, keys.sign(BOX_KEY_CONTEXT + box_key))


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    keys = DeviceKeys(bytes.fromhex(seed), b"\1" * 32)
    assert keys.public().identity_key.hex() == public
    assert keys.sign(bytes.fromhex(message)).hex() == signature
    assert verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))


def test_the_box_key_is_that_of_rfc_7748() -> None:
    """RFC 7748 §6.1, Bob."""
    secret = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    box_key = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    assert DeviceKeys(b"\1" * 32, secret).public().box_key.hex() == box_key


@pytest.mark.parametrize("encoding", LOW_ORDER)
def test_a_low_order_box_key_is_refused_though_honestly_signed(mallory: DeviceKeys, encoding: str) -> None:
    """With such a key everyone would compute the same shared secret: zero."""
    peer = signed_box_key(mallory, bytes.fromhex(encoding))
    assert verify(peer.identity_key, peer.key_signature, BOX_KEY_CONTEXT + peer.box_key)
    assert peer.valid is False


def test_honest_keys_are_valid(alice: DeviceKeys) -> None:
    assert alice.public().valid
    assert alice.public() == alice.public()


@pytest.mark.parametrize("field", ["identity_key", "box_key", "key_signature"])
@pytest.mark.parametrize("byte", [0, 15, 31])
@pytest.mark.parametrize("bit", [1, 64])
def test_one_flipped_bit_anywhere_makes_keys_invalid(alice: DeviceKeys, field: str, byte: int, bit: int) -> None:
    keys = alice.public()
    value = bytearray(getattr(keys, field))
    value[byte] ^= bit
    assert not dataclasses.replace(keys, **{field: bytes(value)}).valid


@given(st.binary(max_size=70), st.binary(max_size=70), st.binary(max_size=70))
def test_malformed_keys_are_invalid_and_never_raise(identity_key: bytes, box_key: bytes, signature: bytes) -> None:
    assert PeerKeys(identity_key, box_key, signature).valid is False
    assert verify(identity_key, signature, box_key) is False


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_signed_box_key_of_another_length_is_refused(alice: DeviceKeys, length: int) -> None:
    assert signed_box_key(alice, b"\x09" * length).valid is False


def test_keys_cannot_be_mixed_between_devices(alice: DeviceKeys, bob: DeviceKeys) -> None:
    ours, theirs = alice.public(), bob.public()
    assert not dataclasses.replace(ours, box_key=theirs.box_key).valid
    assert not dataclasses.replace(ours, identity_key=theirs.identity_key).valid
    assert not dataclasses.replace(ours, key_signature=theirs.key_signature).valid


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=9))
def test_a_signature_fits_its_message_and_key_only(message: bytes, more: bytes) -> None:
    keys, other = DeviceKeys(b"\1" * 32, b"\2" * 32), DeviceKeys(b"\3" * 32, b"\2" * 32)
    signature, public = keys.sign(message), keys.public().identity_key
    assert verify(public, signature, message)
    assert verify(public, signature, message + more) is False
    assert not verify(other.public().identity_key, signature, message)
    assert not verify(public, signature[:-1], message)
    assert not verify(public, signature + more, message)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_nothing_can_move_from_the_message_into_the_signature_or_back(message: bytes, data: st.DataObject) -> None:
    """Both are joined where they are verified: only the length of a signature says where it ends."""
    keys = DeviceKeys(b"\1" * 32, b"\2" * 32)
    signature, public = keys.sign(message), keys.public().identity_key
    cut = data.draw(st.integers(1, len(message)))
    assert verify(public, signature + message[:cut], message[cut:]) is False
    assert verify(public, signature[:-cut], signature[-cut:] + message) is False


def test_a_signature_for_one_purpose_is_worth_nothing_for_another(alice: DeviceKeys) -> None:
    """Each purpose has its own prefix that ends in a zero, so none is the beginning of another."""
    contexts = [BOX_KEY_CONTEXT, LINK_CONTEXT, REPLACE_CONTEXT]
    assert len(set(contexts)) == 3
    assert all(context.endswith(b"\0") and context.count(b"\0") == 1 for context in contexts)
    keys = alice.public()
    assert not verify(keys.identity_key, keys.key_signature, LINK_CONTEXT + keys.box_key)


def test_a_flight_is_bound_to_its_host_whatever_its_case() -> None:
    assert flight_to_sign("Chat.Example:443", b"m") == b"onebar link 1\0chat.example:443\0m"
    assert flight_to_sign("a", b"m") != flight_to_sign("b", b"m")


def test_a_replacement_proof_names_account_device_and_both_new_keys(alice: DeviceKeys, bob: DeviceKeys) -> None:
    keys = alice.public()
    covered = replacement_to_sign(1, 2, keys)
    assert covered == b"onebar replace 1\0" + bytes(7) + b"\1" + bytes(7) + b"\2" + keys.identity_key + keys.box_key
    others = {
        replacement_to_sign(2, 2, keys),
        replacement_to_sign(1, 1, keys),
        replacement_to_sign(1, 2, bob.public()),
    }
    assert covered not in others


def test_no_key_shows_in_a_log(alice: DeviceKeys) -> None:
    shown = f"{alice!r} {alice} {alice.public()!r} {[alice]}"
    assert "box_secret" not in shown
    public = alice.public()
    hidden = (alice.identity_seed, alice.box_secret, public.identity_key, public.box_key, public.key_signature)
    for secret in hidden:
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
