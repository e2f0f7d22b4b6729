"""What came in: each entry takes effect once, in order, or goes to quarantine (docs/protocol.md R8–R12)."""

import logging
from itertools import groupby
from typing import Final

from onebar.core import content, outbox
from onebar.core.directory import ask
from onebar.core.frames import FLAG_SILENT, FLAG_TOP_UP, FRAMES_MAX, Ack, Deliver, Delivered, Undelivered
from onebar.core.link import Link, MailFrame
from onebar.core.questions import FindDevice, Question
from onebar.core.records import Peer
from onebar.core.state import DeviceState
from onebar.crypto.sealer import associated_data, open_sealed
from onebar.errors import DecryptionError
from onebar.events import MessageDelivered, MessageReceived, MessageUnreadable

_log = logging.getLogger("onebar")

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
        if isinstance(frame, Deliver):
            sender = (frame.account, frame.device)
            if sender not in link.strangers and state.store.contacts.device(*sender) is None:
                ask(state, FindDevice(*sender))
                return
        link.held.popleft()
        handle(state, frame)


def learned(state: DeviceState, link: Link, question: Question) -> None:
    """Go on with what is held after an answer of the directory; a sender that it does not know is a stranger."""
    if isinstance(question, FindDevice):
        link.strangers.add((question.account, question.device))
    work_off(state, link)


def handle(state: DeviceState, frame: MailFrame) -> None:
    """Let one entry take effect and move the cursor past it, in one transaction (D4)."""
    key = ("entry", state.device.epoch, frame.seq)
    if key not in state.poison:
        with state.contained(key):
            _take_entry(state, frame)
    elif isinstance(frame, Deliver):
        quarantine(state, frame, "internal", ask_again=True)
    else:
        _log.error("a notice of the server was skipped, because it made turns fail: %s", type(frame).__name__)
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
    sender, own = (frame.account, frame.device), (state.device.account, state.device.device)
    peer = state.store.contacts.device(*sender)
    if peer is None:
        quarantine(state, frame, "unknown_sender", ask_again=False)
        return
    if state.store.inbox.is_opened(*sender, frame.out_no):
        return  # it had its effect (R8)
    try:
        bound = associated_data(sender, frame.out_no, own)
        what = content.decode(open_sealed(frame.ciphertext, bound, state.keys, peer.keys))
    except content.UnknownContentError:
        quarantine(state, frame, "newer_version", ask_again=False)
    except DecryptionError:
        quarantine(state, frame, "does_not_open", ask_again=True)
    except ValueError:
        quarantine(state, frame, "no_content", ask_again=False)
    else:
        state.store.inbox.put_opened(*sender, frame.out_no, frame.seq, state.server_ms)
        state.store.inbox.release(*sender, frame.out_no)  # an intact copy of one that had not opened
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


def quarantine(state: DeviceState, frame: Deliver, reason: str, *, ask_again: bool) -> None:
    """Keep what does not open; it never blocks what comes after it (D7)."""
    if frame.flags & FLAG_SILENT:
        return  # control content: nobody waits for it, and asking again would only go in circles
    state.store.inbox.quarantine(
        *(frame.account, frame.device, frame.out_no, frame.seq, frame.ciphertext, reason, state.server_ms),
        ask=ask_again,
        answer=bool(frame.flags & FLAG_TOP_UP),
    )
    state.repair_at_s = state.now.monotonic_s


def acknowledge(state: DeviceState, link: Link) -> None:
    """Acknowledge on a link all that is committed with this turn."""
    epoch, cursor = state.device.epoch, state.device.cursor
    if cursor <= link.acked:
        return
    unopened = state.store.inbox.unopened(link.acked)
    while len(unopened) > FRAMES_MAX:  # one Ack cannot name them all
        named, unopened = unopened[:FRAMES_MAX], unopened[FRAMES_MAX:]
        link.frames.append(Ack(epoch, named[-1], named))
    link.frames.append(Ack(epoch, cursor, unopened))
    link.acked = cursor


def repair(state: DeviceState) -> None:
    """Ask again for what did not open, and show as unreadable what was asked for often enough (R11)."""
    inbox, now_ms = state.store.inbox, state.server_ms
    before_ms = now_ms - round(state.config.ask_again_s * 1000)
    room = state.window - (state.device.out_no - state.device.floor)
    due = inbox.due_again(before_ms, now_ms, content.AGAIN_MAX)
    for (account, device), rows in groupby(sorted(due), key=lambda row: row[:2]):
        out_nos = tuple(row[2] for row in rows)
        peer = state.store.contacts.device(account, device)
        if peer is None or peer.removed or room > 0:
            inbox.asked(account, device, out_nos, now_ms)
        if peer is not None and not peer.removed and room > 0:
            outbox.seal_for(state, [peer], content.Again(out_nos), message_no=0, answers=0)
            room -= 1
    for message_no in inbox.give_up(before_ms, now_ms):
        state.tell(MessageUnreadable, message_no or None)
    pause_s = state.config.ask_again_s
    state.repair_at_s = state.now.monotonic_s + pause_s if inbox.quarantined() else None
