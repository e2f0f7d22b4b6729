"""The verdict on a Submit or Void, with its mark, notes and entries (docs/protocol.md §4, R1 to R5)."""

import hashlib

from onebar.core import frames
from onebar.core.frames import (
    FLAG_TOP_UP,
    HASH_BYTES,
    SUBMIT_BYTES_MAX,
    VOID_HASH,
    Note,
    Recipient,
    Submit,
    Void,
)
from onebar_mockserver.limits import ENTRY_OVERHEAD_BYTES, NOTES_BYTES_MAX
from onebar_mockserver.ports import FLAG_COUNTED, Broken, Entry, Judged, Kind, Rejection, Slowed
from onebar_mockserver.sqlite import blocks
from onebar_mockserver.sqlite.admission import slow_down
from onebar_mockserver.sqlite.batch import Batch, DeviceRow
from onebar_mockserver.sqlite.strangers import admit, note_written

Pairs = tuple[tuple[int, int], ...]


def judge(batch: Batch, sender: DeviceRow, frame: Submit | Void | Rejection) -> Judged | Slowed | Broken:
    """Give the number its one verdict, or answer it again, or ignore it (R1); or put it off, as if it had not come."""
    request = frame.submit if isinstance(frame, Rejection) else frame
    position = sender.position
    settle(batch, sender, request.floor)
    if request.out_no > position.mark + 1:
        return Judged(False, position.mark, ())
    if request.out_no == position.mark + 1:
        if position.notes_bytes > NOTES_BYTES_MAX:
            return Broken()
        note = _verdict(batch, sender, frame)
        if isinstance(note, Slowed):
            return note
        position.mark = request.out_no
        position.mark_hash = envelope_hash(request)
        if note is not None:
            _keep(batch, sender, note)
    return Judged(True, position.mark, tuple(batch.notes(sender).values()))


def envelope_hash(request: Submit | Void) -> bytes:
    """Return the hash that Welcome tells, so that an old copy of a database is recognised (R20)."""
    if isinstance(request, Void):
        return VOID_HASH
    return hashlib.sha256(request.recipients).digest()[:HASH_BYTES]


def settle(batch: Batch, sender: DeviceRow, floor: int) -> None:
    """Forget the notes up to the floor that the client reported (R3)."""
    position = sender.position
    floor = min(floor, position.mark)
    if floor <= position.floor:
        return
    position.floor = floor
    notes = batch.notes(sender)
    settled = [out_no for out_no in notes if out_no <= floor]
    for out_no in settled:
        position.notes_bytes -= len(frames.encode(notes.pop(out_no)))
    if settled:
        batch.connection.execute("DELETE FROM notes WHERE device = ? AND out_no <= ?", (sender.device, floor))


def _keep(batch: Batch, sender: DeviceRow, note: Note) -> None:
    encoded = frames.encode(note)
    batch.notes(sender)[note.out_no] = note
    sender.position.notes_bytes += len(encoded)
    batch.connection.execute("INSERT INTO notes VALUES (?, ?, ?)", (sender.device, note.out_no, encoded))


def _verdict(batch: Batch, sender: DeviceRow, frame: Submit | Void | Rejection) -> Note | Slowed | None:
    if isinstance(frame, Void):
        return None
    if isinstance(frame, Rejection):
        return Note(frame.submit.out_no, frame.reason)
    if memoryview(frame.recipients).nbytes > SUBMIT_BYTES_MAX:
        return Note(frame.out_no, "too_large")
    try:
        recipients = frames.decode_recipients(frame.recipients)
    except frames.MessageError:
        return Note(frame.out_no, "malformed")
    if _repeats(recipients):
        return Note(frame.out_no, "malformed")
    return _store(batch, sender, frame, recipients)


def _repeats(recipients: list[Recipient]) -> bool:
    """A device that is named twice would get the message twice, so the whole Submit is malformed."""
    accounts = [recipient.account for recipient in recipients if recipient.account]
    devices = _named(recipients)
    return len(set(accounts)) < len(accounts) or len(set(devices)) < len(devices)


