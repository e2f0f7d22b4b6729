"""What came in: each entry takes effect once, in order, or goes to quarantine (docs/protocol.md R8–R12)."""

from itertools import groupby
from typing import Final

from onebar.core import content, outbox
from onebar.core.frames import FLAG_SILENT, Ack, Deliver, Delivered, FindAccount, FindPhone, Undelivered
from onebar.core.link import Link, MailFrame
from onebar.core.ports import Peer
from onebar.core.state import DeviceState
from onebar.crypto.sealer import associated_data, open_sealed
from onebar.errors import DecryptionError, StoreError
from onebar.events import MessageDelivered, MessageReceived, MessageUnreadable

RESEALS_MAX: Final = 3
"""How often one envelope is sealed again for someone who could not open it (R11)."""


def take(state: DeviceState, link: Link, frame: MailFrame) -> None:
    """Take the next entry of the mailbox from a link.

    Raises:
        RemoteProtocolError: Entries before it are missing (R14).
    """
    link.take(frame)
    link.hold(frame)
    work_off(state, link)


def work_off(state: DeviceState, link: Link) -> None:
    """Handle what is held, in order, until an entry whose sender's keys must be asked for first."""
    while link.held:
        frame = link.held[0]
        if isinstance(frame, Deliver) and _must_ask(state, link, frame):
            outbox.ask(state, FindAccount(frame.account))
            return
        link.held.popleft()
        handle(state, frame)


def learned(state: DeviceState, link: Link, question: FindPhone | FindAccount) -> None:
    """Go on with what is held after an answer of the directory; senders that it does not know are strangers."""
    for entry in link.held:
        if isinstance(entry, Deliver) and isinstance(question, FindAccount) and entry.account == question.account:
            link.strangers.add((entry.account, entry.device))
    work_off(state, link)


def _must_ask(state: DeviceState, link: Link, frame: Deliver) -> bool:
    sender = (frame.account, frame.device)
    return sender not in link.strangers and state.store.contacts.device(*sender) is None


def handle(state: DeviceState, frame: MailFrame) -> None:
    """Let one entry take effect and move the cursor past it, in one transaction (D4)."""
    try:
        if frame.seq not in state.poison:
            _take_entry(state, frame)
        elif isinstance(frame, Deliver):
            quarantine(state, frame, "internal", ask=True)
    except StoreError:
        raise
    except Exception:
        state.poison.add(frame.seq)
        raise
    if frame.seq > state.device.cursor:
        state.change(cursor=frame.seq)


def _take_entry(state: DeviceState, frame: MailFrame) -> None:
    if isinstance(frame, Deliver):
        _deliver(state, frame)
    elif isinstance(frame, Delivered):
        for first, last in frame.out_nos:
            for message_no in state.store.outbox.delivered(first, last, frame.account, frame.device):
                state.tell(MessageDelivered, message_no)
    elif isinstance(frame, Undelivered):
        if frame.reason == "device_removed":
            state.store.contacts.remove_device(frame.account, frame.device)
        outbox.give_up_device(state, frame.out_no, frame.account, frame.device, frame.reason)


def _deliver(state: DeviceState, frame: Deliver) -> None:
    peer = state.store.contacts.device(frame.account, frame.device)
    if peer is None:
        quarantine(state, frame, "unknown_sender", ask=False)
        return
    if frame.out_no <= peer.mark:
        return  # it opened before (R8)
    own = (state.device.account, state.device.device)
    try:
        bound = associated_data((peer.account, peer.device), frame.out_no, own)
        what = content.decode(open_sealed(frame.ciphertext, bound, state.keys, peer.keys))
    except content.UnknownContentError:
        quarantine(state, frame, "newer_version", ask=False)
        return
    except DecryptionError:
        quarantine(state, frame, "does_not_open", ask=True)
        return
    except ValueError:
        quarantine(state, frame, "no_content", ask=False)
        return
    state.store.inbox.move_mark(peer.account, peer.device, frame.out_no)
    _take_effect(state, peer, what)


def _take_effect(state: DeviceState, peer: Peer, what: content.Content) -> None:
    if isinstance(what, content.Again):
        for out_no in what.out_nos:
            asked_for = state.store.outbox.may_answer(out_no, peer.account, RESEALS_MAX)
            if asked_for:
                state.store.outbox.add_top_up(asked_for, peer.account, peer.device, out_no)
        return
    if isinstance(what, content.Resealed):
        state.store.inbox.release(peer.account, peer.device, what.out_no)
        what = what.text
    message_no = state.store.inbox.add_text(
        peer.account, peer.device, what.message_id, what.chat_no, what.text, what.sent_at_ms, state.server_ms
    )
    if message_no is not None:
        state.tell(MessageReceived, message_no)


def quarantine(state: DeviceState, frame: Deliver, reason: str, *, ask: bool) -> None:
    """Keep what does not open; it never blocks what comes after it (D7)."""
    if frame.flags & FLAG_SILENT:
        return  # control content: nobody waits for it, and asking again would only go in circles
    state.store.inbox.quarantine(frame.account, frame.device, frame.out_no, frame.seq, frame.ciphertext, reason, ask)
    state.repair_at_s = state.now.monotonic_s


def acknowledge(state: DeviceState, link: Link) -> None:
    """Acknowledge on a link all that is committed with this turn."""
    cursor = state.device.cursor
    if cursor > link.acked:
        link.frames.append(Ack(state.device.epoch, cursor, state.store.inbox.unopened(link.acked)))
        link.acked = cursor


def repair(state: DeviceState) -> None:
    """Ask again for what did not open, and show as unreadable what was asked for often enough (R11)."""
    inbox, now_ms = state.store.inbox, state.now.wall_ms
    before_ms = now_ms - round(state.config.ask_again_s * 1000)
    room = state.window - (state.device.out_no - state.device.floor)
    due = inbox.due_again(before_ms, content.AGAIN_MAX)
    for (account, device), rows in groupby(sorted(due), key=lambda row: row[:2]):
        out_nos = tuple(row[2] for row in rows)
        peer = state.store.contacts.device(account, device)
        if peer is None or peer.removed or room > 0:
            inbox.asked(account, device, out_nos, now_ms)
        if peer is not None and not peer.removed and room > 0:
            outbox.seal_for(state, [peer], content.Again(out_nos), message_no=0, answers=0)
            room -= 1
    for message_no in inbox.give_up(before_ms):
        state.tell(MessageUnreadable, message_no or None)
    pause_s = state.config.ask_again_s
    state.repair_at_s = state.now.monotonic_s + pause_s if inbox.quarantined() else None
