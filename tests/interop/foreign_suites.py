"""The parameters and formats of Olm v1 and Signal v3 as suites of our ratchet, and their handshakes.

Sources: the Olm specification; the Double Ratchet and X3DH specifications and libsignal's `wire.proto`, version 3. Both
encrypt with AES-256-CBC and cut HMAC-SHA256 to 8 bytes. That is theirs, and the reason why none of this ships.
"""

from collections.abc import Callable, Mapping
from hmac import compare_digest, digest
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from onebar.crypto.primitives import agree, hkdf
from onebar.crypto.suites import Header, Suite, chain_step
from onebar.crypto.values import KEY_BYTES, read_varint, varint
from onebar.errors import DecryptionError

OLM_NAME: Final = "Olm v1"
"""Name of its suite."""

SIGNAL_NAME: Final = "Signal v3"
"""Name of its suite."""

MAC_BYTES: Final = 8
"""What Olm v1 and Signal v3 leave of HMAC-SHA256."""

OLM_VERSION: Final = b"\x03"
"""First byte of every message of Olm v1."""

SIGNAL_VERSION: Final = b"\x33"
"""First byte of our messages of Signal v3: the version that is spoken, and the highest that is known."""

CURVE25519: Final = b"\x05"
"""Signal writes it before each X25519 key."""

_NO_SALT: Final = bytes(KEY_BYTES)
_BLOCK_BITS: Final = 128


class Keys(NamedTuple):
    """What a message key becomes."""

    cipher: bytes
    mac: bytes
    iv: bytes


def fields(*numbered: tuple[int, bytes | int | None]) -> bytes:
    """Return protocol-buffer fields (varints and bytes); None is left out."""
    written = b""
    for number, value in numbered:
        if isinstance(value, int):
            written += varint(number << 3) + varint(value)
        elif value is not None:
            written += varint(number << 3 | 2) + varint(len(value)) + value
    return written


def read_fields(data: bytes) -> tuple[dict[int, bytes], dict[int, int]]:
    """Return the fields of bytes and those of numbers.

    Raises:
        DecryptionError: Not protocol-buffer fields of these two kinds.
    """
    texts: dict[int, bytes] = {}
    numbers: dict[int, int] = {}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 0:
            numbers[tag >> 3] = value
        elif tag & 7 == 2 and at + value <= len(data):
            texts[tag >> 3] = data[at : at + value]
            at += value
        else:
            raise DecryptionError(f"no protocol-buffer field of ours at byte {at} of {len(data)}")
    return texts, numbers


def olm_v1(previous_counts: Mapping[bytes, int]) -> Suite:
    """Return the suite of Olm v1.

    Args:
        previous_counts: For a ratchet key of the other side, how long its chain before that one was. Olm does not send
            this: its receivers keep old chains instead. Who watches the other side's messages knows it.
    """

    def front(header: Header, ciphertext: bytes) -> bytes:
        return OLM_VERSION + fields((1, header.ratchet_public), (2, header.number), (4, ciphertext))

    def header_of(texts: Mapping[int, bytes], numbers: Mapping[int, int]) -> Header:
        return Header(texts[1], previous_counts.get(texts[1], 0), numbers[2])

    return _suite(OLM_NAME, OLM_VERSION[0] >> 4, b"OLM_RATCHET", b"OLM_KEYS", front, header_of)


def signal_v3() -> Suite:
    """Return the suite of Signal v3; its associated data is the sender's identity key, then the receiver's."""

    def front(header: Header, ciphertext: bytes) -> bytes:
        # libsignal writes the number of the last message, not how many there were, and 0 for none.
        previous = max(header.previous_count - 1, 0)
        written = fields((1, CURVE25519 + header.ratchet_public), (2, header.number), (3, previous), (4, ciphertext))
        return SIGNAL_VERSION + written

    def header_of(texts: Mapping[int, bytes], numbers: Mapping[int, int]) -> Header:
        if texts[1][:1] != CURVE25519:
            raise DecryptionError("not an X25519 key of Signal")
        return Header(texts[1][1:], numbers.get(3, 0) + 1, numbers[2])

    return _suite(SIGNAL_NAME, SIGNAL_VERSION[0] >> 4, b"WhisperRatchet", b"WhisperMessageKeys", front, header_of)


