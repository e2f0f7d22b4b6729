"""Project Wycheproof: what is valid is accepted with the right result, what is invalid is refused."""

import hmac

import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.exceptions import CryptoError

from onebar.crypto.kem import Kem, KemError, find_kem
from onebar.crypto.keys import verify
from onebar.crypto.primitives import agree, decrypt, encrypt, hkdf
from onebar.errors import DecryptionError
from tests.vectors.reading import Vector, giving, wycheproof

HKDF_BYTES_MAX = 255 * 32


def raw(vector: Vector, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


def test_x25519_agrees_and_refuses_every_low_order_point() -> None:
    vectors, refused = wycheproof("x25519_test.json", 518), 0
    for vector in vectors:
        secret, public, shared = raw(vector, "private", "public", "shared")
        if "ZeroSharedSecret" in vector["flags"]:
            refused += 1
            with pytest.raises(DecryptionError, match="low-order"):
                agree(secret, public)
        else:
            assert agree(secret, public) == shared, vector["tcId"]
    assert refused == 31


def test_ed25519_verifies_exactly_the_valid_signatures() -> None:
    for vector in wycheproof("ed25519_test.json", 151):
        message, signature = raw(vector, "msg", "sig")
        public = bytes.fromhex(vector["publicKey"]["pk"])
        assert verify(public, signature, message) == (vector["result"] == "valid"), vector["tcId"]


def test_chacha20_poly1305_seals_and_opens() -> None:
    for vector in wycheproof("chacha20_poly1305_test.json", 325):
        key, nonce, bound, plain, sealed, tag = raw(vector, "key", "iv", "aad", "msg", "ct", "tag")
        if vector["result"] == "valid":
            assert encrypt(key, nonce, plain, bound) == sealed + tag, vector["tcId"]
            assert decrypt(key, nonce, sealed + tag, bound) == plain, vector["tcId"]
        else:
            with pytest.raises(DecryptionError):
                decrypt(key, nonce, sealed + tag, bound)


def test_xchacha20_poly1305_seals_and_opens() -> None:
    """The binding alone: secrets at rest are wrapped with it, behind a context that no vector has."""
    for vector in wycheproof("xchacha20_poly1305_test.json", 315):
        key, nonce, bound, plain, sealed, tag = raw(vector, "key", "iv", "aad", "msg", "ct", "tag")
        if vector["ivSize"] == 192 and vector["result"] == "valid":
            both = sealed + tag
            assert crypto_aead_xchacha20poly1305_ietf_encrypt(plain, bound, nonce, key) == both, vector["tcId"]
            assert crypto_aead_xchacha20poly1305_ietf_decrypt(both, bound, nonce, key) == plain, vector["tcId"]
        else:
            with pytest.raises((CryptoError, ValueError)):
                crypto_aead_xchacha20poly1305_ietf_decrypt(sealed + tag, bound, nonce, key)


def test_hkdf_derives_and_refuses_more_than_it_has() -> None:
    for vector in wycheproof("hkdf_sha256_test.json", 86):
        secret, salt, info, expected = raw(vector, "ikm", "salt", "info", "okm")
        if vector["result"] == "valid":
            assert hkdf(salt, secret, info, vector["size"]) == expected, vector["tcId"]
        else:
            assert vector["size"] > HKDF_BYTES_MAX
            with pytest.raises(ValueError, match="range"):
                hkdf(salt, secret, info, vector["size"])


def test_hmac_is_the_one_of_the_chains() -> None:
    for vector in wycheproof("hmac_sha256_test.json", 174):
        key, message, tag = raw(vector, "key", "msg", "tag")
        same = hmac.compare_digest(hmac.digest(key, message, "sha256")[: len(tag)], tag)
        assert same == (vector["result"] == "valid"), vector["tcId"]


@pytest.fixture
def kem() -> Kem:
    found = find_kem()
    if found is None:
        pytest.skip("no library here has ML-KEM-768")
    return found


def test_ml_kem_makes_the_key_of_a_seed(kem: Kem) -> None:
    for vector in wycheproof("mlkem_768_keygen_seed_test.json", 100):
        seed, public = raw(vector, "seed", "ek")
        assert kem.keypair(giving(seed)) == (public, seed), vector["tcId"]


def test_ml_kem_opens_and_refuses_other_lengths(kem: Kem) -> None:
    for vector in wycheproof("mlkem_768_test.json", 193):
        secret, ciphertext, shared = raw(vector, "seed", "c", "K")
        if vector["result"] == "valid":
            assert kem.decapsulate(secret, ciphertext) == shared, vector["tcId"]
        else:
            with pytest.raises(KemError):
                kem.decapsulate(secret, ciphertext)


def test_ml_kem_takes_exactly_the_valid_public_keys(kem: Kem) -> None:
    """The secrets of these vectors need randomness from outside, which OpenSSL does not take."""
    for vector in wycheproof("mlkem_768_encaps_test.json", 265):
        (public,) = raw(vector, "ek")
        if vector["result"] == "valid":
            assert [len(part) for part in kem.encapsulate(public)] == [32, 1088], vector["tcId"]
        else:
            with pytest.raises(KemError):
                kem.encapsulate(public)
