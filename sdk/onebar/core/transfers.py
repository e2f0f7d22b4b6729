"""Files on their way: what to send and fetch next, how much at a time, and when to try again (docs/attachments.md).

The state machine of the transfers of one device. Nothing here waits or reads a file: it says what the driver is to do
next, one request of each lane at a time, and hears how that went. A text goes first: while an answer is owed on the
link, no piece begins, and pieces are as long as about a second of the network lasts.
"""

from collections.abc import Iterator
from typing import Final

from onebar.core import previews
from onebar.core.directory import ask
from onebar.core.errands import DOWN, TELL, UP, Errand, Request
from onebar.core.files import File
from onebar.core.questions import FindAccount, FindPhone
from onebar.core.records import Draft, Moving, Status, Trust
from onebar.core.state import DeviceState
from onebar.core.turn import Abort, Attention, CheckFile, Download, Hold, Inform, NetworkChanged, SetTransfer, Upload
from onebar.crypto.http_tokens import authorization
from onebar.errors import InputError
from onebar.events import MessageFailed
from onebar.models import MessageState, Standing, TransferState, TransferWish

PIECE_S: Final = 3.0
"""How long a piece takes to send at the measured rate: with shorter ones, a slow network's round trips would take half
of the time. It stops in the middle for a text."""


FETCH_S: Final = 4.0
"""How long a fetched piece takes: what comes in is kept however it ends, so a longer one costs nothing."""

STARVED_S: Final = 10.0
"""Where texts follow one another without a pause, a piece goes this often all the same: a file must arrive one day."""

STRAGGLER_S: Final = 30.0
"""A creation that was given up may still reach the server, and begin an upload anew: who ends one waits for so long, as
long as the driver waits for an answer."""

ROWS_MAX: Final = 256
"""Transfers that are looked at in a turn (R19): the server takes as many unfinished uploads."""

_STARTABLE: Final = frozenset({TransferState.OFFERED, TransferState.PAUSED, TransferState.FAILED})


# --- what happens ---------------------------------------------------------------------------------


def arrived(state: DeviceState, message_no: int, file: File) -> None:
    """A message brought a file: fetch it now, or when the user says so.

    From who is blocked, only then; from a stranger, only then or when the chat is accepted: nobody can spend the bytes
    of somebody who never wrote to them, or see by a download that the number is in use.
    """
    standing = state.store.standings.of(message_no)
    fits = file.secret.cipher_bytes <= _fetched_max(state)
    begin = TransferState.WAITING if fits and standing is Standing.ACCEPTED else TransferState.OFFERED
    if standing is Standing.BLOCKED:
        begin = TransferState.PAUSED
    state.store.attachments.add(message_no, previews.harmless(message_no, file), begin, outgoing=False)
    state.transfers.due = True


def accepted(state: DeviceState) -> None:
    """A chat that was a request is wanted: fetch what this network allows of what it brought."""
    state.store.attachments.fetch_up_to(_fetched_max(state))
    state.transfers.due = True


def take_hint(state: DeviceState, hint: NetworkChanged | Attention) -> None:
    """Begin again at once on the network that is there now, and fetch what it allows."""
    transfers = state.transfers
    if isinstance(hint, NetworkChanged):
        if hint.metered is not None:
            transfers.metered = hint.metered
            state.store.attachments.fetch_up_to(_fetched_max(state))
        _drop_all(state)
    transfers.until_s.clear()
    transfers.failures.clear()
    transfers.due = True


def _fetched_max(state: DeviceState) -> int:
    config = state.config
    return config.download_bytes_max_metered if state.transfers.metered else config.download_bytes_max


