"""The production suite: what it derives, how its messages look, and what they are bound to."""

import hashlib
import hmac

import pytest

from onebar.crypto.suites import MESSAGE, MESSAGE_WITH_KEM, ONEBAR_V1, OVERHEAD_BYTES, Header
from onebar.errors import DecryptionError

KEY = hashlib.sha256(b"message key").digest()
HEADER = Header(hashlib.sha256(b"ratchet key").digest(), 3, 4)


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
    assert sealed[:35] == bytes([MESSAGE]) + HEADER.ratchet_public + b"\3\4"
    assert ONEBAR_V1.parse(sealed) == (HEADER, 35)
    assert ONEBAR_V1.open(KEY, sealed, 35, b"the way") == b"hello"


def test_key_and_nonce_come_from_the_message_key() -> None:
    from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt

    sealed = ONEBAR_V1.seal(KEY, HEADER, b"hello", b"the way")
    material = expanded(bytes(32), KEY, b"onebar ratchet message 1\0", 44)
    bound = sealed[:35] + b"the way"
    assert sealed[35:] == crypto_aead_chacha20poly1305_ietf_encrypt(b"hello", bound, material[32:], material[:32])


def test_a_short_message_gains_51_bytes() -> None:
    assert len(ONEBAR_V1.seal(KEY, HEADER, b"", b"")) == OVERHEAD_BYTES == 51


def test_counters_above_127_take_more_bytes() -> None:
    sealed = ONEBAR_V1.seal(KEY, Header(HEADER.ratchet_public, 128, 70_000), b"", b"")
    assert len(sealed) == OVERHEAD_BYTES + 1 + 2
    assert ONEBAR_V1.parse(sealed)[0] == Header(HEADER.ratchet_public, 128, 70_000)


@pytest.mark.parametrize("first", [0, 1, MESSAGE_WITH_KEM, 0x30, 0x31, 0xFF])
def test_another_kind_is_refused(first: int) -> None:
    sealed = bytes([first]) + ONEBAR_V1.seal(KEY, HEADER, b"hello", b"")[1:]
    with pytest.raises(DecryptionError, match=f"begin with '{first:02x}'"):
        ONEBAR_V1.parse(sealed)


@pytest.mark.parametrize("length", [0, 1, 33, 50])
def test_what_is_too_short_is_refused(length: int) -> None:
    with pytest.raises(DecryptionError, match=f"{length} bytes"):
        ONEBAR_V1.parse(ONEBAR_V1.seal(KEY, HEADER, b"", b"")[:length])


def test_the_repr_of_a_suite_is_its_name() -> None:
    assert repr(ONEBAR_V1) == "Suite(name='onebar ratchet 1')"
