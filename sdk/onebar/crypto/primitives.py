"""The primitives that the protocols share, as they need them: HKDF-SHA256, X25519, ChaCha20-Poly1305."""

from hmac import digest

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt,
    crypto_aead_chacha20poly1305_ietf_encrypt,
    crypto_scalarmult,
    crypto_scalarmult_base,
)
from nacl.exceptions import CryptoError

from onebar.crypto.values import KEY_BYTES
from onebar.errors import DecryptionError


def hkdf(salt: bytes, secret: bytes, info: bytes, length_bytes: int) -> bytes:
    """Return key material of this length, at most 8,160 bytes (RFC 5869 with SHA-256)."""
    key = digest(salt, secret, "sha256")
    block = material = digest(key, info + b"\1", "sha256")
    number = 1
    while len(material) < length_bytes:
        number += 1
        block = digest(key, block + info + bytes((number,)), "sha256")
        material += block
    return material[:length_bytes]


def public_of(secret: bytes) -> bytes:
    """Return the X25519 public key of a secret of 32 bytes (RFC 7748 §6.1)."""
    return crypto_scalarmult_base(secret)


def agree(secret: bytes, public: bytes) -> bytes:
    """Return what X25519 makes of our secret and their public key, 32 bytes (RFC 7748 §6.1).

    Raises:
        DecryptionError: The public key has another length or is a low-order point, which would make the result known.
    """
    if len(public) != KEY_BYTES:  # the binding would read beyond a short one
        raise DecryptionError(f"an X25519 key has {KEY_BYTES} bytes, not {len(public)}")
    try:
        return crypto_scalarmult(secret, public)
    except CryptoError as error:
        raise DecryptionError("the other side's X25519 key is a low-order point") from error


def encrypt(key: bytes, nonce: bytes, plain: bytes, associated_data: bytes) -> bytes:
    """Return plain under a key of 32 bytes and a nonce of 12, with a tag of 16 behind it (RFC 8439 §2.8)."""
    return crypto_aead_chacha20poly1305_ietf_encrypt(plain, associated_data, nonce, key)


def decrypt(key: bytes, nonce: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """Return what `encrypt` was given.

    Raises:
        DecryptionError: The tag does not verify: another key, nonce or associated data, or changed on the way.
    """
    try:
        return crypto_aead_chacha20poly1305_ietf_decrypt(sealed, associated_data, nonce, key)
    except (CryptoError, ValueError) as error:  # ValueError: shorter than a tag
        raise DecryptionError("the tag does not verify: sealed for another key or way, or changed") from error
