"""The Double Ratchet without header encryption (Double Ratchet rev 3, §3), as a value.

Each message has a key of its own. A key says nothing about earlier ones, since chains are hashed forward, and after a
round trip nothing about later ones, since both sides add fresh X25519 secrets. `seal` and `open_` return a new ratchet
and leave the one they were given as it was: the caller keeps the new one in the transaction in which it keeps the
sealed or opened message, or neither.
"""

from collections.abc import Callable
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from onebar.crypto.primitives import agree, public_of
from onebar.crypto.suites import Header, Suite
from onebar.crypto.values import KEY_BYTES, Count, Key, Moment, Value, pack, unpack
from onebar.errors import DecryptionError, InputError

SKIP_MAX: Final = 1_000
"""Messages that may be missing before the one that is opened, per chain: each costs 4 µs before anything is verified,
so a forged message costs 8 ms at worst. A longer gap needs a new session (R23)."""

SKIPPED_MAX: Final = 2_000
"""Keys kept for messages that are missing, per ratchet, the oldest leave first: two full gaps, 170 kB as bytes."""

SKIPPED_AGE_MS: Final = 67 * 86_400_000
"""How long a key is kept for a missing message: 30 days in an outbox, 30 at the server, and 7 more (R23)."""

VERSION: Final = 1
"""First byte of a ratchet that is written down; another layout gets another number."""

SLOT_BYTES: Final = KEY_BYTES + 4
"""Length of what names a message key: the sender's ratchet key and the number."""

Slot = Annotated[bytes, Meta(min_length=SLOT_BYTES, max_length=SLOT_BYTES)]
Entropy = Callable[[int], bytes]


class GapTooLongError(DecryptionError):
    """More messages are missing than `SKIP_MAX`; a new session is the way on (R23).

    The number was read before anything could be verified: whoever can change an envelope can cause this.
    """


class SkippedKey(Value, frozen=True):
    """The key of a message that has not come yet."""

    key: Key
    since_ms: Moment


class RatchetState(Value, frozen=True):
    """What a ratchet remembers (Double Ratchet rev 3, §3.2)."""

    root_key: Key
    own_secret: Key
    own_public: Key
    """That of `own_secret`, kept because computing it costs as much as sealing."""
    their_public: Key | None
    """None until the first message to a responder."""
    sending_key: Key | None
    """None in a responder until its first message has come."""
    sent: Count
    previous_sent: Count
    receiving_key: Key | None
    """None in an initiator until the first answer has come."""
    received: Count
    skipped: Annotated[dict[Slot, SkippedKey], Meta(max_length=SKIPPED_MAX)]
    """Oldest first. Never changed in place."""


class Ratchet(Struct, frozen=True):
    """A ratchet with the suite that it runs. A struct, as it is made four times a message: 1 µs less in 40."""

    suite: Suite
    state: RatchetState

    def __repr__(self) -> str:
        """Show no key."""
        return f"Ratchet(suite={self.suite!r})"


def start_as_initiator(suite: Suite, root_key: bytes, their_ratchet_public: bytes, entropy: Entropy) -> Ratchet:
    """Return the ratchet of the side that speaks first (Double Ratchet rev 3, §3.3).

    Args:
        suite: The parameters.
        root_key: From the handshake, 32 bytes.
        their_ratchet_public: X25519; after PQXDH the responder's signed prekey.
        entropy: Gives the first ratchet secret of 32 bytes.

    Raises:
        DecryptionError: The public key is a low-order point.
    """
    secret = entropy(KEY_BYTES)
    root_key, sending_key = suite.root_step(root_key, agree(secret, their_ratchet_public))
    public = public_of(secret)
    return Ratchet(suite, RatchetState(root_key, secret, public, their_ratchet_public, sending_key, 0, 0, None, 0, {}))


def start_as_responder(suite: Suite, root_key: bytes, own_ratchet_secret: bytes) -> Ratchet:
    """Return the ratchet of the side that is spoken to; it can seal when it has opened a message.

    Args:
        suite: The parameters.
        root_key: From the handshake, 32 bytes.
        own_ratchet_secret: X25519; after PQXDH the secret of the signed prekey.
    """
    public = public_of(own_ratchet_secret)
    return Ratchet(suite, RatchetState(root_key, own_ratchet_secret, public, None, None, 0, 0, None, 0, {}))


def seal(ratchet: Ratchet, plain: bytes, associated_data: bytes, salt: bytes = b"") -> tuple[Ratchet, bytes]:
    """Return the ratchet after this message, and the message (Double Ratchet rev 3, §3.4).

    Args:
        ratchet: Stays as it is.
        plain: What to say, any length.
        associated_data: `open_` needs the same.
        salt: Fresh random bytes, as many as the suite's format has.

    Raises:
        InputError: A responder that has opened nothing yet cannot seal; or a salt of another length.
    """
    suite, state = ratchet.suite, ratchet.state
    if state.sending_key is None:
        raise InputError("this side did not start the session: it can seal when it has opened the first message")
    sending_key, message_key = suite.chain_step(state.sending_key)
    header = Header(state.own_public, state.previous_sent, state.sent, salt)
    sealed = suite.seal(message_key, header, plain, associated_data)
    return Ratchet(suite, replace(state, sending_key=sending_key, sent=state.sent + 1)), sealed