def _store(batch: Batch, sender: DeviceRow, frame: Submit, recipients: list[Recipient]) -> Note | Slowed | None:
    recipients = _by_account(batch, recipients)
    present, removed = _present(batch, recipients)
    missing = () if frame.flags & FLAG_TOP_UP else _missing(batch, sender, recipients)
    if not present and not missing:
        gone = any(row.removed == "account_gone" for row in map(batch.device, _named(recipients)) if row is not None)
        return Note(frame.out_no, "account_gone" if gone else "no_recipients")
    slowed = slow_down(batch, sender, frame.out_no, {row.account for row, _ in present})
    if slowed is not None:
        return slowed
    shut = [row for row, _ in present if blocks.is_blocked(batch, sender, row)]
    for row in shut:
        blocks.withhold(batch, sender, row, frame.out_no, frame.flags)
    if shut:  # the sender sees what it would see if they were stored (R5)
        present = [(row, ciphertext) for row, ciphertext in present if row not in shut]
    full = [row for row, ciphertext in present if not _put(batch, sender, row, frame, ciphertext)]
    if present and len(full) == len(present):
        return Note(frame.out_no, "mailbox_full")
    note_written(batch, sender, {row.account for row, _ in present if row not in full}, frame.flags)
    for row in full:
        batch.notify(sender.device, row, frame.out_no, "mailbox_full")
    return Note(frame.out_no, "", missing, removed) if missing or removed else None


def _put(batch: Batch, sender: DeviceRow, row: DeviceRow, frame: Submit, ciphertext: bytes) -> bool:
    """Put an envelope into a mailbox, if it has room."""
    size = len(ciphertext) + ENTRY_OVERHEAD_BYTES
    if row.position.mailbox_bytes + size > batch.limits.mailbox_bytes_max:
        batch.buckets.refuse("mailbox_bytes_max")
        return False
    counted = admit(batch, sender, row, len(ciphertext))
    if counted is None:
        return False
    flags = frame.flags & (FLAG_COUNTED - 1) | counted
    entry = Entry(0, Kind.ENVELOPE, sender.account, sender.device, frame.out_no, batch.now_ms, flags, ciphertext)
    batch.append(row, entry)
    return True


def _named(recipients: list[Recipient]) -> list[int]:
    return [device for recipient in recipients for device, _ in recipient.envelopes]


def _by_account(batch: Batch, recipients: list[Recipient]) -> list[Recipient]:
    """Put devices that were named without their account under it; under 0 those that nobody ever had."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for account, envelopes in ((recipient.account, recipient.envelopes) for recipient in recipients):
        for device, ciphertext in envelopes:
            row = None if account else batch.device(device)
            found.setdefault(account or (row.account if row else 0), []).append((device, ciphertext))
        if account:
            found.setdefault(account, [])
    return [Recipient(account, tuple(envelopes)) for account, envelopes in found.items()]


def _present(batch: Batch, recipients: list[Recipient]) -> tuple[list[tuple[DeviceRow, bytes]], Pairs]:
    """Split what was named into devices in use and those that are gone (or never were that account's)."""
    present: list[tuple[DeviceRow, bytes]] = []
    removed: list[tuple[int, int]] = []
    for recipient in recipients:
        active = batch.active(recipient.account)
        for device, ciphertext in recipient.envelopes:
            row = batch.device(device) if device in active else None
            if row is None:
                removed.append((recipient.account, device))
            else:
                present.append((row, ciphertext))
    return present, tuple(removed)


def _missing(batch: Batch, sender: DeviceRow, recipients: list[Recipient]) -> Pairs:
    """Find the active devices of the named accounts that were left out (R4)."""
    return tuple(
        (recipient.account, device)
        for recipient in recipients
        for device in batch.active(recipient.account)
        if device != sender.device and device not in {named for named, _ in recipient.envelopes}
    )
