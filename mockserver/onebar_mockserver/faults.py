"""Faults on request: what a weak network or a broken server would do, scripted by a test."""

from typing import NamedTuple

import msgspec

from onebar.core.frames import Accepted, Deliver, MessageError, Response, ServerFrame, decode_as, encode
from onebar.core.questions import Bundle


class Shaped(NamedTuple):
    """What the faults left of a message: its frames, whether the link is cut behind them, and its delay."""

    frames: list[ServerFrame]
    cut: bool
    delay_s: float


class Faults:
    """The script of a running server. Each call adds to what is due; what has happened often enough is over."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """End every fault."""
        self._acks = 0
        self._delivers = 0
        self._twice = 0
        self._corrupt = 0
        self._one_time = 0
        self._refusals = 0
        self._delay_s = 0.0
        self._cut_after: int | None = None

    def drop_acks(self, count: int = 1) -> None:
        """Cut the link in place of the next `count` Accepted frames, each with the whole message that holds it.

        The verdict is committed, but the sender cannot know.
        """
        self._acks += count

    def drop_delivers(self, count: int = 1) -> None:
        """Leave out the next `count` envelopes but none of what follows, so that the reader sees a hole."""
        self._delivers += count

    def deliver_twice(self, count: int = 1) -> None:
        """Send each of the next `count` envelopes twice, the very same frame."""
        self._twice += count

    def corrupt_envelopes(self, count: int = 1) -> None:
        """Flip one bit in the ciphertext of the next `count` envelopes on their way; the mailbox keeps them intact."""
        self._corrupt += count

    def drop_one_time(self, count: int = 1) -> None:
        """Leave the one-time prekeys out of the next `count` bundles, as if none were left; they are spent."""
        self._one_time += count

    def refuse(self, count: int = 1) -> None:
        """Answer the next `count` requests, upgrades included, with 503."""
        self._refusals += count

    def delay_outputs(self, delay_s: float) -> None:
        """Hold back all that links are told by this many seconds, in order, until told otherwise (0 ends it)."""
        self._delay_s = delay_s

    def cut_after(self, count: int) -> None:
        """Cut the link that sends the server's `count`-th frame from now on, right after that frame; once."""
        self._cut_after = count

    def take_refusal(self) -> bool:
        """Tell whether this request is to be answered with 503. For the server's own use."""
        if self._refusals == 0:
            return False
        self._refusals -= 1
        return True

    def shape(self, frames: list[ServerFrame]) -> Shaped:
        """Return what becomes of a message to a client. For the server's own use."""
        shaped: list[ServerFrame] = []
        for frame in frames:
            if isinstance(frame, Accepted) and self._acks:
                self._acks -= 1
                return Shaped([], True, self._delay_s)
            if isinstance(frame, Deliver):
                shaped.extend(self._shape_envelope(frame))
            elif isinstance(frame, Response) and self._one_time:
                shaped.append(self._shape_response(frame))
            else:
                shaped.append(frame)
            if self._cut_after is not None:
                self._cut_after -= 1
                if self._cut_after <= 0:
                    self._cut_after = None
                    return Shaped(shaped, True, self._delay_s)
        return Shaped(shaped, False, self._delay_s)

    def _shape_envelope(self, frame: Deliver) -> list[ServerFrame]:
        if self._delivers:
            self._delivers -= 1
            return []
        if self._corrupt:
            self._corrupt -= 1
            flipped = frame.ciphertext[:-1] + bytes([frame.ciphertext[-1] ^ 1]) if frame.ciphertext else b"\0"
            frame = msgspec.structs.replace(frame, ciphertext=flipped)
        if self._twice:
            self._twice -= 1
            return [frame, frame]
        return [frame]

    def _shape_response(self, frame: Response) -> Response:
        try:
            bundle = decode_as(Bundle, frame.result)
        except MessageError:  # no other result begins with bytes
            return frame
        self._one_time -= 1
        return msgspec.structs.replace(frame, result=msgspec.Raw(encode(Bundle(bundle.signed))))
