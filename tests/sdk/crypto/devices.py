"""Two devices with prekeys, an entropy that repeats, and an ML-KEM that is none, for the tests of the protocols."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from onebar.crypto import prekeys, sessions
from onebar.crypto.kem import CIPHERTEXT_BYTES, PUBLIC_BYTES, SHARED_BYTES, Kem, KemError
from onebar.crypto.keys import DeviceKeys
from onebar.crypto.prekeys import (
    LastResortKemPrekey,
    OneTimeKemPrekey,
    OneTimePrekey,
    PrekeyBundle,
    SignedPrekey,
)
from onebar.crypto.sessions import Opened, PeerSessions

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
WAY = b"onebar envelope 1\0" + bytes(40)

# The points of order 1, 2, 4 and 8 and their other forms (RFC 7748 §6.1; cr.yp.to/ecdh.html).
LOW_ORDER = [
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
]


def dice(seed: int | str) -> Callable[[int], bytes]:
    """Entropy that is the same on every run."""
    return Random(str(seed)).randbytes


class FakeKem:
    """Fits together like ML-KEM-768 and has its sizes, and protects nothing."""

    name = "fake"

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy

    def keypair(self, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        secret = entropy(64)
        return self._public(secret), secret

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        if public[:1] == b"\xff":
            raise KemError("the modulus check fails")
        ciphertext = self._entropy(CIPHERTEXT_BYTES)
        return self._shared(public, ciphertext), ciphertext

    def decapsulate(self, secret: bytes, ciphertext: bytes) -> bytes:
        if len(secret) != 64:
            raise KemError("the secret has another length")
        return self._shared(self._public(secret), ciphertext)

    def _public(self, secret: bytes) -> bytes:
        return b"\0" + hashlib.shake_256(secret).digest(PUBLIC_BYTES - 1)

    def _shared(self, public: bytes, ciphertext: bytes) -> bytes:
        return hashlib.shake_256(public + ciphertext).digest(SHARED_BYTES)


@dataclass
class Device:
    """A device, its prekeys at the server, and its sessions with one other device."""

    name: str
    kem: Kem | None = None
    stock: int = 0
    """How many one-time prekeys of each kind the server has."""
    sessions: PeerSessions = field(default_factory=PeerSessions)
    must_be_pq: bool = False
    spent: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entropy = dice(self.name)
        self.keys = DeviceKeys(self.entropy(32), self.entropy(32))
        self.public = self.keys.public()
        self.signed_prekeys = {1: SignedPrekey(1, self.entropy(32), NOW_MS)}
        self.one_time_prekeys = {
            number: OneTimePrekey(number, self.entropy(32), NOW_MS) for number in range(1, self.stock + 1)
        }
        self.kem_prekeys: dict[int, OneTimeKemPrekey | LastResortKemPrekey] = {}
        if self.kem:
            self.kem_prekeys[0] = LastResortKemPrekey(0, *self.kem.keypair(self.entropy), NOW_MS)
            for number in range(1, self.stock + 1):
                self.kem_prekeys[number] = OneTimeKemPrekey(number, *self.kem.keypair(self.entropy), NOW_MS)
        self.at_server = sorted(self.one_time_prekeys)
        """Numbers of the one-time prekeys that were not handed out yet."""

    def bundle(self) -> PrekeyBundle:
        """What the server hands out: each one-time prekey once."""
        last_resort = self.kem_prekeys.get(0)
        assert not isinstance(last_resort, OneTimeKemPrekey)
        signed = prekeys.make_bundle(self.keys, self.signed_prekeys[1], last_resort, NOW_MS)
        if not self.at_server:
            return PrekeyBundle(signed, None, None)
        number = self.at_server.pop(0)
        kem = self.kem_prekeys.get(number)
        kem_public = prekeys.one_time_kem_public(self.keys, kem) if isinstance(kem, OneTimeKemPrekey) else None
        return PrekeyBundle(signed, prekeys.one_time_public(self.one_time_prekeys[number]), kem_public)

    def start(self, peer: "Device", now_ms: int = NOW_MS) -> None:
        self.sessions = sessions.start(
            self.sessions, self.keys, peer.public, peer.bundle(), now_ms, self.entropy, self.kem, self.must_be_pq
        )

    def seal(self, plain: bytes, bound: bytes = WAY) -> bytes:
        self.sessions, envelope = sessions.seal(self.sessions, plain, bound, self.entropy)
        return envelope

    def try_open(self, peer: "Device", envelope: bytes, bound: bytes = WAY, now_ms: int = NOW_MS) -> Opened:
        """Open an envelope without keeping anything."""
        return sessions.open_envelope(
            self.sessions,
            envelope,
            bound,
            self.keys,
            peer.public,
            Secrets(self),
            now_ms,
            self.entropy,
            self.kem,
            self.must_be_pq,
        )

    def open(self, peer: "Device", envelope: bytes, bound: bytes = WAY, now_ms: int = NOW_MS) -> Opened:
        """Open an envelope, and keep what came of it."""
        opened = self.try_open(peer, envelope, bound, now_ms)
        self.keep(opened)
        return opened

    def keep(self, opened: Opened) -> None:
        self.sessions = opened.sessions
        self.must_be_pq = self.must_be_pq or opened.is_pq
        if opened.spent.one_time_id is not None:
            del self.one_time_prekeys[opened.spent.one_time_id]
            self.spent.append(opened.spent.one_time_id)
        if opened.spent.one_time_kem_id is not None:
            del self.kem_prekeys[opened.spent.one_time_kem_id]


@dataclass(frozen=True)
class Secrets:
    """A device's prekeys as `PrekeySecrets`."""

    device: Device

    def signed(self, prekey_id: int) -> SignedPrekey | None:
        return self.device.signed_prekeys.get(prekey_id)

    def one_time(self, prekey_id: int) -> OneTimePrekey | None:
        return self.device.one_time_prekeys.get(prekey_id)

    def kem(self, prekey_id: int) -> OneTimeKemPrekey | LastResortKemPrekey | None:
        return self.device.kem_prekeys.get(prekey_id)


def pair(kem: bool = False, stock: int = 2) -> tuple[Device, Device]:
    """Two devices that have not spoken."""
    provider = FakeKem(dice("kem")) if kem else None
    return Device("alice", provider, stock), Device("bob", provider, stock)


def talking(kem: bool = False) -> tuple[Device, Device]:
    """Two devices with a session that was answered."""
    alice, bob = pair(kem)
    alice.start(bob)
    bob.open(alice, alice.seal(b"hello"))
    alice.open(bob, bob.seal(b"hello yourself"))
    return alice, bob
