"""A device's keys: Ed25519 to sign, X25519 to seal, bound by a signature (docs/protocol.md §2)."""

from dataclasses import dataclass, field
from typing import Final

from nacl.bindings import (
    crypto_scalarmult,
    crypto_scalarmult_base,
    crypto_sign,
    crypto_sign_BYTES,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError, CryptoError

SEED_BYTES: Final = 32
"""Length of an Ed25519 seed and of an X25519 secret (RFC 8032, RFC 7748)."""

BOX_KEY_CONTEXT: Final = b"onebar box key 1\0"
"""Before a box key that is signed, so that no signature over anything else can vouch for one (docs/protocol.md §2)."""

LINK_CONTEXT: Final = b"onebar link 1\0"
"""Before a flight that is signed, so that nothing else that was signed can open a link (docs/protocol.md §3)."""

REPLACE_CONTEXT: Final = b"onebar replace 1\0"
"""Before the proof of a replacement, so that nothing else that was signed can remove a device (docs/protocol.md §2)."""


@dataclass(frozen=True, slots=True)
class PeerKeys:
    """Another device's public keys."""

    identity_key: bytes = field(repr=False)
    """Ed25519, 32 bytes."""
    box_key: bytes = field(repr=False)
    """X25519, 32 bytes."""
    key_signature: bytes = field(repr=False)
    """64 bytes: the identity key's signature over the box key."""

    @property
    def valid(self) -> bool:
        """Whether the identity key really signed the box key, and the box key is no low-order point (RFC 7748 §6.1)."""
        if len(self.box_key) != SEED_BYTES:  # the binding would read beyond a short one
            return False
        try:
            crypto_scalarmult(b"\1" * SEED_BYTES, self.box_key)
        except CryptoError:
            return False
        return verify(self.identity_key, self.key_signature, BOX_KEY_CONTEXT + self.box_key)


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """This device's own keys."""

    identity_seed: bytes = field(repr=False)
    """Ed25519 seed, 32 bytes."""
    box_secret: bytes = field(repr=False)
    """X25519 secret, 32 bytes."""

    def public(self) -> PeerKeys:
        """Return what others may know."""
        identity_key, _ = crypto_sign_seed_keypair(self.identity_seed)
        box_key = crypto_scalarmult_base(self.box_secret)
        return PeerKeys(identity_key, box_key, self.sign(BOX_KEY_CONTEXT + box_key))

    def sign(self, message: bytes) -> bytes:
        """Return the identity key's signature, 64 bytes (RFC 8032)."""
        _, secret = crypto_sign_seed_keypair(self.identity_seed)
        return crypto_sign(message, secret)[:crypto_sign_BYTES]


def verify(identity_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether the key made this signature (RFC 8032); malformed input is False."""
    if len(identity_key) != SEED_BYTES or len(signature) != crypto_sign_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, identity_key)
    except (BadSignatureError, ValueError):
        return False
    return True


def flight_to_sign(host: str, message: bytes) -> bytes:
    """Return what a flight's signature covers (docs/protocol.md §3)."""
    return LINK_CONTEXT + host.lower().encode() + b"\0" + message


def replacement_to_sign(account: int, device: int, new: PeerKeys) -> bytes:
    """Return what the proof of a replacement covers (docs/protocol.md §2)."""
    ids = account.to_bytes(8, "big") + device.to_bytes(8, "big")
    return REPLACE_CONTEXT + ids + new.identity_key + new.box_key
