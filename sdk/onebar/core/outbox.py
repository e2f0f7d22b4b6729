"""What to seal and send next, and what the server's verdicts mean (docs/protocol.md R1–R7)."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from onebar.core import content
from onebar.core.directory import ask
from onebar.core.frames import FLAG_SILENT, FLAG_TOP_UP, HASH_BYTES, Note, Recipient, Submit, Void, encode
from onebar.core.link import Link
from onebar.core.questions import FindAccount, FindDevice, FindPhone, Question
from onebar.core.records import Draft, Envelope, Peer, Status, TopUp
from onebar.core.state import DeviceState
from onebar.crypto.sealer import associated_data, seal
from onebar.errors import RemoteProtocolError
from onebar.events import MessageFailed, MessageSent
from onebar.models import MessageState

SEAL_MAX: Final = 64
"""Most envelopes sealed in one turn, so that a turn stays short (R19)."""

STALLED_MAX: Final = 64
"""Most chats that may wait for keys before the rest of the outbox waits with them: more questions find no room."""

EXPIRE_EVERY_S: Final = 3600
"""How often to look for what waited too long; an hour more does not matter after 30 days."""

SEEN_S: Final = 120 * 24 * 3600
"""How long message ids are remembered (R8): 30 days in an outbox, 30 in a mailbox, and as long again."""


def submission(envelope: Envelope, floor: int) -> Submit | Void:
    """Return the frame for an envelope; the sealed bytes are the same each time, the floor is today's."""
    if not envelope.sealed:
        return Void(envelope.out_no, floor)
    return Submit(envelope.out_no, floor, envelope.flags, msgspec.Raw(envelope.sealed))


def submit(state: DeviceState, link: Link) -> None:
    """Put the next numbers on a link, in order and without holes (R3)."""
    floor = state.device.floor
    link.position = max(link.position, floor)
    if link.position >= state.device.out_no:
        return
    for envelope in state.store.outbox.outstanding(link.position, state.window):
        if envelope.out_no > floor + state.window:
            break
        link.frames.append(submission(envelope, floor))
        link.position = envelope.out_no


def apply_verdicts(state: DeviceState, mark: int, notes: Iterable[Note]) -> None:
    """Learn the verdicts up to a mark: the notes first, then everything else is accepted (R3).

    Raises:
        RemoteProtocolError: The server judged what was never sent.
    """
    device, store = state.device, state.store.outbox
    if mark > device.out_no:
        raise RemoteProtocolError(f"a verdict on {mark}, beyond the last number {device.out_no}")
    noted = {note.out_no: note for note in notes}
    hash_ = store.hash_of(mark)
    for out_no in range(device.floor + 1, mark + 1):
        _apply(state, out_no, noted.get(out_no, Note(out_no)))
    if mark > device.floor:
        state.change(floor=mark, floor_hash=hash_ or b"")


def _apply(state: DeviceState, out_no: int, note: Note) -> None:
    store = state.store.outbox
    if note.reason:
        failed = store.reject(out_no, note.reason)
        if failed is not None:
            state.tell(MessageFailed, failed, f"{MessageState.REJECTED} {note.reason}")
        return
    message_no, account = store.meant_for(out_no)
    sent = store.accept(out_no)
    if sent is not None:
        state.tell(MessageSent, sent)
    for missing_account, device in note.missing:
        if message_no and missing_account == account:  # the server may not add listeners of its own
            store.add_top_up(message_no, account, device, 0)
    for removed_account, device in note.removed:
        state.store.contacts.remove_device(removed_account, device)
        give_up_device(state, out_no, removed_account, device, "device_removed")


def give_up_device(state: DeviceState, out_no: int, account: int, device: int, reason: str) -> None:
    """One device will not get an envelope; the message has failed when no other can (R5)."""
    failed = state.store.outbox.undelivered(out_no, account, device, reason)
    if failed is not None:
        state.tell(MessageFailed, failed, f"{MessageState.UNDELIVERABLE} {reason}")


def expire(state: DeviceState) -> None:
    """End what waited too long, by the server's clock and on a welcomed link only (R5)."""
    if state.outbox_s is None:
        return
    now_ms, store = state.server_ms, state.store.outbox
    before_ms = now_ms - state.outbox_s * 1000
    for message_no in store.expire(before_ms, now_ms):
        state.tell(MessageFailed, message_no, f"{MessageState.EXPIRED} outbox_s")
    for message_no in store.end_unanswered(before_ms):
        state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} no_receipt")
    state.store.inbox.forget(now_ms - SEEN_S * 1000)
    state.expire_at_s = state.now.monotonic_s + EXPIRE_EVERY_S


