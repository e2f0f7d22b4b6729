"""What the server says, frame by frame."""

import logging
from typing import Final

from onebar.core import dialing, directory, inbox, orders, outbox, pace, publishing, push, resume, sealing, trust
from onebar.core.backoff import fraction
from onebar.core.frames import (
    Accepted,
    CaughtUp,
    Deliver,
    Delivered,
    Dropped,
    FlightWanted,
    GoAway,
    Pong,
    Refused,
    Response,
    ServerFrame,
    Slow,
    Undelivered,
    Welcome,
    describe,
)
from onebar.core.link import Link
from onebar.core.link_states import LinkState, LinkTrigger
from onebar.core.liveness import note_answer
from onebar.core.questions import (
    AccountInfo,
    AddDevice,
    Bundle,
    FindAccount,
    FindBundle,
    FindDevice,
    FindPhone,
    Publish,
    RegisterPush,
)
from onebar.core.state import DeviceState
from onebar.core.turn import Transmit
from onebar.errors import RemoteProtocolError

_log = logging.getLogger("onebar")

GO_AWAY_MS_MAX: Final = 30_000
"""The longest slot that a GoAway can give: no pause in the foreground is longer (D8)."""


def hear(state: DeviceState, link: Link, frame: ServerFrame) -> None:
    """Let one frame of the server take effect.

    Raises:
        RemoteProtocolError: It does not fit here; the link must go.
    """
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("< link %d: %s", link.link_no, describe(frame))
    if isinstance(frame, Accepted | Response | Pong | Slow):
        state.path = note_answer(link, state.path, state.now.monotonic_s)
    _take_effect(state, link, frame)
    if isinstance(frame, Accepted | Response | Pong | Slow):
        dialing.answered(state, link)
    elif isinstance(frame, Welcome) and link.state is LinkState.OPEN:
        dialing.won(state, link)


def _take_effect(state: DeviceState, link: Link, frame: ServerFrame) -> None:
    match frame:
        case Welcome():
            resume.welcomed(state, link, frame)
        case Refused():
            resume.refused(state, link, frame)
        case FlightWanted() if link.state is LinkState.GREETING:
            state.outputs.append(Transmit(link.link_no, link.flight))
        case GoAway():
            _go_away(state, link, frame)
        case _ if link.state not in {LinkState.OPEN, LinkState.DRAINING}:
            raise RemoteProtocolError(f"{type(frame).__name__} before Welcome")
        case Accepted() | Slow():
            _verdict(state, link, frame)
        case Deliver() | Delivered() | Undelivered() | Dropped():
            inbox.take(state, link, frame)
        case Response():
            _response(state, link, frame)
        case Pong() | CaughtUp():
            _note(link, frame)


def _note(link: Link, frame: Pong | CaughtUp) -> None:
    if isinstance(frame, Pong):
        link.pong_no = max(link.pong_no, frame.nonce)
    else:
        link.caught_up = True


def _verdict(state: DeviceState, link: Link, frame: Accepted | Slow) -> None:
    if isinstance(frame, Slow):
        pace.slowed(state, link, frame)
    else:
        outbox.apply_verdicts(state, frame.mark, frame.notes)


def _go_away(state: DeviceState, link: Link, frame: GoAway) -> None:
    """Wait for a random slot; the first third is for devices with mail to send (R17)."""
    waiting, now_s = state.mail_waits, state.now.monotonic_s
    drawn, within_s = fraction(state.entropy), min(frame.within_ms, GO_AWAY_MS_MAX) / 1000
    share = drawn / 3 if waiting else 1 / 3 + drawn * 2 / 3
    state.dial_at_s = now_s + within_s * share
    state.slot = None if waiting else (state.dial_at_s, now_s + within_s * drawn / 3)
    state.slots_end_s = now_s + within_s / 3, now_s + within_s
    link.trigger(LinkTrigger.GO_AWAY)


def _response(state: DeviceState, link: Link, frame: Response) -> None:
    question = directory.answered(link, frame.no)
    if frame.error == directory.RATE_LIMITED:
        limited = directory.limited(frame)
        wait_s = min(limited.wait_ms / 1000, pace.WAIT_S_MAX)
        state.postpone(question, wait_s)
        pace.tell(state, limited.limit, wait_s)
        return
    match question:
        case FindPhone() | FindAccount() | FindDevice():
            info = directory.result(frame, AccountInfo)
            if info is not None:
                trust.learn(state, question, info)
            outbox.learned(state, question, found=info is not None)
            inbox.learned(state, link, question)
        case FindBundle():
            sealing.begin(state, question, directory.result(frame, Bundle))
        case Publish():
            publishing.published(state, question, frame)
        case RegisterPush():
            push.answered(state, question, frame)
        case AddDevice():
            publishing.added(state, question, frame)
        case _:
            orders.answered(state, question, frame)
