"""What a Double Ratchet is made of: its key derivations and its message format, as one value.

The specification leaves these to the application (Double Ratchet rev 3, §7.2). Keeping them out of the ratchet lets the
tests run the very code that ships against other implementations, with their formats (Olm v1, Signal v3).

A message of `ONEBAR_V1` is

    kind (1 byte, 0x20) ‖ ratchet key (32) ‖ previous count (varint) ‖ number (varint) ‖ salt (6)
    ‖ ciphertext and tag (n + 16)

and its associated data is all that stands before the ciphertext, then what the caller gives. The front has one reading
only, so the two cannot be mistaken for each other.

**The salt.** A phone whose storage is put back to an older image, or a copy of it that comes to life, derives message
keys again that it has used (Double Ratchet rev 3, §8 takes for granted that this does not happen; the server finds it
out when it has heard of the lost numbers, R20, and cannot when it has not). So the key and nonce of each message are
made of the chain's message key *and* random bytes: two messages with one message key still have different keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import digest
from typing import Final, NamedTuple

from onebar.crypto.primitives import decrypt, encrypt, hkdf
from onebar.crypto.values import KEY_BYTES, read_varint, varint
from onebar.errors import DecryptionError, InputError

MESSAGE: Final = 0x20
"""First byte of a message: version 2 of envelopes (1 was PyNaCl's `Box`), no flags."""

MESSAGE_WITH_KEM: Final = 0x21
"""Reserved for messages that carry a part of a later ML-KEM agreement, as Apple's PQ3 does; refused until then."""

ROOT_CONTEXT: Final = b"onebar ratchet root 1\0"
"""The purpose in the root's HKDF, so that no other derivation gives the same keys."""

MESSAGE_CONTEXT: Final = b"onebar ratchet message 1\0"
"""The purpose in the HKDF of a message key, so that no other derivation gives the same keys."""

NONCE_BYTES: Final = 12
"""Length of a nonce (RFC 8439). It is derived with the key, used once, and not sent."""

TAG_BYTES: Final = 16
"""Length of a tag (RFC 8439); never shortened."""

SALT_BYTES: Final = 6
"""Length of the salt: two messages under one message key get the same one once in 2^48, and a copied phone that goes on
unnoticed makes a handful of such pairs."""

OVERHEAD_BYTES: Final = 1 + KEY_BYTES + 1 + 1 + SALT_BYTES + TAG_BYTES
"""What a message gains while both of its counters are below 128."""


class Header(NamedTuple):
    """Where a message stands (Double Ratchet rev 3, §3.1). All of it is public."""

    ratchet_public: bytes
    """X25519, the sender's of this chain."""
    previous_count: int
    """How many messages the sender's chain before this one has, 0 to `COUNT_MAX`; a format that does not say it
    has to know it in another way, or messages of the earlier chain that are late cannot be opened."""
    number: int
    """This message's in its chain, 0 to `COUNT_MAX`."""
    salt: bytes = b""
    """Random, where the format has one."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The parameters of a ratchet (Double Ratchet rev 3, §7.2)."""

    name: str
    root_step: Callable[[bytes, bytes], tuple[bytes, bytes]] = field(repr=False)
    """(root key, X25519 result) to (next root key, chain key): KDF_RK."""
    chain_step: Callable[[bytes], tuple[bytes, bytes]] = field(repr=False)
    """Chain key to (next chain key, message key): KDF_CK."""
    seal: Callable[[bytes, Header, bytes, bytes], bytes] = field(repr=False)
    """(message key, header, plain, associated data) to the whole message: expands the key, encrypts, authenticates."""
    parse: Callable[[bytes], tuple[Header, int]] = field(repr=False)
    """Message to its header and where its body begins; nothing is verified yet. Raises `DecryptionError`."""
    open: Callable[[bytes, bytes, int, bytes], bytes] = field(repr=False)
    """(message key, message, where its body begins, associated data) to plain. Raises `DecryptionError`."""


def _root_step(root_key: bytes, agreed: bytes) -> tuple[bytes, bytes]:
    material = hkdf(root_key, agreed, ROOT_CONTEXT, 2 * KEY_BYTES)
    return material[:KEY_BYTES], material[KEY_BYTES:]


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """Return the next chain key and the message key (Double Ratchet rev 3, §7.2: HMAC-SHA256 of the bytes 2 and 1)."""
    return digest(chain_key, b"\2", "sha256"), digest(chain_key, b"\1", "sha256")


def _expand(message_key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    material = hkdf(salt, message_key, MESSAGE_CONTEXT, KEY_BYTES + NONCE_BYTES)
    return material[:KEY_BYTES], material[KEY_BYTES:]


def _seal(message_key: bytes, header: Header, plain: bytes, associated_data: bytes) -> bytes:
    public, previous_count, number, salt = header
    if len(salt) != SALT_BYTES:
        raise InputError(f"a salt of {len(salt)} bytes; it has {SALT_BYTES}")
    front = bytes((MESSAGE,)) + public + varint(previous_count) + varint(number) + salt
    key, nonce = _expand(message_key, salt)
    return front + encrypt(key, nonce, plain, front + associated_data)


def _parse(sealed: bytes) -> tuple[Header, int]:
    if len(sealed) < OVERHEAD_BYTES or sealed[0] != MESSAGE:
        raise DecryptionError(
            f"{len(sealed)} bytes that begin with {sealed[:1].hex()!r} are no message of this version"
        )
    previous_count, at = read_varint(sealed, 1 + KEY_BYTES)
    number, at = read_varint(sealed, at)
    body_at = at + SALT_BYTES
    if len(sealed) < body_at + TAG_BYTES:
        raise DecryptionError(f"a message of {len(sealed)} bytes is cut short")
    return Header(sealed[1 : 1 + KEY_BYTES], previous_count, number, sealed[at:body_at]), body_at


def _open(message_key: bytes, sealed: bytes, body_at: int, associated_data: bytes) -> bytes:
    key, nonce = _expand(message_key, sealed[body_at - SALT_BYTES : body_at])
    return decrypt(key, nonce, sealed[body_at:], sealed[:body_at] + associated_data)


ONEBAR_V1: Final = Suite("onebar ratchet 1", _root_step, chain_step, _seal, _parse, _open)
"""What ships: HKDF and HMAC with SHA-256, ChaCha20-Poly1305 with key and nonce derived, the full tag."""
