"""How a request for a file went: it brought its transfer forward, ended it, or failed and is tried again."""

from typing import Final

from onebar.core import pace
from onebar.core.backoff import pause_s
from onebar.core.errands import Errand, Rate
from onebar.core.files import BLOB_BYTES
from onebar.core.records import Moving
from onebar.core.state import DeviceState
from onebar.core.turn import CheckFile, Download, Inform, TransferAnswer, Upload
from onebar.events import AttachmentFailed, AttachmentReceived, MessageFailed
from onebar.models import MessageState, TransferState

DAMAGED_MAX: Final = 2
"""How often a file that arrived damaged is fetched: the network may do it once, a server that does it does it again."""


def answered(state: DeviceState, item: TransferAnswer) -> None:
    """Go on after a request: it brought its transfer forward, ended it, or failed and is tried again."""
    transfers = state.transfers
    errands = [(lane, errand) for lane, errand in transfers.errands.items() if errand.request_no == item.request_no]
    if not errands:
        return  # it was dropped
    [(lane, errand)] = errands
    del transfers.errands[lane]
    transfers.due = state.news = True
    moving = state.store.attachments.moving(errand.message_no)
    if moving is None:
        return
    if item.limit:
        _put_off(state, moving, errand, item)
        return
    match errand.output:
        case Upload():
            _uploaded(state, moving, errand, item)
        case Download():
            _downloaded(state, moving, errand, item)
        case CheckFile():
            _checked(state, moving, item)
        case Inform():
            _informed(state, moving, errand.output, item)


def _uploaded(state: DeviceState, moving: Moving, errand: Errand, item: TransferAnswer) -> None:
    transfers, store = state.transfers, state.store.attachments
    assert isinstance(errand.output, Upload)
    if moving.state is TransferState.FAILED:
        return  # its message has expired meanwhile
    if not item.problem and 0 <= item.offset <= moving.total_bytes:
        took_s = state.now.monotonic_s - errand.since_s - errand.held_s
        _measure(state, transfers.up, errand.output.size, took_s, errand.output.bytes_per_s)
        transfers.offsets[moving.message_no] = item.offset
        _moved(state, moving, item.offset, errand.output.size / took_s if took_s > 0 else 0.0)
        if item.offset == moving.total_bytes:
            store.put_state(moving.message_no, TransferState.DONE)
            transfers.forget(moving.message_no)
        return
    transfers.offsets.pop(moving.message_no, None)
    if item.problem == "not_found":  # it has expired, or the server lost it
        store.restart(moving.message_no, None)
    elif item.problem == "id_taken" and errand.output.step == "create":
        store.restart(moving.message_no, state.entropy(BLOB_BYTES))
    elif item.problem in {"too_large", "file_lost"}:
        for message_no in state.store.outbox.fail_draft(moving.message_no, item.problem):
            state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} {item.problem}")
        store.put_state(moving.message_no, TransferState.FAILED, item.problem)
    elif item.problem != "wrong_offset":
        transfers.up.failed()
        _later(state, moving)


def _downloaded(state: DeviceState, moving: Moving, errand: Errand, item: TransferAnswer) -> None:
    assert isinstance(errand.output, Download)
    took_s, came = state.now.monotonic_s - errand.since_s, item.offset - errand.output.offset
    if 0 <= item.offset <= moving.total_bytes:
        _moved(state, moving, item.offset, max(0, came) / took_s if took_s > 0 else 0.0)
    if not item.problem:
        _measure(state, state.transfers.down, max(0, came), took_s)
    elif item.problem in {"not_found", "file_lost"}:
        _fetch_failed(state, moving, "gone" if item.problem == "not_found" else item.problem)
    else:
        state.transfers.down.failed()
        _later(state, moving)


def _checked(state: DeviceState, moving: Moving, item: TransferAnswer) -> None:
    store, damaged = state.store.attachments, state.transfers.damaged
    if not item.problem:
        store.put_state(moving.message_no, TransferState.DONE)
        state.transfers.forget(moving.message_no)
        store.put_notice(moving.message_no, "downloaded")
        state.tell(AttachmentReceived, moving.message_no)
    elif item.problem == "damaged" and damaged.get(moving.message_no, 0) + 1 < DAMAGED_MAX:
        damaged[moving.message_no] = damaged.get(moving.message_no, 0) + 1
        store.move(moving.message_no, 0, 0)
    else:
        _fetch_failed(state, moving, item.problem)
        if item.problem not in {"damaged", "file_lost"}:  # it came as it was sent, and nobody is to send it again
            store.put_notice(moving.message_no, "downloaded")


def _informed(state: DeviceState, moving: Moving, output: Inform, item: TransferAnswer) -> None:
    store = state.store.attachments
    if output.what == "recipients":
        if not item.problem:
            store.grant(moving.message_no, output.more)
        elif item.problem in {"not_found", "quota_exceeded"}:  # all have it, or it waited too long: once more, then
            store.restart(moving.message_no, state.entropy(BLOB_BYTES))
        else:
            _later(state, moving)
    elif item.problem in {"", "not_found"}:
        store.put_notice(moving.message_no, "")
    else:
        _later(state, moving)


def _fetch_failed(state: DeviceState, moving: Moving, reason: str) -> None:
    state.store.attachments.put_state(moving.message_no, TransferState.FAILED, reason)
    state.transfers.forget(moving.message_no)
    state.tell(AttachmentFailed, moving.message_no, reason)


def _measure(state: DeviceState, rate: Rate, size: int, took_s: float, pace: int = 0) -> None:
    if size:
        rate.measure(size, took_s, state.path.round_trip_s or 0.0, pace)


def _moved(state: DeviceState, moving: Moving, offset: int, bytes_per_s: float) -> None:
    """Note how far it is; who gets on is forgiven all failures."""
    if offset > moving.done_bytes:
        state.transfers.failures.pop(moving.message_no, None)
    rate = bytes_per_s if not moving.bytes_per_s else (3 * moving.bytes_per_s + bytes_per_s) / 4
    state.store.attachments.move(moving.message_no, offset, round(rate) if bytes_per_s else moving.bytes_per_s)


def _put_off(state: DeviceState, moving: Moving, errand: Errand, item: TransferAnswer) -> None:
    """The server takes it later, and says when; if it is a new upload, no other one is begun before that."""
    wait_s = min(item.retry_after_s, pace.WAIT_S_MAX)
    at_s = state.now.monotonic_s + wait_s
    if isinstance(errand.output, Upload) and errand.output.step == "create":
        state.store.attachments.restart(moving.message_no, None)
        state.transfers.create_at_s = at_s
    else:
        state.transfers.offsets.pop(moving.message_no, None)
        state.transfers.until_s[moving.message_no] = at_s
    pace.tell(state, item.limit, wait_s)


def _later(state: DeviceState, moving: Moving) -> None:
    """Try again after a pause, as links do (D8)."""
    transfers, config = state.transfers, state.config
    failures = transfers.failures.get(moving.message_no, 0)
    transfers.failures[moving.message_no] = failures + 1
    wait_s = pause_s(failures, config.backoff_s_min, config.backoff_s_max, state.entropy)
    transfers.until_s[moving.message_no] = state.now.monotonic_s + wait_s