def wish(state: DeviceState, item: SetTransfer) -> None:
    """Pause, go on, or cancel, as the app says.

    Raises:
        InputError: It is too late, or the message has no file.
    """
    store, moving = state.store, state.store.attachments.moving(item.message_no)
    if moving is None:
        raise InputError(f"message {item.message_no} brings no file")
    if item.wish is TransferWish.CANCEL and moving.outgoing:
        ended = store.outbox.fail_draft(item.message_no, "cancelled")
        if not ended:
            raise InputError(f"message {item.message_no} was sent already, or has ended")
        state.tell(MessageFailed, item.message_no, f"{MessageState.UNDELIVERABLE} cancelled")
    elif item.wish is TransferWish.START:
        if moving.state in ({TransferState.PAUSED} if moving.outgoing else _STARTABLE):
            store.attachments.start(item.message_no)
    elif moving.state in {TransferState.WAITING, TransferState.OFFERED}:
        store.attachments.put_state(item.message_no, TransferState.PAUSED)
    transfers = state.transfers
    transfers.until_s.pop(item.message_no, None)
    for lane, errand in list(transfers.errands.items()) if item.wish is not TransferWish.START else ():
        if errand.message_no == item.message_no and not isinstance(errand.output, Inform):
            _drop(state, lane)
            if (
                item.wish is TransferWish.CANCEL
                and isinstance(errand.output, Upload)
                and errand.output.step == "create"
            ):
                transfers.until_s[item.message_no] = state.now.monotonic_s + STRAGGLER_S
    transfers.due = state.news = True


def covers(state: DeviceState, draft: Draft, devices: int) -> bool:
    """Return whether the server lets so many more devices fetch a message's file; if not, ask it for that first."""
    moving = state.store.attachments.moving(draft.message_no) if draft.attached else None
    if moving is None:
        return True
    missing = devices - (moving.granted - moving.used)
    if missing > 0 or moving.state is not TransferState.DONE:
        state.store.attachments.want(draft.message_no, max(0, missing))
        state.transfers.due = True
        return False
    return True


# --- what to do next ------------------------------------------------------------------------------


def advance(state: DeviceState) -> None:
    """Begin what may begin now, one request of each lane at a time."""
    transfers, now_s = state.transfers, state.now.monotonic_s
    if not transfers.due and not transfers.errands:
        return
    link = next(state.open_links(), None)
    if link is not None and transfers.link_no != link.link_no:
        _drop_all(state)  # a link that was replaced was in trouble, and so is every connection beside it
        transfers.link_no = link.link_no
    for lane, errand in list(transfers.errands.items()):
        if errand.late_s <= now_s:
            _drop(state, lane)
    if link is None or not state.confirmed or state.device.status is not Status.REGISTERED:
        return
    rows = state.store.attachments.active(ROWS_MAX)
    transfers.due = bool(rows)
    owed = state.device.out_no > state.device.floor or bool(link.requests) or bool(link.frames)
    if not owed or not rows:
        transfers.held_up_s = None
    elif transfers.held_up_s is None:
        transfers.held_up_s = now_s
    _hold(state)
    for moving in rows:
        if transfers.waits_until_s(moving) <= now_s:
            _begin(state, moving)


def busy(state: DeviceState) -> bool:
    """Whether something is on its way, or could be at once."""
    transfers, now_s = state.transfers, state.now.monotonic_s
    rows = state.store.attachments.active(ROWS_MAX) if transfers.due else []
    return bool(transfers.errands) or any(transfers.waits_until_s(row) <= now_s for row in rows)


def timers(state: DeviceState) -> Iterator[float]:
    """Return when to look again, in monotonic seconds."""
    transfers, now_s = state.transfers, state.now.monotonic_s
    yield from (errand.late_s for errand in transfers.errands.values())
    if transfers.due and next(state.open_links(), None) is not None:
        if transfers.held_up_s is not None and transfers.held_up_s + STARVED_S > now_s:
            yield transfers.held_up_s + STARVED_S
        yield from (at_s for at_s in (transfers.create_at_s, *transfers.until_s.values()) if at_s > now_s)


def _texts_first(state: DeviceState) -> bool:
    held_up_s = state.transfers.held_up_s
    return held_up_s is not None and state.now.monotonic_s < held_up_s + STARVED_S


def _hold(state: DeviceState) -> None:
    """Stop the upload that is on its way in the middle while a text waits, and go on afterwards."""
    errand, first, now_s = state.transfers.errands.get(UP), _texts_first(state), state.now.monotonic_s
    if errand is None or first == (errand.held_at_s is not None):
        return
    if errand.held_at_s is not None:
        errand.held_s += now_s - errand.held_at_s
    errand.held_at_s = now_s if first else None
    state.outputs.append(Hold(errand.request_no, first))


