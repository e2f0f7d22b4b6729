"""What came in: each entry takes effect once, in order, or goes to quarantine (docs/protocol.md R8–R12)."""

import logging
from itertools import groupby
from typing import Final

from onebar.core import content, outbox, profiles, sealing, transfers
from onebar.core.directory import ask
from onebar.core.frames import FLAG_SILENT, FLAG_TOP_UP, FRAMES_MAX, Ack, Deliver, Delivered, Undelivered
from onebar.core.link import Link, MailFrame
from onebar.core.link_states import LinkState
from onebar.core.questions import FindAccount, FindBundle, FindDevice, Question
from onebar.core.records import Arrival, Peer
from onebar.core.state import DeviceState
from onebar.errors import DecryptionError
from onebar.events import (
    ChatChanged,
    ChatRequested,
    MessageDelivered,
    MessageRead,
    MessageReceived,
    MessageSent,
    MessageUnreadable,
    MessageUnsupported,
)
from onebar.models import MessageState, Standing

_log = logging.getLogger("onebar")

REREAD_PAGE: Final = 64
"""Messages that are read again at a time after an update, so that a long history is never in memory at once."""

RESEALS_MAX: Final = 3
"""How often one envelope is sealed again for someone who could not open it (R11)."""


TICKS_MAX: Final = 32
"""Ticks that may wait for an Ack: 2 KiB at most of the link's credit of 64 KiB (R25)."""


def reread(state: DeviceState) -> None:
    """Show, after an update, what an earlier version kept without understanding it (docs/protocol.md §6)."""
    inbox, above = state.store.inbox, 0
    while kept := inbox.unsupported(REREAD_PAGE, above):
        for message_no, packed in kept:
            above = message_no
            try:
                what = content.read(packed)
            except ValueError as error:
                _log.warning("message %d stays unsupported: %s", message_no, error)
                continue
            if isinstance(what, content.Said):
                inbox.understood(message_no, what.text)
            if isinstance(what, content.Attachment):
                transfers.arrived(state, message_no, what.file)


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
        frame, sender = link.held[0], None
        if isinstance(frame, Deliver):
            sender = state.store.contacts.device(frame.account, frame.device)
            if sender is None and (frame.account, frame.device) not in link.strangers:
                ask(state, FindDevice(frame.account, frame.device))
                return
        link.held.popleft()
        handle(state, frame, sender)
        if isinstance(frame, Delivered):
            link.ticks += 1
        else:
            link.ack_due = True


def go_on(state: DeviceState) -> None:
    """Ask again for the senders of what is held, where a limit has put the question off; tell when all has come."""
    for link in state.open_links():
        work_off(state, link)
        if link.caught_up and not link.held and not link.emptied:
            link.emptied = state.news = True
            state.caught_up_ms = max(state.now.wall_ms, (state.caught_up_ms or 0) + 1)  # each time another one


def learned(state: DeviceState, link: Link, question: Question) -> None:
    """Go on with what is held after an answer of the directory; a sender that it does not know is a stranger."""
    if isinstance(question, FindDevice):
        link.strangers.add((question.account, question.device))
    work_off(state, link)


def handle(state: DeviceState, frame: MailFrame, sender: Peer | None) -> None:
    """Let one entry take effect and move the cursor past it, in one transaction (D4).

    Args:
        state: The device.
        frame: The entry.
        sender: Who sealed it, as far as that is known.
    """
    key = ("entry", state.device.epoch, frame.seq)
    if key not in state.poison:
        with state.contained(key):
            _take_entry(state, frame, sender)
    elif isinstance(frame, Deliver):
        quarantine(state, frame, "internal", ask_again=True)
    else:
        _log.error("a notice of the server was skipped, because it made turns fail: %s", type(frame).__name__)
    if frame.seq > state.device.cursor:
        state.change(cursor=frame.seq)


def _take_entry(state: DeviceState, frame: MailFrame, sender: Peer | None) -> None:
    if isinstance(frame, Deliver):
        _deliver(state, frame, sender)
    elif isinstance(frame, Delivered):
        for first, last in frame.out_nos:
            sealing.delivered(state, frame.account, frame.device, last)
            for message_no in state.store.outbox.delivered(first, last, frame.account, frame.device):
                state.tell(MessageDelivered, message_no)
                if state.store.outbox.read_before(message_no):
                    state.tell(MessageRead, message_no)
    elif isinstance(frame, Undelivered):
        if frame.reason == "device_removed":
            state.store.contacts.remove_device(frame.account, frame.device)
        outbox.give_up_device(state, frame.out_no, frame.account, frame.device, frame.reason)


