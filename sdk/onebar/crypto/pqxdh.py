"""The handshake: PQXDH with ML-KEM-768 where both sides have it, X3DH otherwise (PQXDH rev 3, X3DH rev 1).

    root key = HKDF(0, F ‖ DH1 ‖ DH2 ‖ DH3 [‖ DH4] [‖ SS], context)        F: 32 bytes of 255
    DH1: initiator's box key, signed prekey    DH2: ephemeral key, responder's box key
    DH3: ephemeral key, signed prekey          DH4: ephemeral key, one-time prekey     SS: from ML-KEM

    associated data = SHA-256(context ‖ started_ms ‖ initiator's identity and box key ‖ responder's identity and box key
                              ‖ ephemeral key ‖ signed prekey ‖ one-time prekey or none [‖ ML-KEM prekey ‖ ciphertext])

`started_ms` has 6 bytes, big-endian. Before each key stands a byte with its kind, so that no key can be read as one of
another kind (PQXDH rev 3, §2.2). The context names the handshake and the suite. The associated data is in every
message of the session, so none opens unless both sides saw the same of everything.

The initial header is

    kind (1 byte: 0x30, with ML-KEM 0x31) ‖ initiator's identity key (32) ‖ ephemeral key (32) ‖ started_ms (6)
    ‖ signed prekey's number (varint) ‖ 0, or 1 + one-time prekey's number (varint)
    [‖ ML-KEM prekey's number (varint) ‖ ML-KEM ciphertext (1088)]
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Final, NoReturn, Protocol

from msgspec import Meta

from onebar.crypto.kem import CIPHERTEXT_BYTES, Kem, KemError
from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.crypto.prekeys import (
    KemPrekeyPublic,
    LastResortKemPrekey,
    OneTimeKemPrekey,
    OneTimeKemPublic,
    OneTimePrekey,
    PrekeyBundle,
    SignedPrekey,
    verify_bundle,
)
from onebar.crypto.primitives import agree, hkdf, public_of
from onebar.crypto.values import KEY_BYTES, Key, Moment, PrekeyId, Value, read_varint, varint
from onebar.errors import DecryptionError, OnebarError

INITIAL: Final = 0x30
"""First byte of an initial header without ML-KEM."""

INITIAL_WITH_KEM: Final = 0x31
"""First byte of an initial header with ML-KEM."""

X3DH_CONTEXT: Final = b"onebar x3dh 1 X25519 SHA-256\0"
"""The purpose in the root key's HKDF and before the associated data, without ML-KEM."""

PQXDH_CONTEXT: Final = b"onebar pqxdh 1 X25519 SHA-256 ML-KEM-768\0"
"""The purpose in the root key's HKDF and before the associated data, with ML-KEM."""

KemPrekey = OneTimeKemPrekey | LastResortKemPrekey
_F: Final = b"\xff" * KEY_BYTES  # PQXDH rev 3, §2.2: no X25519 key begins like this, whatever else KDF is used for
_NO_SALT: Final = bytes(KEY_BYTES)
_FRONT_BYTES: Final = 1 + 2 * KEY_BYTES + 6
_EC, _KEM, _ED, _NONE = b"\1", b"\2", b"\3", b"\0"


class PrekeyError(OnebarError):
    """A prekey bundle is not by the device that it is for, or cannot be used; another one may be fetched later."""


class DowngradeError(DecryptionError):
    """The handshake lacks ML-KEM, with a contact that has used it before: somebody may have taken it away."""


class OtherIdentityError(DecryptionError):
    """An initial message names another identity key than the sender's: its device list has to be fetched again.

    `identity_key` is the one that it names; nothing has verified it.
    """

    def __init__(self, identity_key: bytes) -> None:
        super().__init__(identity_key)
        self.identity_key = identity_key

    def __str__(self) -> str:
        """Say it in a sentence."""
        return "the initial message is by another identity key than the sender's: fetch the sender's devices again"


class InitialHeader(Value, frozen=True):
    """What the responder needs to come to the same root key. All of it is public."""

    identity_key: Key
    ephemeral: Key
    started_ms: Moment
    signed_prekey_id: PrekeyId
    one_time_id: PrekeyId | None
    kem_id: PrekeyId | None
    """None without ML-KEM."""
    kem_ciphertext: Annotated[bytes, Meta(max_length=CIPHERTEXT_BYTES)]
    """Empty without ML-KEM."""