def open_(
    ratchet: Ratchet,
    sealed: bytes,
    associated_data: bytes,
    now_ms: int,
    entropy: Entropy,
    skipped_age_ms: int = SKIPPED_AGE_MS,
) -> tuple[Ratchet, bytes]:
    """Return the ratchet after this message, and what was sealed (Double Ratchet rev 3, §3.5).

    Args:
        ratchet: Stays as it is, whatever happens.
        sealed: From `seal` on the other side, in any order.
        associated_data: The same as there.
        now_ms: By the server's clock; a phone's may jump, and keys would go too early.
        entropy: Gives the next ratchet secret of 32 bytes, asked for when the other side sent a new key.
        skipped_age_ms: Keys of missing messages are dropped when they are older.

    Raises:
        GapTooLongError: Too many messages are missing before it.
        DecryptionError: Damaged, forged, opened before, of another session, or its key was dropped.
    """
    suite, state = ratchet.suite, _without_old(ratchet.state, now_ms - skipped_age_ms)
    header, body_at = suite.parse(sealed)
    slot = _slot(header.ratchet_public, header.number)
    kept = state.skipped.get(slot)
    if kept is not None:
        plain = suite.open(kept.key, sealed, body_at, associated_data)
        rest = {other: key for other, key in state.skipped.items() if other != slot}
        return Ratchet(suite, replace(state, skipped=rest)), plain
    turns = header.ratchet_public != state.their_public
    if turns:
        state = _turn_receiving(suite, state, header, now_ms)
    state, message_key = _receive(suite, state, header.number, now_ms)
    plain = suite.open(message_key, sealed, body_at, associated_data)
    if turns:  # only now: forgeries cost no entropy
        state = _turn_sending(suite, state, entropy)
    return Ratchet(suite, state), plain


def key_id(suite: Suite, sealed: bytes) -> bytes:
    """Return what names the key that sealed a message, 36 public bytes and the salt: no two messages have the same.

    Raises:
        DecryptionError: Not a message of this suite.
    """
    header, _ = suite.parse(sealed)
    return _slot(header.ratchet_public, header.number) + header.salt


def to_bytes(ratchet: Ratchet) -> bytes:
    """Return the ratchet without its suite as bytes, about 210 and 83 more for each missing message; all secret."""
    return pack(VERSION, ratchet.state)


def from_bytes(suite: Suite, data: bytes) -> Ratchet:
    """Return the ratchet that `to_bytes` wrote.

    Raises:
        InputError: Another version, or damaged.
    """
    return Ratchet(suite, unpack(VERSION, data, RatchetState))


def _slot(ratchet_public: bytes, number: int) -> bytes:
    return ratchet_public + number.to_bytes(4, "big")


def _without_old(state: RatchetState, kept_since_ms: int) -> RatchetState:
    """Drop the keys that waited too long; they were added in the order of time, so the first one tells."""
    if not state.skipped or next(iter(state.skipped.values())).since_ms >= kept_since_ms:
        return state
    return replace(state, skipped={slot: key for slot, key in state.skipped.items() if key.since_ms >= kept_since_ms})


def _turn_receiving(suite: Suite, state: RatchetState, header: Header, now_ms: int) -> RatchetState:
    """Keep the keys that are missing from the old chain, and begin the chain of the other side's new key."""
    if state.receiving_key is not None and header.previous_count > state.received:
        _, state = _skip(suite, state, state.receiving_key, header.previous_count, now_ms)
    agreed = agree(state.own_secret, header.ratchet_public)
    root_key, receiving_key = suite.root_step(state.root_key, agreed)
    return replace(
        state, root_key=root_key, their_public=header.ratchet_public, receiving_key=receiving_key, received=0
    )


def _turn_sending(suite: Suite, state: RatchetState, entropy: Entropy) -> RatchetState:
    """Answer the other side's new key with a new one of ours, and begin its chain."""
    assert state.their_public is not None
    secret = entropy(KEY_BYTES)
    root_key, sending_key = suite.root_step(state.root_key, agree(secret, state.their_public))
    return replace(
        state,
        root_key=root_key,
        own_secret=secret,
        own_public=public_of(secret),
        sending_key=sending_key,
        sent=0,
        previous_sent=state.sent,
    )


def _receive(suite: Suite, state: RatchetState, number: int, now_ms: int) -> tuple[RatchetState, bytes]:
    """Move the receiving chain behind this number, and return its message key."""
    chain_key = state.receiving_key
    if chain_key is None or number < state.received:
        raise DecryptionError(f"message {number} of its chain was opened before, or its key was dropped")
    if number > state.received:
        chain_key, state = _skip(suite, state, chain_key, number, now_ms)
    chain_key, message_key = suite.chain_step(chain_key)
    return replace(state, receiving_key=chain_key, received=number + 1), message_key


def _skip(suite: Suite, state: RatchetState, chain_key: bytes, until: int, now_ms: int) -> tuple[bytes, RatchetState]:
    """Keep the keys of the messages that are missing before this number; the oldest make room."""
    assert state.their_public is not None
    if until - state.received > SKIP_MAX:
        missing = until - state.received
        raise GapTooLongError(f"{missing} messages are missing, more than {SKIP_MAX}: a new session is needed")
    skipped = dict(state.skipped)
    for number in range(state.received, until):
        chain_key, message_key = suite.chain_step(chain_key)
        skipped[_slot(state.their_public, number)] = SkippedKey(message_key, now_ms)
    for slot in list(skipped)[:-SKIPPED_MAX]:
        del skipped[slot]
    return chain_key, replace(state, skipped=skipped)