def _deliver(state: DeviceState, frame: Deliver, peer: Peer | None) -> None:
    sender = (frame.account, frame.device)
    if peer is None:
        quarantine(state, frame, "unknown_sender", ask_again=True)
        return
    if state.store.inbox.is_opened(*sender, frame.out_no):
        return  # it had its effect (R8)
    try:
        plain = sealing.open_(state, peer, frame)
    except DecryptionError:
        quarantine(state, frame, "does_not_open", ask_again=True)
        return
    try:
        what = content.decode(plain)
    except ValueError:
        quarantine(state, frame, "no_content", ask_again=False)
        return
    if _stands_nowhere(state, peer, what):
        quarantine(state, frame, "unknown_chat", ask_again=True)
        return
    state.store.inbox.put_opened(*sender, frame.out_no, frame.seq, state.server_ms)
    if state.store.inbox.release(*sender, frame.out_no):
        # An intact copy of one that had not opened. An ack may have said so, on whatever link: then it earns no tick,
        # but the answer to a request does (R12). If it has its tick after all, nobody answers, and the asking ends.
        state.store.inbox.want_tick(*sender, frame.out_no, state.server_ms)
        state.repair_at_s = state.now.monotonic_s
    _take_effect(state, peer, what, frame)


def _stands_nowhere(state: DeviceState, peer: Peer, what: content.Content | content.Unknown) -> bool:
    """Whether it is a copy for somebody unknown here: ask who that is, and for the copy again when that is known."""
    to = what.to if isinstance(what, content.Copy | content.Resealed) else 0
    if not to or peer.account != state.device.account or state.store.contacts.contact(to) is not None:
        return False
    ask(state, FindAccount(to))
    return True


def _take_effect(state: DeviceState, peer: Peer, what: content.Content | content.Unknown, frame: Deliver) -> None:
    match what:
        case content.Again():
            _again(state, peer, what)
        case content.Resealed():
            state.store.inbox.release(peer.account, peer.device, what.out_no)
            _say(state, peer, what.text, what.to, frame.out_no)
        case content.Text() | content.Attachment():
            _say(state, peer, what, 0, frame.out_no)
        case content.Copy():
            _say(state, peer, what.text, what.to, frame.out_no)
        case content.Profile():
            profiles.heard(state, peer, what, frame.out_no)
        case content.Read():
            _read(state, peer, what)
        case content.Skipped():
            _skip(state, peer, what)
        case content.Unknown() if not frame.flags & FLAG_SILENT:
            arrived = Arrival(
                *(peer.account, peer.account, peer.device, what.message_id, what.chat_no, what.sent_at_ms),
                *("", MessageState.UNSUPPORTED, what.content),
                out_no=frame.out_no,
            )
            _add(state, arrived, MessageUnsupported)


def _again(state: DeviceState, peer: Peer, what: content.Again) -> None:
    for out_no in what.out_nos:
        message_no = state.store.outbox.may_answer(out_no, peer.account, peer.device, RESEALS_MAX)
        if message_no:
            state.store.outbox.add_top_up(message_no, peer.account, peer.device, out_no)
            state.store.places.again(message_no, peer.account, peer.device)  # nobody asks for what was silent
            state.outbox_due = True


def _read(state: DeviceState, peer: Peer, what: content.Read) -> None:
    for device, chat_no in what.marks:
        for message_no in state.store.outbox.read(peer.account, chat_no) if device == state.device.device else []:
            state.tell(MessageRead, message_no)


def _skip(state: DeviceState, peer: Peer, what: content.Skipped) -> None:
    """Wait no longer for what does not come; the app shows fewer messages as missing."""
    chat = what.to or peer.account
    if (peer.account == state.device.account) != bool(what.to):
        return  # as for copies (R10)
    phone = state.store.places.skip(chat, peer.account, peer.device, what.chat_nos)
    if phone and state.store.inbox.standing(chat) is not Standing.BLOCKED:
        state.tell(ChatChanged, detail=phone)


