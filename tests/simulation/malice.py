"""What damage and a malicious server do to the frames on their way to a phone."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from onebar.core.frames import FLAG_SILENT, Deliver, Delivered, ServerFrame, Unreadable, decode_server, encode_message
from tests.simulation.faults import MALICE, Kind

if TYPE_CHECKING:
    from tests.simulation.phone import Phone

Frames = list[ServerFrame]


def tamper(phone: "Phone", data: bytes) -> bytes:
    """Let the waiting faults of this kind have their way with a message."""
    wanted = [fault for fault in phone.waiting if fault.kind in _DEEDS and fault.at_s <= phone.world.clock.now_s]
    if not wanted:
        return data
    frames: Frames = [frame for frame in decode_server(data) if not isinstance(frame, Unreadable)]
    for fault in wanted:
        if _DEEDS[fault.kind](phone, frames):
            phone.waiting.remove(fault)
            phone.world.fired(fault, phone)
            phone.deceived |= fault.kind in MALICE
    for frame in frames:
        if isinstance(frame, Deliver) and not frame.flags & FLAG_SILENT:
            phone.last_mail = frame
    return encode_message(frames)


def _mail(frames: Frames) -> list[tuple[int, Deliver]]:
    return [
        (place, frame)
        for place, frame in enumerate(frames)
        if isinstance(frame, Deliver) and not frame.flags & FLAG_SILENT
    ]


def _poison(_phone: "Phone", frames: Frames) -> bool:
    for place, frame in _mail(frames)[:1]:
        broken = bytes([*frame.ciphertext[:-1], frame.ciphertext[-1] ^ 1])
        frames[place] = msgspec.structs.replace(frame, ciphertext=broken)
        return True
    return False


def _withhold(_phone: "Phone", frames: Frames) -> bool:
    for place, frame in _mail(frames)[:1]:
        frames[place] = Delivered(frame.prev_seq, frame.seq, frame.account, frame.device, ())
        return True
    return False


def _replay(phone: "Phone", frames: Frames) -> bool:
    old = phone.last_mail
    for place, frame in _mail(frames)[:1]:
        if old is not None:
            frames[place] = msgspec.structs.replace(old, prev_seq=frame.prev_seq, seq=frame.seq)
        return old is not None
    return False


def _swap_sender(phone: "Phone", frames: Frames) -> bool:
    others = [other.engine.device for other in phone.world.phones if other is not phone]
    for place, frame in _mail(frames)[:1]:
        for other in others:
            if other.account and other.account != frame.account:
                frames[place] = msgspec.structs.replace(frame, account=other.account, device=other.device)
                return True
    return False


def _reorder(_phone: "Phone", frames: Frames) -> bool:
    mail = _mail(frames)
    if len(mail) < 2:
        return False
    (here, first), (there, second) = mail[:2]
    frames[here] = msgspec.structs.replace(second, prev_seq=first.prev_seq, seq=first.seq)
    frames[there] = msgspec.structs.replace(first, prev_seq=second.prev_seq, seq=second.seq)
    return True


_DEEDS: Final[dict[Kind, Callable[["Phone", Frames], bool]]] = {
    Kind.POISON: _poison,
    Kind.WITHHELD: _withhold,
    Kind.REPLAYED: _replay,
    Kind.SWAPPED_SENDER: _swap_sender,
    Kind.REORDERED: _reorder,
}
