"""Secrets at rest: each is wrapped under one key that is kept outside of the database (XChaCha20-Poly1305)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

from onebar.errors import DecryptionError, InputError

VERSION: Final = 1
"""First byte of a wrapped secret."""

WRAPPING_CONTEXT: Final = b"onebar at rest 1\0"
"""Before the place of a secret in the associated data, so that nothing else that was sealed can stand for one."""

KEY_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_KEYBYTES
"""Length of the key that wraps: 32."""

NONCE_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
"""Length of the nonce: 24, so that random ones never meet, however often a row is written."""

OVERHEAD_BYTES: Final = 1 + NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES
"""What a secret gains: version, nonce, tag."""


class KeyVault(Protocol):
    """Keeps a device's secrets unreadable in its database: by a file, a passphrase, or a phone's keystore."""

    def wrap(self, secret: bytes, place: str) -> bytes:
        """Return the secret as it may be written to the database.

        Args:
            secret: Any length.
            place: Where it will stand, such as `sessions/7/2`; `unwrap` needs the same.
        """

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """Return the secret.

        Raises:
            DecryptionError: Another key, another place, another version, or damaged.
        """


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A vault that has its key in memory; the vaults of `onebar.store.vault` find the key, this one uses it."""

    key: bytes = field(repr=False)
    """32 bytes."""
    entropy: Callable[[int], bytes] = field(repr=False)
    """Gives the nonces."""

    def __post_init__(self) -> None:
        """Refuse a key of another length."""
        if len(self.key) != KEY_BYTES:
            raise InputError(f"a wrapping key of {len(self.key)} bytes; it has {KEY_BYTES}")

    def wrap(self, secret: bytes, place: str) -> bytes:
        """See `KeyVault.wrap`; adds 41 bytes."""
        nonce = self.entropy(NONCE_BYTES)
        sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(secret, _associated_data(place), nonce, self.key)
        return bytes((VERSION,)) + nonce + sealed

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """See `KeyVault.unwrap`."""
        if len(wrapped) < OVERHEAD_BYTES or wrapped[0] != VERSION:
            raise DecryptionError(f"{place}: {len(wrapped)} bytes are no wrapped secret of version {VERSION}")
        nonce, sealed = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, _associated_data(place), nonce, self.key)
        except CryptoError:
            raise DecryptionError(f"{place}: the secret was wrapped under another key, or is damaged") from None


def _associated_data(place: str) -> bytes:
    return WRAPPING_CONTEXT + bytes((VERSION,)) + place.encode()
