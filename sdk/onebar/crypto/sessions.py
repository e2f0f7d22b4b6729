"""The sessions with one device of a peer, as a value: one that is used for sealing, and older ones (Sesame rev 2, §3).

An envelope is either a message of a ratchet as it is (`suites`: first byte 0x20), or an initial header before one
(`pqxdh`: first byte 0x30 or 0x31). Whoever starts a session repeats the initial header until the peer has answered, so
it does not matter which of these envelopes arrives first, or at all.

    associated data of a message = the handshake's (32 bytes) ‖ length of the initial header (2 bytes, big-endian; or 0)
                                   ‖ initial header ‖ the way, as the caller gives it

**Which session is used.** Both sides use the newest they know: the one with the highest `started_ms`, and of two that
are equal the one with the higher ephemeral key. Whoever starts a session dates it now, or 1 ms after the newest that it
knows, whichever is later. So two devices that start at the same time agree after one message each way, and a session
that heals a broken one replaces it. Older sessions still open what was on its way.
"""

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from onebar.crypto import double_ratchet
from onebar.crypto.double_ratchet import SKIPPED_MAX, Ratchet, RatchetState, start_as_initiator, start_as_responder
from onebar.crypto.kem import Kem
from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.crypto.pqxdh import (
    INITIAL,
    INITIAL_WITH_KEM,
    Agreement,
    InitialHeader,
    PrekeySecrets,
    Spent,
    decode_initial,
    encode_initial,
    initiate,
    respond,
)
from onebar.crypto.prekeys import UNANSWERED_MS_MAX, PrekeyBundle
from onebar.crypto.suites import ONEBAR_V1, SALT_BYTES
from onebar.crypto.values import KEY_BYTES, MOMENT_MAX_MS, Key, Moment, Value, pack, unpack
from onebar.errors import DecryptionError, InputError

SESSIONS_MAX: Final = 8
"""Sessions kept with one device, the oldest leave first: more than an outbox of 30 days starts with a peer that never
answers (a new one each week). They take 2 kB, and 170 kB at most with the keys of missing messages."""

INITIAL_HEADER_BYTES_MAX: Final = 2_048
"""Room for an initial header as it is kept: 1,186 bytes with ML-KEM-768 today."""

VERSION: Final = 1
"""First byte of sessions that are written down; another layout gets another number."""

NOTHING_SPENT: Final = Spent(None, None)
"""What an envelope spends that starts no session."""


class Session(Value, frozen=True):
    """One session with a device."""

    ephemeral: Key
    """The initiator's key of the handshake; it names the session."""
    started_ms: Moment
    """As the initiator dated it."""
    is_pq: bool
    associated_data: Key
    pending: Annotated[bytes, Meta(max_length=INITIAL_HEADER_BYTES_MAX)]
    """The initial header, while we are the initiator and the peer has not answered; else empty."""
    ratchet: RatchetState


class PeerSessions(Value, frozen=True):
    """All sessions with one device."""

    sessions: Annotated[tuple[Session, ...], Meta(max_length=SESSIONS_MAX)] = ()
    """The newest, which seals, first."""

    @property
    def is_pq(self) -> bool:
        """Whether the session that seals has used ML-KEM."""
        return bool(self.sessions) and self.sessions[0].is_pq

    @property
    def unanswered(self) -> bool:
        """Whether the session that seals repeats its initial header."""
        return bool(self.sessions) and bool(self.sessions[0].pending)

    def need_bundle(self, now_ms: int) -> bool:
        """Return whether a session has to be started before anything can be sealed: none, or none that was answered.

        A session that was not answered for a week is one of them, or its prekeys might be gone when the message comes.
        """
        if not self.sessions:
            return True
        newest = self.sessions[0]
        return bool(newest.pending) and now_ms - newest.started_ms >= UNANSWERED_MS_MAX


class Opened(NamedTuple):
    """What came of an envelope; all of it is to be kept in one transaction."""

    sessions: PeerSessions
    plain: bytes
    spent: Spent
    """One-time prekeys to delete."""
    is_new: bool
    """Whether the envelope started a session."""
    is_pq: bool
    """Whether the envelope's session has used ML-KEM: a contact that ever has must go on (`must_be_pq`)."""

    def __repr__(self) -> str:
        """Show no text and no key."""
        return f"Opened(plain of {len(self.plain)} bytes, is_new={self.is_new}, is_pq={self.is_pq})"


