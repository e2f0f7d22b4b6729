"""Prekeys: what a device leaves at the server so that others can start a session while it is away.

The specifications are X3DH rev 1, §3.2, and PQXDH rev 3, §3.2.

A device uploads one `SignedBundle`, and stocks of one-time prekeys. Whoever wants to write to it fetches a
`PrekeyBundle`: the signed bundle with at most one one-time prekey of each kind, which the server hands out once.

*One* signature covers the signed prekey, the ML-KEM prekey of last resort and the capabilities, so a server can take
neither away. A one-time ML-KEM prekey has a signature of its own, or a server could hand out one that it made and void
the protection against quantum computers. A one-time X25519 prekey has none, as in X3DH: one that the server made is
worth no less than none, and none is what a server can always hand out.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from onebar.crypto.kem import PUBLIC_BYTES
from onebar.crypto.keys import DeviceKeys, PeerKeys, verify
from onebar.crypto.primitives import public_of
from onebar.crypto.values import Count, Key, Moment, PrekeyId, Signature, Value

BUNDLE_CONTEXT: Final = b"onebar prekey bundle 1\0"
"""Before a signed bundle, so that no signature over anything else can vouch for one."""

KEM_PREKEY_CONTEXT: Final = b"onebar kem prekey 1\0"
"""Before a one-time ML-KEM prekey that is signed, so that no signature over anything else can vouch for one."""

CAPABILITY_PQ: Final = 1
"""This device understands PQXDH with ML-KEM-768. The other 31 bits are for later; unknown ones are ignored."""

SIGNED_PREKEY_ROTATION_MS: Final = 7 * 86_400_000
"""Age at which a signed prekey and the last resort are replaced: what X3DH §3.2 suggests as once a week."""

REFILL_BELOW_SHARE: Final = 0.3
"""A stock below this share is filled up: what some days offline may use, without an upload for each new contact."""

UNANSWERED_MS_MAX: Final = 7 * 86_400_000
"""A session that was not answered for this long seals no other message: its prekeys may be on their way out."""

PREKEY_KEPT_MS: Final = (30 + 30 + 7) * 86_400_000 + UNANSWERED_MS_MAX
"""How long a secret outlives its prekey at the server: 30 days in an outbox, 30 at the server, 7 more (R23), and the
time for which a sender goes on using an unanswered session."""

KemPublic = Annotated[bytes, Meta(min_length=PUBLIC_BYTES, max_length=PUBLIC_BYTES)]


@dataclass(frozen=True, slots=True)
class SignedPrekey:
    """An X25519 prekey for everybody, replaced weekly."""

    id: int
    secret: bytes = field(repr=False)
    """32 bytes."""
    created_ms: int

    @property
    def public(self) -> bytes:
        """X25519, 32 bytes."""
        return public_of(self.secret)


@dataclass(frozen=True, slots=True)
class OneTimePrekey:
    """An X25519 prekey for one session; its secret is deleted with the message that used it."""

    id: int
    secret: bytes = field(repr=False)
    """32 bytes."""
    created_ms: int

    @property
    def public(self) -> bytes:
        """X25519, 32 bytes."""
        return public_of(self.secret)


@dataclass(frozen=True, slots=True)
class OneTimeKemPrekey:
    """An ML-KEM-768 prekey for one session; its secret is deleted with the message that used it."""

    id: int
    public: bytes = field(repr=False)
    """1184 bytes."""
    secret: bytes = field(repr=False)
    """As the provider wants it."""
    created_ms: int


@dataclass(frozen=True, slots=True)
class LastResortKemPrekey:
    """An ML-KEM-768 prekey for when no one-time prekey is left; replaced with the signed prekey.

    Its numbers are those of the one-time ML-KEM prekeys: a device gives a number to one of them only.
    """

    id: int
    public: bytes = field(repr=False)
    """1184 bytes."""
    secret: bytes = field(repr=False)
    """As the provider wants it."""
    created_ms: int


class OneTimePublic(Value, frozen=True):
    """The public half of a one-time X25519 prekey."""

    id: PrekeyId
    public: Key


class KemPrekeyPublic(Value, frozen=True):
    """The public half of a last-resort ML-KEM prekey; the bundle's signature covers it."""

    id: PrekeyId
    public: KemPublic


