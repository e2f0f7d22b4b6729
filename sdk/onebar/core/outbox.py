"""What to seal and send next, and what the server's verdicts mean (docs/protocol.md R1–R7)."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from onebar.core import content, pace, sealing, transfers
from onebar.core.directory import ask
from onebar.core.frames import (
    FLAG_SILENT,
    FLAG_TOP_UP,
    HASH_BYTES,
    Note,
    Submit,
    Void,
    decode_recipients,
    encode_recipients,
)
from onebar.core.link import Link
from onebar.core.questions import FindAccount, FindDevice, FindPhone, Question
from onebar.core.records import Draft, Envelope, Peer, Receipt, Status, TopUp, Trust
from onebar.core.state import DeviceState
from onebar.errors import RemoteProtocolError
from onebar.events import MessageFailed, MessageSent
from onebar.models import MessageState

SEAL_MAX: Final = 64
"""Most envelopes sealed in one turn, so that a turn stays short (R19)."""

RECEIPTS_EVERY_S: Final = 2.0
"""Pause between receipts: who reads on tells once for all that was read meanwhile, by one envelope for each chat."""

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
    floor, last = state.device.floor, pace.sendable(state)
    link.position = max(link.position, floor)
    if link.position >= min(last, state.device.out_no):
        return
    for envelope in state.store.outbox.outstanding(link.position, state.window):
        if envelope.out_no > last:
            break
        link.frames.append(submission(envelope, floor))
        link.carry(envelope.out_no, len(envelope.sealed))


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
        pace.judged(state)
        state.change(floor=mark, floor_hash=hash_ or b"")


def _gone(state: DeviceState, out_no: int, account: int, reason: str) -> set[int]:
    """Return which devices of an account a rejection says not to be in use: those there are now are asked for anew."""
    known = {peer.device for peer in state.store.contacts.devices(account)}
    if reason == "account_gone":
        return known
    sealed = state.store.outbox.sealed(out_no) if reason == "no_recipients" else b""
    named = decode_recipients(msgspec.Raw(sealed)) if sealed else []  # a receipt may have been for one of several
    return known & {device for one in named for device, _ in one.envelopes}


def _apply(state: DeviceState, out_no: int, note: Note) -> None:
    store = state.store.outbox
    if note.reason:
        _, account = store.meant_for(out_no)
        gone = _gone(state, out_no, account, note.reason)
        failed = store.reject(out_no, note.reason)
        state.store.profiles.rejected(out_no)
        for device in gone:
            state.store.contacts.remove_device(account, device)
        if failed is not None:
            state.tell(MessageFailed, failed, f"{MessageState.REJECTED} {note.reason}")
            state.outbox_due = True  # its readers may have to be told that nothing comes
        return
    message_no, account = store.meant_for(out_no)
    sent = store.accept(out_no)
    if sent is not None:
        state.tell(MessageSent, sent)
    for missing_account, device in note.missing:
        if message_no and missing_account in {account, state.device.account}:  # no others: a server adds no listeners
            store.add_top_up(message_no, missing_account, device, 0)
            state.outbox_due = True
    for named, device in note.removed:
        for of in (named,) if named else (account, state.device.account):  # 0: the server knows no such device
            state.store.contacts.remove_device(of, device)
            give_up_device(state, out_no, of, device, "device_removed")


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
        state.outbox_due = True
        state.tell(MessageFailed, message_no, f"{MessageState.EXPIRED} outbox_s")
    for message_no in store.end_unanswered(before_ms):
        state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} no_receipt")
    state.store.inbox.forget(now_ms - SEEN_S * 1000)
    state.store.prekeys.forget(now_ms)
    state.publish_due = True
    state.expire_at_s = state.now.monotonic_s + EXPIRE_EVERY_S


def seal_waiting(state: DeviceState) -> None:
    """Seal what waits, as far as the window allows: top-ups first, then new messages, each chat in order (R4)."""
    if not state.confirmed or state.device.status is not Status.REGISTERED or not state.listed:
        return
    room = min(SEAL_MAX, state.window - (state.device.out_no - state.device.floor))
    if room <= 0 or not state.outbox_due:
        return
    state.outbox_due = False  # until something is left over
    for top_up in state.store.outbox.top_ups(room):
        key = ("top-up", top_up.draft.message_no, top_up.device, top_up.answers)
        if key in state.poison:
            drop_top_up(state, top_up, "internal")
            continue
        with state.contained(key):
            sealed = _seal_top_up(state, top_up)
        room -= sealed
        state.outbox_due |= not sealed
    room = _seal_drafts(state, room)
    if room > 0 and state.receipts_at_s <= state.now.monotonic_s:
        room = _seal_receipts(state, room)
    else:
        state.outbox_due = True
    state.outbox_due |= room <= 0


def _seal_drafts(state: DeviceState, room: int) -> int:
    """Seal new messages as long as there is room; return what is left of it."""
    stalled = pace.resting(state)
    stalled_max = len(stalled) + STALLED_MAX
    while room > 0 and len(stalled) < stalled_max:
        wanted = room
        drafts = state.store.outbox.drafts(wanted, sorted(stalled))
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
                        pace.rest(state, draft)
        if len(drafts) < wanted:
            break
    state.outbox_due |= bool(stalled)
    return room


def _seal_draft(state: DeviceState, draft: Draft) -> bool:
    """Seal a message for all devices of its recipient and a copy for ours, or end it; False if its chat has to wait."""
    if not draft.account:
        ask(state, FindPhone(draft.phone))
        return False
    contact, store = state.store.contacts.contact(draft.account), state.store
    peers = store.contacts.devices(draft.account)
    if contact is None or not contact.account_key or not peers:
        ask(state, FindAccount(draft.account))
        return False
    if draft.audience not in {b"", contact.account_key}:  # it was sealed before, by the device that this one replaces
        for message_no in store.outbox.fail_draft(draft.message_no, "key_changed"):
            state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} key_changed")
        return True
    if contact.trust is Trust.CHANGED:
        return False  # until the user has looked at the new safety number
    own = every = sealing.own_devices(state)
    blocked = store.outbox.blocked(draft.phone, [peer.device for peer in (*peers, *own)])
    peers, own = ([peer for peer in some if peer.device not in blocked] for some in (peers, own))
    peers, own = ([peer for peer in some if sealing.is_ready(state, peer)] for some in (peers, own))
    if not peers or not pace.may_seal(state, draft):
        return False
    if not transfers.covers(state, draft, len(peers) + len(own)):
        return True  # it waits for the server, and lets the others pass
    seal_message(state, draft, peers, own, contact.account_key)
    for peer in [] if own else every:  # a server names only those missing whose account the envelope names
        store.outbox.add_top_up(draft.message_no, peer.account, peer.device, 0)
        state.outbox_due = True
    return True


def _seal_top_up(state: DeviceState, top_up: TopUp) -> bool:
    """Seal a message for one more device; False if its keys have to be asked for, or it may not have it."""
    draft, account = top_up.draft, top_up.account
    contact, peer = state.store.contacts.contact(account), state.store.contacts.device(account, top_up.device)
    if contact is None or peer is None:
        ask(state, FindDevice(account, top_up.device))
        return False
    key_changed = account == draft.account and draft.audience not in {b"", contact.account_key}
    if peer.removed or key_changed:
        drop_top_up(state, top_up, "key_changed" if key_changed else "device_removed")
        return False
    if contact.trust is Trust.CHANGED or not sealing.is_ready(state, peer):
        return False
    to = 0 if account == draft.account else draft.account
    if draft.over and not top_up.answers:
        chat_nos = state.store.places.take(draft.message_no, top_up.device, content.SKIPPED_MAX)
        if chat_nos:  # or they were told of with those before them
            seal_control(state, [peer], content.Skipped(tuple(chat_nos), to))
        return True
    if not top_up.answers and not transfers.covers(state, draft, 1):
        return False
    text = _said(state, draft)
    what: content.Content = content.Copy(text, to) if to else text
    what = content.Resealed(top_up.answers, text, to) if top_up.answers else what
    _put(state, [(peer, what)], draft.message_no, account, top_up.answers)
    if draft.attached and not top_up.answers:
        state.store.attachments.use(draft.message_no, 1)
    return True


def _seal_receipts(state: DeviceState, room: int) -> int:
    """Tell what was read here, by one envelope for each author; return the room if nothing is left to tell, else 0."""
    authors: dict[int, list[Receipt]] = {}
    for receipt in state.store.outbox.receipts(SEAL_MAX):
        authors.setdefault(receipt.account, []).append(receipt)
    if not authors:
        return room
    for account, receipts in list(authors.items())[:room]:
        contact, peers = state.store.contacts.contact(account), state.store.contacts.devices(account)
        if not state.device.read_receipts or contact is None or not peers:
            state.store.outbox.drop_receipts(receipts)
            continue
        peers = [peer for peer in peers if sealing.is_ready(state, peer)]
        if peers and contact.trust is not Trust.CHANGED:
            told = receipts[: content.MARKS_MAX]
            seal_control(state, peers, content.Read(tuple((one.device, one.chat_no) for one in told)))
            state.store.outbox.drop_receipts(told)
            state.receipts_at_s = state.now.monotonic_s + RECEIPTS_EVERY_S
    return 0


def drop_top_up(state: DeviceState, top_up: TopUp, reason: str) -> None:
    """A device that was due for a message will not get it."""
    store, message_no = state.store.outbox, top_up.draft.message_no
    store.drop_top_up(message_no, top_up.device, top_up.answers)
    if store.end_if_hopeless(message_no, reason):
        state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} {reason}")


def _said(state: DeviceState, draft: Draft) -> content.Said:
    head = (draft.message_id, draft.chat_no, draft.sent_at_ms, draft.text)
    if not draft.attached:
        return content.Text(*head)
    return content.Attachment(*head, state.store.attachments.file(draft.message_no))


def seal_message(state: DeviceState, draft: Draft, peers: Sequence[Peer], own: Sequence[Peer], audience: bytes) -> None:
    """Number and seal a message for the first time; from here on the bytes are fixed (R1)."""
    said = _said(state, draft)
    copy = content.Copy(said, draft.account)
    wanted: list[tuple[Peer, content.Content]] = [(peer, said) for peer in peers]
    wanted += [(peer, copy) for peer in own]
    sealed = _put(state, wanted, draft.message_no, draft.account, None, audience)
    state.outbox_due |= state.store.places.passed(draft.message_no)
    if draft.attached:
        state.store.attachments.use(draft.message_no, sealed)


def seal_control(state: DeviceState, peers: Sequence[Peer], what: content.Content) -> None:
    """Number and seal what is no message: nobody sees a tick of it, and nobody asks for it again."""
    _put(state, [(peer, what) for peer in peers], 0, peers[0].account, 0)


def _put(
    state: DeviceState,
    wanted: Sequence[tuple[Peer, content.Content]],
    message_no: int,
    account: int,
    answers: int | None,
    audience: bytes = b"",
) -> int:
    """Seal under the next number and store it; return for how many devices."""
    out_no, own_account = state.device.out_no + 1, state.device.account
    sealed_for = sealing.seal(state, out_no, wanted)
    sealed = encode_recipients((peer.device, ciphertext) for peer, ciphertext in sealed_for)
    flags = (FLAG_TOP_UP if answers is not None else 0) | (0 if message_no else FLAG_SILENT)
    for sealed_account in {peer.account for peer, _ in sealed_for}:
        pace.sealed(state, sealed_account)
    own = [peer.device for peer, _ in sealed_for if peer.account == own_account]
    theirs = [peer.device for peer, _ in sealed_for if peer.account != own_account]
    state.store.outbox.put_sealed(
        Envelope(out_no, flags, sealed),
        hashlib.sha256(sealed).digest()[:HASH_BYTES],
        message_no,
        account,
        theirs if message_no else [],
        own if message_no else [],
        answers,
        audience,
    )
    state.change(out_no=out_no)
    for peer, _ in sealed_for if message_no else ():
        state.store.profiles.tell(peer.account, peer.device, state.server_ms)
    return len(sealed_for)


def learned(state: DeviceState, question: Question, *, found: bool) -> None:
    """After an answer about an account or a device: end what is meant for one that is not there."""
    if found:
        return
    if isinstance(question, FindDevice):
        for top_up in state.store.outbox.top_ups(SEAL_MAX):
            if (top_up.account, top_up.device) == (question.account, question.device):
                drop_top_up(state, top_up, "device_removed")
    elif isinstance(question, FindAccount):
        contact = state.store.contacts.contact(question.account)
        if contact is not None and contact.phone is not None:
            ask(state, FindPhone(contact.phone))  # it was deleted; perhaps there is a new one under its number
    elif isinstance(question, FindPhone):
        for message_no in state.store.outbox.fail_chat(question.phone, "no_account"):
            state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} no_account")