def seal_waiting(state: DeviceState) -> None:
    """Seal what waits, as far as the window allows: top-ups first, then new messages, each chat in order (R4)."""
    if not state.confirmed or state.device.status is not Status.REGISTERED:
        return
    room = min(SEAL_MAX, state.window - (state.device.out_no - state.device.floor))
    if room <= 0:
        return
    for top_up in state.store.outbox.top_ups(room):
        key = ("top-up", top_up.draft.message_no, top_up.device, top_up.answers)
        if key in state.poison:
            drop_top_up(state, top_up, "internal")
            continue
        with state.contained(key):
            room -= _seal_top_up(state, top_up)
    _seal_drafts(state, room)


def _seal_drafts(state: DeviceState, room: int) -> None:
    stalled: set[str] = set()
    while room > 0 and len(stalled) < STALLED_MAX:
        drafts = state.store.outbox.drafts(room, sorted(stalled))
        if not drafts:
            return
        for draft in drafts:
            key = ("draft", draft.message_no)
            if key in state.poison:
                for message_no in state.store.outbox.fail_draft(draft.message_no, "internal"):
                    state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} internal")
            elif draft.phone not in stalled:
                with state.contained(key):
                    if _seal_draft(state, draft):
                        room -= 1
                    else:
                        stalled.add(draft.phone)


def _seal_draft(state: DeviceState, draft: Draft) -> bool:
    """Seal a message for all devices of its recipient; False if its chat has to wait."""
    if not draft.account:
        ask(state, FindPhone(draft.phone))
        return False
    peers = state.store.contacts.devices(draft.account)
    if not peers:
        ask(state, FindAccount(draft.account))
        return False
    blocked = state.store.outbox.blocked(draft.phone, [peer.device for peer in peers])
    peers = [peer for peer in peers if peer.device not in blocked]
    if not peers:
        return False
    seal_for(state, peers, _text(draft), message_no=draft.message_no, answers=None)
    return True


def _seal_top_up(state: DeviceState, top_up: TopUp) -> bool:
    """Seal a message for one more device; False if its keys have to be asked for, or it is gone."""
    account, message_no = top_up.draft.account, top_up.draft.message_no
    peer = state.store.contacts.device(account, top_up.device)
    if peer is None:
        ask(state, FindDevice(account, top_up.device))
        return False
    if peer.removed:
        drop_top_up(state, top_up, "device_removed")
        return False
    text = _text(top_up.draft)
    what = content.Resealed(top_up.answers, text) if top_up.answers else text
    seal_for(state, [peer], what, message_no=message_no, answers=top_up.answers)
    return True


def drop_top_up(state: DeviceState, top_up: TopUp, reason: str) -> None:
    """A device that was due for a message will not get it."""
    store, message_no = state.store.outbox, top_up.draft.message_no
    store.drop_top_up(message_no, top_up.device, top_up.answers)
    if store.end_if_hopeless(message_no, reason):
        state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} {reason}")


def _text(draft: Draft) -> content.Text:
    return content.Text(draft.message_id, draft.chat_no, draft.sent_at_ms, draft.text)


def seal_for(state: DeviceState, peers: Sequence[Peer], what: content.Content, *,
             message_no: int, answers: int | None) -> None:  # fmt: skip
    """Number and seal content for some devices of one account; from here on the bytes are fixed (R1)."""
    device, out_no, account = state.device, state.device.out_no + 1, peers[0].account
    plain, sender = content.encode(what), (device.account, device.device)
    ciphertexts = tuple(
        (peer.device, seal(plain, associated_data(sender, out_no, (account, peer.device)), state.keys, peer.keys,
                           state.entropy))
        for peer in peers
    )  # fmt: skip
    sealed = encode([Recipient(account, ciphertexts)])
    flags = (FLAG_TOP_UP if answers is not None else 0) | (0 if message_no else FLAG_SILENT)
    state.store.outbox.put_sealed(
        Envelope(out_no, flags, sealed),
        hashlib.sha256(sealed).digest()[:HASH_BYTES],
        message_no,
        account,
        [peer.device for peer in peers] if message_no else [],
        answers,
    )
    state.change(out_no=out_no)


def learned(state: DeviceState, question: Question, *, found: bool) -> None:
    """After an answer of the directory: end what is meant for an account or a device that is not there."""
    if isinstance(question, FindDevice):
        for top_up in state.store.outbox.top_ups(SEAL_MAX):
            sought = (top_up.draft.account, top_up.device) == (question.account, question.device)
            if sought and state.store.contacts.device(question.account, question.device) is None:
                drop_top_up(state, top_up, "device_removed")
        return
    phone = question.phone if isinstance(question, FindPhone) else state.store.contacts.phone(question.account)
    account = state.store.contacts.account(phone) if phone else None
    if phone and (not found or account is None or not state.store.contacts.devices(account)):
        reason = "no_device" if found else "no_account"
        for message_no in state.store.outbox.fail_chat(phone, reason):
            state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} {reason}")