def olm_3dh(identity_to_once: bytes, base_to_identity: bytes, base_to_once: bytes) -> tuple[bytes, bytes]:
    """Return root key and first chain key from the three X25519 results of Olm v1, in its order."""
    return _halves(hkdf(_NO_SALT, identity_to_once + base_to_identity + base_to_once, b"OLM_ROOT", 2 * KEY_BYTES))


def signal_x3dh(*agreed: bytes) -> bytes:
    """Return the root key from the three or four X25519 results of X3DH, in the specification's order."""
    root_key, _ = _halves(hkdf(_NO_SALT, b"\xff" * KEY_BYTES + b"".join(agreed), b"WhisperText", 2 * KEY_BYTES))
    return root_key


def x3dh_initiator(identity: bytes, base: bytes, their_identity: bytes, signed: bytes, once: bytes | None) -> bytes:
    """Return the root key for the side that speaks first; its own keys are secrets (X3DH §3.3)."""
    agreed = [agree(identity, signed), agree(base, their_identity), agree(base, signed)]
    return signal_x3dh(*agreed, *([agree(base, once)] if once else []))


def x3dh_responder(identity: bytes, signed: bytes, once: bytes | None, their_identity: bytes, base: bytes) -> bytes:
    """Return the root key for the side that is spoken to; its own keys are secrets (X3DH §3.4)."""
    agreed = [agree(signed, their_identity), agree(identity, base), agree(signed, base)]
    return signal_x3dh(*agreed, *([agree(once, base)] if once else []))


def _halves(material: bytes) -> tuple[bytes, bytes]:
    return material[:KEY_BYTES], material[KEY_BYTES:]


def _suite(
    name: str,
    version: int,
    root_info: bytes,
    keys_info: bytes,
    front: Callable[[Header, bytes], bytes],
    header_of: Callable[[Mapping[int, bytes], Mapping[int, int]], Header],
) -> Suite:
    def root_step(root_key: bytes, agreed: bytes) -> tuple[bytes, bytes]:
        return _halves(hkdf(root_key, agreed, root_info, 2 * KEY_BYTES))

    def keys_of(message_key: bytes) -> Keys:
        material = hkdf(_NO_SALT, message_key, keys_info, 2 * KEY_BYTES + _BLOCK_BITS // 8)
        return Keys(*_halves(material[: 2 * KEY_BYTES]), material[2 * KEY_BYTES :])

    def seal(message_key: bytes, header: Header, plain: bytes, associated_data: bytes) -> bytes:
        keys = keys_of(message_key)
        written = front(header, _encrypt(keys, plain))
        return written + digest(keys.mac, associated_data + written, "sha256")[:MAC_BYTES]

    def parse(sealed: bytes) -> tuple[Header, int]:
        texts, numbers = read_fields(sealed[1:-MAC_BYTES])
        if not {1, 4} <= texts.keys() or 2 not in numbers or sealed[0] >> 4 != version:
            raise DecryptionError(f"{len(sealed)} bytes are no message of {name}")
        return header_of(texts, numbers), len(sealed) - MAC_BYTES - len(texts[4])

    def open_(message_key: bytes, sealed: bytes, body_at: int, associated_data: bytes) -> bytes:
        keys, written = keys_of(message_key), sealed[:-MAC_BYTES]
        tag = digest(keys.mac, associated_data + written, "sha256")[:MAC_BYTES]
        if not compare_digest(tag, sealed[-MAC_BYTES:]):
            raise DecryptionError("the tag does not verify")
        return _decrypt(keys, written[body_at:])

    return Suite(name, root_step, chain_step, seal, parse, open_)


def _encrypt(keys: Keys, plain: bytes) -> bytes:
    padder, cipher = PKCS7(_BLOCK_BITS).padder(), Cipher(algorithms.AES(keys.cipher), modes.CBC(keys.iv)).encryptor()
    return cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()


def _decrypt(keys: Keys, ciphertext: bytes) -> bytes:
    unpadder, cipher = (
        PKCS7(_BLOCK_BITS).unpadder(),
        Cipher(algorithms.AES(keys.cipher), modes.CBC(keys.iv)).decryptor(),
    )
    try:
        return unpadder.update(cipher.update(ciphertext) + cipher.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise DecryptionError("not whole blocks, or padded wrongly") from error
