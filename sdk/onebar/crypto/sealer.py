"""The interim sealer: PyNaCl `Box` between authenticated device keys (docs/protocol.md §5).

The ratchet will take its place behind the same two functions. There is no plaintext mode.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from nacl.bindings import crypto_box_NONCEBYTES
from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.errors import DecryptionError

VERSION: Final = 1
"""First byte of every envelope of this sealer."""

OVERHEAD_BYTES: Final = 1 + crypto_box_NONCEBYTES + 16 + 32
"""Version, nonce, Poly1305 tag and the associated data's hash."""

ENVELOPE_CONTEXT: Final = b"onebar envelope 1\0"
"""Before the associated data, so that no other hash can stand for an envelope's way (docs/protocol.md §5)."""


def associated_data(sender: tuple[int, int], out_no: int, recipient: tuple[int, int]) -> bytes:
    """Return what binds an envelope to its way: (account, device) of both ends and its number."""
    return ENVELOPE_CONTEXT + b"".join(n.to_bytes(8, "big") for n in (*sender, out_no, *recipient))


def seal(content: bytes, bound: bytes, keys: DeviceKeys, peer: PeerKeys, entropy: Callable[[int], bytes]) -> bytes:
    """Seal content for one device.

    Args:
        content: What to say, any length.
        bound: The associated data; `open_sealed` needs the same.
        keys: This device's.
        peer: The recipient's, checked by the caller (`PeerKeys.valid`).
        entropy: Gives the nonce of 24 bytes.
    """
    nonce = entropy(crypto_box_NONCEBYTES)
    box = Box(PrivateKey(keys.box_secret), PublicKey(peer.box_key))
    sealed = box.encrypt(hashlib.sha256(bound).digest() + content, nonce).ciphertext
    return bytes((VERSION,)) + nonce + sealed


def open_sealed(sealed: bytes, bound: bytes, keys: DeviceKeys, peer: PeerKeys) -> bytes:
    """Open an envelope.

    Raises:
        DecryptionError: Another version, damaged, forged, or bound to another way.
    """
    if len(sealed) < OVERHEAD_BYTES or sealed[0] != VERSION:
        raise DecryptionError(f"an envelope of {len(sealed)} bytes is not of version {VERSION}")
    nonce = sealed[1 : 1 + crypto_box_NONCEBYTES]
    try:
        box = Box(PrivateKey(keys.box_secret), PublicKey(peer.box_key))
        plain = box.decrypt(sealed[1 + crypto_box_NONCEBYTES :], nonce)
    except (CryptoError, ValueError) as error:
        raise DecryptionError("the envelope does not open with the sender's key") from error
    if plain[:32] != hashlib.sha256(bound).digest():
        raise DecryptionError("the envelope was sealed for another way")
    return plain[32:]