def _say(state: DeviceState, peer: Peer, said: content.Said, to: int, out_no: int) -> None:
    """Put what was said into its chat: with its author, or, for a copy by a device of ours, the account it was for."""
    own = peer.account == state.device.account
    if own != bool(to):
        return  # copies are believed from our own devices only, and these have nothing else to say (R10)
    arrived = Arrival(
        *(to or peer.account, peer.account, peer.device, said.message_id, said.chat_no, said.sent_at_ms, said.text),
        MessageState.SENT if own else MessageState.RECEIVED,
        file=said.file if isinstance(said, content.Attachment) else None,
        out_no=out_no,
    )
    _add(state, arrived, MessageSent if own else MessageReceived)


def _add(state: DeviceState, arrived: Arrival, kind: type) -> None:
    standing = state.store.inbox.standing(arrived.chat)
    message_no = state.store.inbox.add(arrived, state.server_ms)
    if message_no is None:
        return
    if arrived.file is not None:
        transfers.arrived(state, message_no, arrived.file)
    if arrived.account == state.device.account:
        profiles.copied(state, arrived.chat)
    if standing is Standing.REQUESTED and arrived.account == state.device.account:
        transfers.accepted(state)  # another device of ours has answered
        state.outbox_due = True  # what was read here is told
    if standing is Standing.BLOCKED:
        return  # who is blocked is in the history, if it comes at all, and is not announced
    if standing is None and arrived.account != state.device.account:
        state.tell(ChatRequested, message_no)
    state.tell(kind, message_no)
    if arrived.account != state.device.account:
        phone = state.store.settings.bring_back(message_no, state.now.wall_ms)
        if phone:
            state.tell(ChatChanged, detail=phone)


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
    if cursor <= link.acked or _may_wait(state, link):
        return
    unopened = state.store.inbox.unopened(link.acked)
    while len(unopened) > FRAMES_MAX:  # one Ack cannot name them all
        named, unopened = unopened[:FRAMES_MAX], unopened[FRAMES_MAX:]
        link.frames.append(Ack(epoch, named[-1], named))
    link.frames.append(Ack(epoch, cursor, unopened))
    link.acked, link.ticks, link.ack_due = cursor, 0, False


def _may_wait(state: DeviceState, link: Link) -> bool:
    """Whether only ticks came: nobody waits for their Ack, so it rides with the next frame, a Ping at the latest."""
    few = 0 < link.ticks < TICKS_MAX and not link.ack_due
    return few and not link.frames and state.foreground and link.state is LinkState.OPEN


def repair(state: DeviceState) -> None:
    """Ask again for what did not open, and show as unreadable what was asked for often enough (R11)."""
    inbox, now_ms = state.store.inbox, state.server_ms
    before_ms = now_ms - round(state.config.ask_again_s * 1000) + 1  # a timer that is exact finds it due, too
    room = state.window - (state.device.out_no - state.device.floor) if state.listed else 0
    due = inbox.due_again(before_ms, now_ms, content.AGAIN_MAX)
    for (account, device), rows in groupby(sorted(due), key=lambda row: row[:2]):
        asked = list(rows)
        if _ask_again(state, (account, device), [row[2] for row in asked], max(row[3] for row in asked), room > 0):
            room -= 1
    for message_no in inbox.give_up(before_ms, now_ms):
        state.tell(MessageUnreadable, message_no or None)
    pause_s = state.config.ask_again_s
    state.repair_at_s = state.now.monotonic_s + pause_s if inbox.quarantined() else None


def _ask_again(state: DeviceState, sender: tuple[int, int], out_nos: list[int], times: int, may_seal: bool) -> bool:
    """Ask a device for what did not open; from the second time on in a new session. Return whether it was sealed."""
    peer = state.store.contacts.device(*sender)
    if peer is None:
        ask(state, FindDevice(*sender))
    elif not peer.removed:
        if not may_seal or (times > 0 and not sealing.heal(state, peer)):
            return False
        if sealing.is_ready(state, peer):
            outbox.seal_control(state, [peer], content.Again(tuple(out_nos)))
            state.store.inbox.asked(*sender, out_nos, state.server_ms)
            return True
        pause = state.postponed.get(FindBundle(*sender))
        if pause is None or pause.limited:
            return False  # the session comes with the prekeys
    state.store.inbox.asked(*sender, out_nos, state.server_ms)
    return False
