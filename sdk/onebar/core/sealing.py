"""Between outbox, inbox and sessions: what is sealed for a device, and opened from one (docs/protocol.md §5).

Whatever a session becomes by sealing or opening is kept in the turn's transaction, with the envelope or its effect.
"""

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from onebar.core import content
from onebar.core.directory import ask
from onebar.core.frames import SUBMIT_BYTES_MAX, Deliver
from onebar.core.questions import Bundle, FindAccount, FindBundle
from onebar.core.records import Kept, Peer
from onebar.core.state import DeviceState
from onebar.crypto import sessions
from onebar.crypto.pqxdh import DowngradeError, PrekeyError
from onebar.crypto.prekeys import OneTimeKemPublic, OneTimePublic, PrekeyBundle, SignedBundle
from onebar.errors import RemoteProtocolError
from onebar.events import SessionHealed

ENVELOPE_CONTEXT: Final = b"onebar envelope 1\0"
"""Before an envelope's way, so that nothing else that is bound can stand for one (docs/protocol.md §5)."""

ROOM_BYTES: Final = 64
"""What a Submit needs beside its ciphertexts: numbers, flags, and the heads of its arrays."""

DEVICE_BYTES: Final = 12
"""What a ciphertext in a Submit needs beside itself: the device's number and its own length."""

_log = logging.getLogger("onebar")


def the_way(sender: tuple[int, int], out_no: int, recipient: tuple[int, int]) -> bytes:
    """Return what binds an envelope to its way: (account, device) of both ends and its number (R8)."""
    return ENVELOPE_CONTEXT + b"".join(number.to_bytes(8, "big") for number in (*sender, out_no, *recipient))


def own_devices(state: DeviceState) -> list[Peer]:
    """Return the other devices of our account: they get a copy of what is said here."""
    device = state.device
    return [peer for peer in state.store.contacts.devices(device.account) if peer.device != device.device]


def is_ready(state: DeviceState, peer: Peer) -> bool:
    """Return whether something can be sealed for a device; if not, ask for its prekeys."""
    if not state.store.sessions.get(peer.account, peer.device).sessions.need_bundle(state.server_ms):
        return True
    ask(state, FindBundle(peer.account, peer.device))
    return False


def seal(state: DeviceState, out_no: int, peers: Sequence[tuple[Peer, content.Content]]) -> list[tuple[Peer, bytes]]:
    """Seal for devices that are ready, as many as fit into one Submit (R7), the first one always."""
    room, sender = SUBMIT_BYTES_MAX - ROOM_BYTES, (state.device.account, state.device.device)
    sealed: list[tuple[Peer, bytes]] = []
    encoded: dict[int, bytes] = {}
    for peer, what in peers:
        plain = encoded.get(id(what)) or encoded.setdefault(id(what), content.encode(what))
        kept = state.store.sessions.get(peer.account, peer.device)
        way = the_way(sender, out_no, (peer.account, peer.device))
        after, ciphertext = sessions.seal(kept.sessions, plain, way, state.entropy)
        room -= len(ciphertext) + DEVICE_BYTES
        if sealed and room < 0:
            break  # the server names those that were left out as missing, and each gets a top-up (R4)
        since = kept.since_out_no or out_no
        state.store.sessions.put(peer.account, peer.device, Kept(after, since, kept.must_be_pq))
        sealed.append((peer, ciphertext))
    return sealed


def open_(state: DeviceState, peer: Peer, frame: Deliver) -> bytes:
    """Open an envelope and keep what its session has become.

    Raises:
        DecryptionError: It does not open; everything is as it was.
    """
    kept = state.store.sessions.get(peer.account, peer.device)
    way = the_way((peer.account, peer.device), frame.out_no, (state.device.account, state.device.device))
    opened = sessions.open_envelope(
        *(kept.sessions, frame.ciphertext, way, state.keys, peer.keys, state.store.prekeys),
        *(state.server_ms, state.entropy, state.kem, kept.must_be_pq),
    )
    state.store.prekeys.spend(opened.spent)
    since = 0 if opened.is_new else kept.since_out_no
    after = Kept(opened.sessions, since, kept.must_be_pq or opened.is_pq)
    state.store.sessions.put(peer.account, peer.device, after)
    if opened.is_new and kept.sessions.sessions and not kept.sessions.sessions[0].pending:
        _tell_healed(state, peer)
    return opened.plain


def delivered(state: DeviceState, account: int, device: int, out_no: int) -> None:
    """A device has opened this envelope: if it began a session, its initial header need not be repeated any more."""
    kept = state.store.sessions.get(account, device)
    after = sessions.answered(kept.sessions)
    if after is not kept.sessions and 0 < kept.since_out_no <= out_no:
        state.store.sessions.put(account, device, Kept(after, kept.since_out_no, kept.must_be_pq))


def begin(state: DeviceState, question: FindBundle, bundle: Bundle | None) -> None:
    """Start a session with a device by the prekeys that were asked for; without usable ones, ask again later.

    Raises:
        RemoteProtocolError: The answer is no bundle.
    """
    key = (question.account, question.device)
    peer = state.store.contacts.device(*key)
    healing = key in state.healing
    if healing:
        state.healing[key] = True
    if state.repair_at_s is not None:  # what did not open is asked for now
        state.repair_at_s = state.now.monotonic_s
    if peer is None or peer.removed:
        return
    if bundle is None:
        ask(state, FindAccount(question.account))  # a newer list may no longer have it: its phone was installed anew
        state.postpone(question)
        return
    kept = state.store.sessions.get(*key)
    try:
        started = sessions.start(
            *(kept.sessions, state.keys, peer.keys, _decoded(bundle)),
            *(state.server_ms, state.entropy, state.kem, kept.must_be_pq),
        )
    except (PrekeyError, DowngradeError) as error:
        _log.warning("the prekeys of device %d cannot be used: %s", peer.device, error)
        state.postpone(question)
        return
    state.store.sessions.put(*key, Kept(started, 0, kept.must_be_pq))
    if healing:
        _tell_healed(state, peer)


def heal(state: DeviceState, peer: Peer) -> bool:
    """Return whether a new session was tried for a device since this was first asked; if not, begin with it.

    What went wrong with the session before is unknown: one side lost it, or both have gone different ways.
    """
    key = (peer.account, peer.device)
    if state.healing.get(key):
        del state.healing[key]
        return True
    state.healing[key] = False
    ask(state, FindBundle(*key))
    return False


def _decoded(bundle: Bundle) -> PrekeyBundle:
    try:
        return PrekeyBundle(
            msgspec.msgpack.decode(bundle.signed, type=SignedBundle),
            msgspec.msgpack.decode(bundle.one_time, type=OneTimePublic) if bundle.one_time else None,
            msgspec.msgpack.decode(bundle.one_time_kem, type=OneTimeKemPublic) if bundle.one_time_kem else None,
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"a prekey bundle that cannot be read: {error}") from None


def _tell_healed(state: DeviceState, peer: Peer) -> None:
    state.store.profiles.again(peer.account, peer.device)
    contact = state.store.contacts.contact(peer.account)
    if contact is not None and contact.phone:
        state.tell(SessionHealed, detail=contact.phone)
