"""Pairs of devices that `make bench-crypto` lets talk: ours, by the calls of the product, and those of others."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from benchmarks.report import BenchError
from onebar.crypto import prekeys, sessions
from onebar.crypto.kem import Kem
from onebar.crypto.keys import SEED_BYTES, DeviceKeys
from onebar.crypto.prekeys import LastResortKemPrekey, OneTimeKemPrekey, OneTimePrekey, PrekeyBundle, SignedPrekey
from onebar.crypto.sessions import PeerSessions

TEXT: Final = b"This is a text of exactly one hundred bytes, as people write them to one another on the way home. OK"
"""100 bytes."""

WAY: Final = b"onebar envelope 1\0" + bytes(40)
"""As long as the way that the product binds: sender, number, recipient."""

NOW_MS: Final = 1_800_000_000_000
"""A moment; nothing here depends on it."""

PREKEY_ID: Final = 1
"""Number of every prekey here."""


class Side(Protocol):
    """One end of a session."""

    def seal(self, plain: bytes) -> bytes:
        """Return the sealed message."""

    def open(self, envelope: bytes) -> bytes:
        """Return what was sealed."""


class Pair(NamedTuple):
    """Two ends; the first one speaks first."""

    first: Side
    second: Side


@dataclass
class OurDevice:
    """A device of ours with prekeys, which may be used any number of times here, and its sessions with another one."""

    provider: Kem | None = None
    sessions: PeerSessions = field(default_factory=PeerSessions)

    def __post_init__(self) -> None:
        """Make the keys."""
        self.keys = DeviceKeys(os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))
        self.peer = self.public = self.keys.public()
        self._signed = SignedPrekey(PREKEY_ID, os.urandom(SEED_BYTES), NOW_MS)
        self._one_time = OneTimePrekey(PREKEY_ID, os.urandom(SEED_BYTES), NOW_MS)
        self._kem_prekey = (
            OneTimeKemPrekey(PREKEY_ID, *self.provider.keypair(os.urandom), NOW_MS) if self.provider else None
        )

    def bundle(self) -> PrekeyBundle:
        """Return what the server would hand out."""
        kem = self._kem_prekey
        last_resort = LastResortKemPrekey(kem.id + 1, kem.public, kem.secret, NOW_MS) if kem else None
        return PrekeyBundle(
            prekeys.make_bundle(self.keys, self._signed, last_resort, NOW_MS),
            prekeys.one_time_public(self._one_time),
            prekeys.one_time_kem_public(self.keys, kem) if kem else None,
        )

    def start(self, bundle: PrekeyBundle) -> None:
        """Start a session, as the product does before its first message."""
        self.sessions = sessions.start(
            PeerSessions(), self.keys, self.peer, bundle, NOW_MS, os.urandom, self.provider, bool(self.provider)
        )

    def seal(self, plain: bytes) -> bytes:
        """Seal by the product's call."""
        self.sessions, envelope = sessions.seal(self.sessions, plain, WAY, os.urandom)
        return envelope

    def open(self, envelope: bytes) -> bytes:
        """Open by the product's call."""
        opened = sessions.open_envelope(
            self.sessions, envelope, WAY, self.keys, self.peer, self, NOW_MS, os.urandom, self.provider
        )
        self.sessions = opened.sessions
        return opened.plain

    def signed(self, prekey_id: int) -> SignedPrekey | None:
        """Return the signed prekey."""
        return self._signed if prekey_id == PREKEY_ID else None

    def one_time(self, prekey_id: int) -> OneTimePrekey | None:
        """Return the one-time prekey."""
        return self._one_time if prekey_id == PREKEY_ID else None

    def kem(self, prekey_id: int) -> OneTimeKemPrekey | None:
        """Return the one-time ML-KEM prekey."""
        return self._kem_prekey if prekey_id == PREKEY_ID else None


def strangers(kem: Kem | None) -> tuple[OurDevice, OurDevice]:
    """Return two devices that know each other's keys and have not spoken."""
    alice, bob = OurDevice(kem), OurDevice(kem)
    alice.peer, bob.peer = bob.public, alice.public
    return alice, bob


def our_pair(kem: Kem | None) -> Pair:
    """Return two devices with a session that was answered."""
    alice, bob = strangers(kem)
    alice.start(bob.bundle())
    return acquainted(Pair(alice, bob))


def our_setup_us(kem: Kem | None, count: int) -> float:
    """Return CPU µs until the other side has the first text: bundle verified, session started, sealed, opened."""
    alice, bob = strangers(kem)
    bundle = bob.bundle()

    def once() -> None:
        bob.sessions = PeerSessions()
        alice.start(bundle)
        check(bob.open(alice.seal(TEXT)))

    return cpu_us(once, count)


def acquainted(pair: Pair) -> Pair:
    """Let both speak once, so that no handshake is repeated any more."""
    for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
        check(other.open(one.seal(TEXT)))
    return pair


def check(plain: bytes) -> None:
    """Make sure that the text came out; what does not work is not measured."""
    if plain != TEXT:
        raise BenchError("a message did not come out as it was sealed")


def cpu_us(once: Callable[[], None], count: int) -> float:
    """Return CPU time of one call, in µs, over so many calls."""
    started_ns = time.process_time_ns()
    for _ in range(count):
        once()
    return (time.process_time_ns() - started_ns) / count / 1000


def message_us(pair: Pair, count: int, *, turns: bool) -> float:
    """Return CPU µs to seal and open one text; with `turns`, every message is an answer to the one before."""
    one, other = pair

    def once() -> None:
        nonlocal one, other
        check(other.open(one.seal(TEXT)))
        if turns:
            one, other = other, one

    return cpu_us(once, count)