class Agreement(Value, frozen=True):
    """What both sides have after the handshake."""

    root_key: bytes
    associated_data: bytes
    """32 bytes, to be bound to each message."""


class Spent(Value, frozen=True):
    """The one-time prekeys that a handshake used; their secrets go in the transaction that keeps its message."""

    one_time_id: int | None
    one_time_kem_id: int | None


class PrekeySecrets(Protocol):
    """Where a device keeps the secrets of its prekeys. None means: deleted, or never there."""

    def signed(self, prekey_id: int) -> SignedPrekey | None:
        """Return a signed prekey, the newest or an older one."""

    def one_time(self, prekey_id: int) -> OneTimePrekey | None:
        """Return a one-time prekey."""

    def kem(self, prekey_id: int) -> KemPrekey | None:
        """Return an ML-KEM prekey of either kind."""


def initiate(
    own: DeviceKeys,
    peer: PeerKeys,
    bundle: PrekeyBundle,
    started_ms: int,
    entropy: Callable[[int], bytes],
    kem: Kem | None = None,
    must_be_pq: bool = False,
) -> tuple[Agreement, InitialHeader]:
    """Agree with a device that is away (PQXDH rev 3, §3.3).

    Args:
        own: This device's.
        peer: The other device's, from its certificate.
        bundle: Its prekeys, as the server handed them out; verified here.
        started_ms: Of the session; 0 to `MOMENT_MAX_MS`.
        entropy: Gives the ephemeral secret of 32 bytes.
        kem: The provider of ML-KEM-768, if there is one.
        must_be_pq: This contact has used ML-KEM before.

    Raises:
        PrekeyError: A signature does not verify, or a key cannot be used.
        DowngradeError: No ML-KEM, though it must be.
    """
    if not verify_bundle(bundle, peer):
        raise PrekeyError("the prekey bundle is not signed by the device that it is for")
    kem_prekey = (bundle.one_time_kem or bundle.signed.last_resort) if kem and bundle.signed.is_pq else None
    if must_be_pq and kem_prekey is None:
        raise DowngradeError("this contact has used ML-KEM before; a session without it is refused")
    own_public = own.public()
    secret, prekey, one_time = entropy(KEY_BYTES), bundle.signed.signed_prekey, bundle.one_time
    try:
        agreed = [agree(own.box_secret, prekey), agree(secret, peer.box_key), agree(secret, prekey)]
        agreed += [agree(secret, one_time.public)] if one_time else []
        shared, ciphertext = _encapsulate(kem, kem_prekey)
    except (DecryptionError, KemError) as error:
        raise PrekeyError("a key of the prekey bundle cannot be used") from error
    header = InitialHeader(
        own_public.identity_key,
        public_of(secret),
        started_ms,
        bundle.signed.signed_prekey_id,
        one_time.id if one_time else None,
        kem_prekey.id if kem_prekey else None,
        ciphertext,
    )
    publics = (prekey, one_time.public if one_time else None, kem_prekey.public if kem_prekey else None)
    return _conclude(own_public, peer, header, publics, b"".join(agreed) + shared), header


def respond(
    own: DeviceKeys,
    peer: PeerKeys,
    header: InitialHeader,
    secrets: PrekeySecrets,
    kem: Kem | None = None,
    must_be_pq: bool = False,
) -> tuple[Agreement, SignedPrekey, Spent]:
    """Come to what the initiator has (PQXDH rev 3, §3.4); also return the signed prekey, where the ratchet begins.

    Nothing is proven until a message of the session opens: the prekeys are spent only then.

    Raises:
        OtherIdentityError: The initiator is not the device that the keys of `peer` are of.
        DowngradeError: No ML-KEM, though it must be.
        DecryptionError: A prekey is gone, ML-KEM is not available, or a key is a low-order point.
    """
    if header.identity_key != peer.identity_key:
        raise OtherIdentityError(header.identity_key)
    if must_be_pq and header.kem_id is None:
        raise DowngradeError("this contact has used ML-KEM before; a session without it is refused")
    signed = secrets.signed(header.signed_prekey_id) or _gone("signed", header.signed_prekey_id)
    agreed = [
        agree(signed.secret, peer.box_key),
        agree(own.box_secret, header.ephemeral),
        agree(signed.secret, header.ephemeral),
    ]
    one_time: OneTimePrekey | None = None
    if header.one_time_id is not None:
        one_time = secrets.one_time(header.one_time_id) or _gone("one-time", header.one_time_id)
        agreed.append(agree(one_time.secret, header.ephemeral))
    kem_prekey: KemPrekey | None = None
    if header.kem_id is not None:
        kem_prekey = secrets.kem(header.kem_id) or _gone("ML-KEM", header.kem_id)
        agreed.append(_decapsulate(kem, kem_prekey, header.kem_ciphertext))
    publics = (signed.public, one_time.public if one_time else None, kem_prekey.public if kem_prekey else None)
    agreement = _conclude(peer, own.public(), header, publics, b"".join(agreed))
    spent_kem = kem_prekey.id if isinstance(kem_prekey, OneTimeKemPrekey) else None
    return agreement, signed, Spent(header.one_time_id, spent_kem)