def _begin(state: DeviceState, moving: Moving) -> None:
    errands = state.transfers.errands
    if moving.notice or (moving.wanted and moving.state is TransferState.DONE):
        if TELL not in errands:
            _inform(state, moving)
    elif moving.state is not TransferState.WAITING or _texts_first(state):
        pass
    elif moving.outgoing and UP not in errands:
        _upload(state, moving)
    elif not moving.outgoing and DOWN not in errands:
        _download(state, moving)


def _inform(state: DeviceState, moving: Moving) -> None:
    blob = state.store.attachments.file(moving.message_no).blob.hex()
    what = moving.notice or "recipients"
    _run(state, TELL, moving, Inform(*_head(state, blob), what, moving.wanted))


def _upload(state: DeviceState, moving: Moving) -> None:
    """Ask how far it has come if that is not known, else send the next piece; the first one makes room for it."""
    transfers, expected = state.transfers, moving.granted - moving.used
    if not moving.begun:
        expected = _audience(state, moving)
        if not expected:
            return
        state.store.attachments.begin(moving.message_no, moving.used + expected)
    file = state.store.attachments.file(moving.message_no)
    offset = transfers.offsets.get(moving.message_no) if moving.begun else 0
    at = 0 if offset is None else offset
    size = 0 if offset is None else min(transfers.up.next_piece(PIECE_S), moving.total_bytes - at)
    step = "ask" if offset is None else "append" if moving.begun else "create"
    head = _head(state, file.blob.hex())
    pace = transfers.up.pace(size)
    _run(state, UP, moving, Upload(*head, step, file.digest, at, size, moving.total_bytes, expected, pace))


def _audience(state: DeviceState, moving: Moving) -> int:
    """Return how many devices are to fetch an upload; 0 while that is not known, and asked for."""
    if moving.wanted:
        return moving.wanted
    if not moving.account:
        ask(state, FindPhone(moving.phone))
        return 0
    contacts = state.store.contacts
    contact, peers = contacts.contact(moving.account), contacts.devices(moving.account)
    if contact is None or not contact.account_key or not peers:
        ask(state, FindAccount(moving.account))
        return 0
    own = [peer for peer in contacts.devices(state.device.account) if peer.device != state.device.device]
    return 0 if contact.trust is Trust.CHANGED else len(peers) + len(own)


def _download(state: DeviceState, moving: Moving) -> None:
    """Fetch the next piece, or look at the whole."""
    file = state.store.attachments.file(moving.message_no)
    if moving.done_bytes >= moving.total_bytes:
        _run(state, DOWN, moving, CheckFile(state.transfers.request_no + 1, file))
        return
    size = min(state.transfers.down.next_piece(FETCH_S), moving.total_bytes - moving.done_bytes)
    head = _head(state, file.blob.hex())
    _run(state, DOWN, moving, Download(*head, file.digest, moving.done_bytes, size, moving.total_bytes))


def _head(state: DeviceState, blob: str) -> tuple[int, str, str]:
    """Return what each request begins with: its number, the attachment's id, and who is asking."""
    device = state.device
    token = authorization(state.keys, state.config.host, device.account, device.device, state.server_ms)
    return state.transfers.request_no + 1, blob, token


def _run(state: DeviceState, lane: str, moving: Moving, output: Request) -> None:
    transfers = state.transfers
    transfers.request_no += 1
    transfers.errands[lane] = Errand(transfers.request_no, moving.message_no, output, state.now.monotonic_s)
    state.outputs.append(output)
    if transfers.held_up_s is not None and lane != TELL:
        transfers.held_up_s = state.now.monotonic_s


def _drop(state: DeviceState, lane: str) -> None:
    """Be done with a request: what became of it is not known."""
    errand = state.transfers.errands.pop(lane)
    state.transfers.offsets.pop(errand.message_no, None)
    state.outputs.append(Abort(errand.request_no))
    state.transfers.due = True


def _drop_all(state: DeviceState) -> None:
    """Be done with all requests and their connections."""
    transfers = state.transfers
    if transfers.request_no:
        state.outputs.append(Abort(0))
    transfers.errands.clear()
    transfers.offsets.clear()
    transfers.up.failed()
    transfers.down.failed()
    transfers.due = True