def start(
    sessions: PeerSessions,
    own: DeviceKeys,
    peer: PeerKeys,
    bundle: PrekeyBundle,
    now_ms: int,
    entropy: Callable[[int], bytes],
    kem: Kem | None = None,
    must_be_pq: bool = False,
) -> PeerSessions:
    """Start a session, which will seal from now on: the first one, or one that heals what does not open any more.

    Args:
        sessions: Those with this device so far.
        own: This device's keys.
        peer: The other device's, from its certificate.
        bundle: The other device's prekeys, fetched for this; verified here.
        now_ms: By the server's clock.
        entropy: Gives secrets.
        kem: The provider of ML-KEM-768, if there is one.
        must_be_pq: This contact has used ML-KEM before.

    Raises:
        PrekeyError: The bundle does not verify, or cannot be used.
        DowngradeError: No ML-KEM, though it must be.
    """
    newest_ms = sessions.sessions[0].started_ms if sessions.sessions else -1
    started_ms = min(max(now_ms, newest_ms + 1), MOMENT_MAX_MS)
    agreement, header = initiate(own, peer, bundle, started_ms, entropy, kem, must_be_pq)
    ratchet = start_as_initiator(ONEBAR_V1, agreement.root_key, bundle.signed.signed_prekey, entropy)
    return _added(sessions, _session(agreement, header, encode_initial(header), ratchet))


def seal(
    sessions: PeerSessions, plain: bytes, bound: bytes, entropy: Callable[[int], bytes]
) -> tuple[PeerSessions, bytes]:
    """Return the sessions after this envelope, and the envelope: 57 bytes more than plain, as a rule.

    Args:
        sessions: Those with the recipient.
        plain: What to say, any length; padded by the caller.
        bound: The way (sender, number, recipient); `open_envelope` needs the same.
        entropy: Gives the salt.

    Raises:
        InputError: There is no session yet: `start` one.
    """
    if not sessions.sessions:
        raise InputError("there is no session with this device: fetch its prekey bundle and start one")
    newest, *older = sessions.sessions
    associated_data = _associated_data(newest, newest.pending, bound)
    salt = entropy(SALT_BYTES)
    ratchet, sealed = double_ratchet.seal(Ratchet(ONEBAR_V1, newest.ratchet), plain, associated_data, salt)
    return PeerSessions((replace(newest, ratchet=ratchet.state), *older)), newest.pending + sealed


def open_envelope(
    sessions: PeerSessions,
    envelope: bytes,
    bound: bytes,
    own: DeviceKeys,
    peer: PeerKeys,
    secrets: PrekeySecrets,
    now_ms: int,
    entropy: Callable[[int], bytes],
    kem: Kem | None = None,
    must_be_pq: bool = False,
) -> Opened:
    """Open an envelope; when it does not open, everything stays as it was.

    An envelope that started a session without a one-time prekey can open once more after its session has left (PQXDH
    rev 3, §4.3): the caller also looks for duplicates by number and by message (R8).

    Args:
        sessions: Those with the sender.
        envelope: From `seal`, in any order.
        bound: The same as there.
        own: This device's keys.
        peer: The sender's, from its certificate.
        secrets: Our prekeys.
        now_ms: By the server's clock.
        entropy: Gives secrets.
        kem: The provider of ML-KEM-768, if there is one.
        must_be_pq: This contact has used ML-KEM before.

    Raises:
        OtherIdentityError: An initial message by another identity key: fetch the sender's devices.
        DowngradeError: An initial message without ML-KEM, though it must be.
        GapTooLongError: Too many messages are missing: `start` a session and ask again.
        DecryptionError: Damaged, forged, opened before, for another way, or its session or prekey is gone: ask again,
            and `start` a session if that goes on.
    """
    if envelope[:1] not in {bytes((INITIAL,)), bytes((INITIAL_WITH_KEM,))}:
        return _open_message(sessions, envelope, bound, now_ms, entropy)
    header, at = decode_initial(envelope)
    initial, sealed = envelope[:at], envelope[at:]
    known = next((one for one in sessions.sessions if one.ephemeral == header.ephemeral), None)
    if known is not None:  # never a second handshake: it would spend its prekeys twice
        session, plain = _open_with(known, sealed, initial, bound, now_ms, entropy)
        return Opened(_changed(sessions, session), plain, NOTHING_SPENT, is_new=False, is_pq=session.is_pq)
    agreement, signed, spent = respond(own, peer, header, secrets, kem, must_be_pq)
    ratchet = start_as_responder(ONEBAR_V1, agreement.root_key, signed.secret)
    fresh = _session(agreement, header, b"", ratchet)
    session, plain = _open_with(fresh, sealed, initial, bound, now_ms, entropy)
    return Opened(_added(sessions, session), plain, spent, is_new=True, is_pq=session.is_pq)


