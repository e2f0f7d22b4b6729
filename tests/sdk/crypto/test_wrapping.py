"""A wrapped secret opens with its key, at its place, unchanged, and in no other way."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.crypto.wrapping import NONCE_BYTES, OVERHEAD_BYTES, KeyVault, WrappingKey
from onebar.errors import DecryptionError, InputError

KEY = hashlib.sha256(b"key").digest()
NONCE = bytes(range(NONCE_BYTES))


def vault(key: bytes = KEY, nonce: bytes = NONCE) -> KeyVault:
    return WrappingKey(key, lambda size: nonce[:size])


@given(st.binary(max_size=500), st.text(max_size=50))
def test_what_was_wrapped_comes_back(secret: bytes, place: str) -> None:
    wrapped = vault().wrap(secret, place)
    assert vault().unwrap(wrapped, place) == secret
    assert len(wrapped) == len(secret) + OVERHEAD_BYTES
    assert OVERHEAD_BYTES == 41


def test_the_secret_does_not_show_and_each_wrapping_looks_different() -> None:
    assert b"attack at dawn" not in vault().wrap(b"attack at dawn", "p")
    assert vault(nonce=b"a" * 24).wrap(b"x", "p")[25:] != vault(nonce=b"b" * 24).wrap(b"x", "p")[25:]


def test_another_key_or_place_opens_nothing() -> None:
    wrapped = vault().wrap(b"secret", "sessions/7/2")
    for other, place in ((vault(bytes(32)), "sessions/7/2"), (vault(), "sessions/7/3"), (vault(), "")):
        with pytest.raises(DecryptionError, match=f"{place}: the secret was wrapped under another key"):
            other.unwrap(wrapped, place)


def test_any_flipped_bit_is_noticed() -> None:
    wrapped = vault().wrap(b"secret", "p")
    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptionError):
            vault().unwrap(bytes(changed), "p")


@pytest.mark.parametrize("wrapped", [b"", b"\x01", bytes(100), b"\x02" + bytes(99), vault().wrap(b"", "p")[:-1]])
def test_another_version_or_a_short_one_is_named(wrapped: bytes) -> None:
    with pytest.raises(DecryptionError, match=f"p: {len(wrapped)} bytes are no wrapped secret of version 1"):
        vault().unwrap(wrapped, "p")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InputError, match=f"wrapping key of {length} bytes; it has 32"):
        WrappingKey(bytes(length), bytes)


def test_what_an_earlier_version_wrapped_still_opens() -> None:
    wrapped = bytes.fromhex(
        "01000102030405060708090a0b0c0d0e0f10111213141516174e1eb91527ddb4a03c367ec98a1f3d27fab5a62e661e3bbfc9da8fd1c22e42add9f2abc9"
    )
    assert vault().unwrap(wrapped, "identity") == b"a secret of long ago"


def test_the_repr_shows_no_key() -> None:
    assert repr(WrappingKey(KEY, bytes)) == "WrappingKey()"