def encode_initial(header: InitialHeader) -> bytes:
    """Return the header as it travels."""
    kind = INITIAL if header.kem_id is None else INITIAL_WITH_KEM
    one_time = 0 if header.one_time_id is None else header.one_time_id + 1
    return b"".join(
        (
            bytes((kind,)),
            header.identity_key,
            header.ephemeral,
            header.started_ms.to_bytes(6, "big"),
            varint(header.signed_prekey_id),
            varint(one_time),
            b"" if header.kem_id is None else varint(header.kem_id),
            header.kem_ciphertext,
        )
    )


def decode_initial(data: bytes) -> tuple[InitialHeader, int]:
    """Return the header that stands at the front, and the place behind it.

    Raises:
        DecryptionError: Not one, or cut short.
    """
    if len(data) < _FRONT_BYTES or data[0] not in {INITIAL, INITIAL_WITH_KEM}:
        raise DecryptionError(f"{len(data)} bytes that begin with {data[:1].hex()!r} are no initial header")
    signed_prekey_id, at = read_varint(data, _FRONT_BYTES)
    one_time, at = read_varint(data, at)
    kem_id, ciphertext = None, b""
    if data[0] == INITIAL_WITH_KEM:
        kem_id, at = read_varint(data, at)
        ciphertext = data[at : at + CIPHERTEXT_BYTES]
        at += CIPHERTEXT_BYTES
        if at > len(data):
            raise DecryptionError(f"an initial header of {len(data)} bytes is cut short")
    identity_key, ephemeral = data[1 : 1 + KEY_BYTES], data[1 + KEY_BYTES : 1 + 2 * KEY_BYTES]
    started_ms = int.from_bytes(data[1 + 2 * KEY_BYTES : _FRONT_BYTES], "big")
    one_time_id = one_time - 1 if one_time else None
    return InitialHeader(identity_key, ephemeral, started_ms, signed_prekey_id, one_time_id, kem_id, ciphertext), at


def _gone(kind: str, prekey_id: int) -> NoReturn:
    raise DecryptionError(f"{kind} prekey {prekey_id} is gone: used before, too old, or never made")


def _encapsulate(kem: Kem | None, prekey: OneTimeKemPublic | KemPrekeyPublic | None) -> tuple[bytes, bytes]:
    return kem.encapsulate(prekey.public) if kem and prekey else (b"", b"")


def _decapsulate(kem: Kem | None, prekey: KemPrekey, ciphertext: bytes) -> bytes:
    if kem is None:
        raise DecryptionError("the initial message needs ML-KEM, which this device no longer has: install onebar[pq]")
    try:
        return kem.decapsulate(prekey.secret, ciphertext)
    except KemError as error:
        raise DecryptionError("the initial message's ML-KEM ciphertext cannot be used") from error


def _conclude(
    initiator: PeerKeys,
    responder: PeerKeys,
    header: InitialHeader,
    publics: tuple[bytes, bytes | None, bytes | None],
    agreed: bytes,
) -> Agreement:
    """Derive the root key, and hash what both sides saw; `publics` are the signed, one-time and ML-KEM prekeys."""
    signed, one_time, kem = publics
    context = PQXDH_CONTEXT if kem else X3DH_CONTEXT
    seen = (
        context,
        header.started_ms.to_bytes(6, "big"),
        _ED + initiator.identity_key + _EC + initiator.box_key,
        _ED + responder.identity_key + _EC + responder.box_key,
        _EC + header.ephemeral,
        _EC + signed,
        _EC + one_time if one_time else _NONE,
        _KEM + kem + header.kem_ciphertext if kem else b"",
    )
    return Agreement(hkdf(_NO_SALT, _F + agreed, context, KEY_BYTES), hashlib.sha256(b"".join(seen)).digest())
