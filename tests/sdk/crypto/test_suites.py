"""The production suite: what it derives, how its messages look, and what they are bound to."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.crypto.suites import MESSAGE, MESSAGE_WITH_KEM, ONEBAR_V1, OVERHEAD_BYTES, SALT_BYTES, TAG_BYTES, Header
from onebar.errors import DecryptionError, InputError

KEY = hashlib.sha256(b"message key").digest()
SALT = b"salted"
HEADER = Header(hashlib.sha256(b"ratchet key").digest(), 3, 4, SALT)


def expanded(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF once more, straight from RFC 5869 §2."""
    pseudorandom = hmac.new(salt, secret, hashlib.sha256).digest()
    blocks, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.new(pseudorandom, block + info + bytes([number]), hashlib.sha256).digest()
        blocks += block
    return blocks[:length]


def test_the_root_gives_the_next_root_and_a_chain() -> None:
    root, chain = ONEBAR_V1.root_step(b"r" * 32, b"d" * 32)
    assert root + chain == expanded(b"r" * 32, b"d" * 32, b"onebar ratchet root 1\0", 64)


def test_the_chain_gives_the_next_link_and_a_message_key() -> None:
    following, message_key = ONEBAR_V1.chain_step(b"c" * 32)
    assert following == hmac.new(b"c" * 32, b"\2", hashlib.sha256).digest()
    assert message_key == hmac.new(b"c" * 32, b"\1", hashlib.sha256).digest()


def test_a_message_is_laid_out_as_documented() -> None:
    sealed = ONEBAR_V1.seal(KEY, HEADER, b"hello", b"the way")
    assert sealed[:41] == bytes([MESSAGE]) + HEADER.ratchet_public + b"\3\4" + SALT
    assert ONEBAR_V1.parse(sealed) == (HEADER, 41)
    assert ONEBAR_V1.open(KEY, sealed, 41, b"the way") == b"hello"


def test_a_header_of_a_format_without_a_salt_has_none() -> None:
    assert Header(HEADER.ratchet_public, 3, 4) == (HEADER.ratchet_public, 3, 4, b"")


def test_key_and_nonce_come_from_the_message_key_and_the_salt() -> None:
    from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt

    sealed = ONEBAR_V1.seal(KEY, HEADER, b"hello", b"the way")
    material = expanded(SALT, KEY, b"onebar ratchet message 1\0", 44)
    bound = sealed[:41] + b"the way"
    assert sealed[41:] == crypto_aead_chacha20poly1305_ietf_encrypt(b"hello", bound, material[32:], material[:32])


def test_a_short_message_gains_57_bytes() -> None:
    assert len(ONEBAR_V1.seal(KEY, HEADER, b"", b"")) == OVERHEAD_BYTES == 57


def test_counters_above_127_take_more_bytes() -> None:
    sealed = ONEBAR_V1.seal(KEY, Header(HEADER.ratchet_public, 128, 70_000, SALT), b"", b"")
    assert len(sealed) == OVERHEAD_BYTES + 1 + 2
    assert ONEBAR_V1.parse(sealed)[0] == Header(HEADER.ratchet_public, 128, 70_000, SALT)


@pytest.mark.parametrize("first", [0, 1, MESSAGE_WITH_KEM, 0x30, 0x31, 0xFF])
def test_another_kind_is_refused(first: int) -> None:
    sealed = bytes([first]) + ONEBAR_V1.seal(KEY, HEADER, b"hello", b"")[1:]
    with pytest.raises(DecryptionError, match=f"begin with '{first:02x}'"):
        ONEBAR_V1.parse(sealed)


@pytest.mark.parametrize("length", [0, 1, 33, 41, 56])
def test_what_is_too_short_is_refused(length: int) -> None:
    with pytest.raises(DecryptionError, match=f"{length} bytes"):
        ONEBAR_V1.parse(ONEBAR_V1.seal(KEY, HEADER, b"", b"")[:length])


@pytest.mark.parametrize("missing", range(1, SALT_BYTES + TAG_BYTES + 1))
def test_a_message_with_long_counters_has_room_for_salt_and_tag_or_is_refused(missing: int) -> None:
    sealed = ONEBAR_V1.seal(KEY, HEADER._replace(previous_count=2**32 - 1, number=2**32 - 1), b"", b"")
    assert ONEBAR_V1.parse(sealed)[1] == len(sealed) - TAG_BYTES
    with pytest.raises(DecryptionError, match=f"{len(sealed) - missing} bytes"):
        ONEBAR_V1.parse(sealed[:-missing])


@given(st.binary(max_size=80), st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES), st.data())
def test_a_salt_with_a_changed_byte_does_not_open(plain: bytes, salt: bytes, data: st.DataObject) -> None:
    sealed = ONEBAR_V1.seal(KEY, HEADER._replace(salt=salt), plain, b"the way")
    change = data.draw(st.integers(1, 255))
    for place in range(41 - SALT_BYTES, 41):
        changed = bytearray(sealed)
        changed[place] ^= change
        assert ONEBAR_V1.parse(bytes(changed))[1] == 41
        with pytest.raises(DecryptionError, match="tag"):
            ONEBAR_V1.open(KEY, bytes(changed), 41, b"the way")
    assert ONEBAR_V1.open(KEY, sealed, 41, b"the way") == plain


@given(st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES), st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES))
def test_a_body_sealed_with_another_salt_does_not_open(salt: bytes, other: bytes) -> None:
    sealed, wrong = (ONEBAR_V1.seal(KEY, HEADER._replace(salt=it), b"hello", b"the way") for it in (salt, other))
    if salt != other:
        with pytest.raises(DecryptionError, match="tag"):
            ONEBAR_V1.open(KEY, sealed[:41] + wrong[41:], 41, b"the way")


@pytest.mark.parametrize("length", [0, 5, 7, 32])
def test_a_salt_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InputError, match=f"a salt of {length} bytes; it has 6"):
        ONEBAR_V1.seal(KEY, HEADER._replace(salt=bytes(length)), b"hello", b"")


def test_the_repr_of_a_suite_is_its_name() -> None:
    assert repr(ONEBAR_V1) == "Suite(name='onebar ratchet 1')"