def answered(sessions: PeerSessions) -> PeerSessions:
    """Return the sessions when the peer is known to have opened an envelope of the newest: its header is done with.

    That may be known before the peer has answered, as by the tick that the server makes of its ack (R12).
    """
    if not sessions.sessions or not sessions.sessions[0].pending:
        return sessions
    newest, *older = sessions.sessions
    return PeerSessions((replace(newest, pending=b""), *older))


def key_id(envelope: bytes) -> bytes:
    """Return what names the key that sealed an envelope, 42 public bytes: two different envelopes never have the same.

    Raises:
        DecryptionError: Not an envelope of this version.
    """
    is_initial = envelope[:1] in {bytes((INITIAL,)), bytes((INITIAL_WITH_KEM,))}
    return double_ratchet.key_id(ONEBAR_V1, envelope[decode_initial(envelope)[1] :] if is_initial else envelope)


def to_bytes(sessions: PeerSessions) -> bytes:
    """Return the sessions as bytes, about 300 each and 83 more for each missing message; all secret."""
    return pack(VERSION, sessions)


def from_bytes(data: bytes) -> PeerSessions:
    """Return the sessions that `to_bytes` wrote.

    Raises:
        InputError: Another version, or damaged.
    """
    return unpack(VERSION, data, PeerSessions)


def _open_message(
    sessions: PeerSessions, sealed: bytes, bound: bytes, now_ms: int, entropy: Callable[[int], bytes]
) -> Opened:
    """Open a message with the session that it is of: most likely one that has seen its ratchet key."""
    ratchet_public = sealed[1 : 1 + KEY_BYTES]
    likely_first = sorted(sessions.sessions, key=lambda one: one.ratchet.their_public != ratchet_public)
    failure = DecryptionError("there is no session that this message could be of")
    for candidate in likely_first:
        try:
            session, plain = _open_with(candidate, sealed, b"", bound, now_ms, entropy)
        except DecryptionError as error:
            failure = error if candidate is likely_first[0] else failure
        else:
            return Opened(_changed(sessions, session), plain, NOTHING_SPENT, is_new=False, is_pq=session.is_pq)
    raise failure


def _open_with(
    session: Session, sealed: bytes, initial: bytes, bound: bytes, now_ms: int, entropy: Callable[[int], bytes]
) -> tuple[Session, bytes]:
    associated_data = _associated_data(session, initial, bound)
    ratchet = Ratchet(ONEBAR_V1, session.ratchet)
    ratchet, plain = double_ratchet.open_(ratchet, sealed, associated_data, now_ms, entropy)
    return replace(session, ratchet=ratchet.state, pending=b""), plain


def _associated_data(session: Session, initial: bytes, bound: bytes) -> bytes:
    return session.associated_data + len(initial).to_bytes(2, "big") + initial + bound


def _session(agreement: Agreement, header: InitialHeader, pending: bytes, ratchet: Ratchet) -> Session:
    is_pq = header.kem_id is not None
    return Session(header.ephemeral, header.started_ms, is_pq, agreement.associated_data, pending, ratchet.state)


def _added(sessions: PeerSessions, session: Session) -> PeerSessions:
    """Put a new session in its place, the newest first; the oldest makes room."""
    every = sorted((*sessions.sessions, session), key=lambda one: (one.started_ms, one.ephemeral), reverse=True)
    return _within_cap(every[:SESSIONS_MAX])


def _changed(sessions: PeerSessions, session: Session) -> PeerSessions:
    """Put a session in the place of what it was before."""
    return _within_cap([session if one.ephemeral == session.ephemeral else one for one in sessions.sessions])


def _within_cap(every: list[Session]) -> PeerSessions:
    """Keep the keys of at most `SKIPPED_MAX` missing messages in all sessions: the oldest session loses its first."""
    room = SKIPPED_MAX
    for place, session in enumerate(every):
        skipped = session.ratchet.skipped
        if len(skipped) > room:
            latest = dict(list(skipped.items())[len(skipped) - room :])
            every[place] = replace(session, ratchet=replace(session.ratchet, skipped=latest))
        room = max(0, room - len(skipped))
    return PeerSessions(tuple(every))