class OneTimeKemPublic(Value, frozen=True):
    """The public half of a one-time ML-KEM prekey, with the identity key's signature over it."""

    id: PrekeyId
    public: KemPublic
    signature: Signature


class SignedBundle(Value, frozen=True):
    """What a device uploads about itself; whose it is, the reader knows."""

    signed_prekey_id: PrekeyId
    signed_prekey: Key
    last_resort: KemPrekeyPublic | None
    """Present exactly if the capabilities say PQ."""
    capabilities: Count
    created_ms: Moment
    signature: Signature

    @property
    def is_pq(self) -> bool:
        """Whether this device says that it understands PQXDH."""
        return bool(self.capabilities & CAPABILITY_PQ)


class PrekeyBundle(Value, frozen=True):
    """What the server hands to somebody who wants to start a session."""

    signed: SignedBundle
    one_time: OneTimePublic | None
    one_time_kem: OneTimeKemPublic | None


def make_bundle(
    keys: DeviceKeys, signed: SignedPrekey, last_resort: LastResortKemPrekey | None, created_ms: int
) -> SignedBundle:
    """Return what to upload.

    Args:
        keys: This device's; they sign.
        signed: The newest.
        last_resort: The newest; None without a provider of ML-KEM.
        created_ms: The server's time; it tells a newer bundle from an older one.
    """
    kem = KemPrekeyPublic(last_resort.id, last_resort.public) if last_resort else None
    capabilities = CAPABILITY_PQ if kem else 0
    signature = keys.sign(_to_sign(keys.public(), signed.id, signed.public, kem, capabilities, created_ms))
    return SignedBundle(signed.id, signed.public, kem, capabilities, created_ms, signature)


def one_time_public(prekey: OneTimePrekey) -> OneTimePublic:
    """Return the half to upload."""
    return OneTimePublic(prekey.id, prekey.public)


def one_time_kem_public(keys: DeviceKeys, prekey: OneTimeKemPrekey) -> OneTimeKemPublic:
    """Return the half to upload, signed by this device."""
    return OneTimeKemPublic(prekey.id, prekey.public, keys.sign(_kem_to_sign(prekey.id, prekey.public)))


def verify_bundle(bundle: PrekeyBundle, peer: PeerKeys) -> bool:
    """Return whether this device made all of the bundle that is signed, and its keys belong together."""
    signed, kem = bundle.signed, bundle.one_time_kem
    covered = _to_sign(
        peer, signed.signed_prekey_id, signed.signed_prekey, signed.last_resort, signed.capabilities, signed.created_ms
    )
    return (
        peer.valid
        and signed.is_pq == (signed.last_resort is not None)
        and verify(peer.identity_key, signed.signature, covered)
        and (kem is None or verify(peer.identity_key, kem.signature, _kem_to_sign(kem.id, kem.public)))
    )


def rotation_due(created_ms: int, now_ms: int) -> bool:
    """Return whether a signed prekey of this age has to be replaced."""
    return now_ms - created_ms >= SIGNED_PREKEY_ROTATION_MS


def refill(left: int, full: int) -> int:
    """Return how many one-time prekeys to make, when the server has some left and a full stock is so many."""
    return full - left if left < min(full, max(1, round(full * REFILL_BELOW_SHARE))) else 0


def may_forget(withdrawn_ms: int, now_ms: int) -> bool:
    """Return whether the secret of a prekey that the server has not handed out since then can be deleted (R23)."""
    return now_ms - withdrawn_ms > PREKEY_KEPT_MS


def _to_sign(
    owner: PeerKeys, prekey_id: int, prekey: bytes, kem: KemPrekeyPublic | None, capabilities: int, created_ms: int
) -> bytes:
    """Return what a bundle's signature covers; all parts but the last have a fixed length."""
    numbers = capabilities.to_bytes(4, "big") + created_ms.to_bytes(6, "big") + prekey_id.to_bytes(4, "big")
    last_resort = kem.id.to_bytes(4, "big") + kem.public if kem else b""
    return BUNDLE_CONTEXT + owner.identity_key + owner.box_key + numbers + prekey + last_resort


def _kem_to_sign(prekey_id: int, public: bytes) -> bytes:
    return KEM_PREKEY_CONTEXT + prekey_id.to_bytes(4, "big") + public
