"""Keeping within the server's rates, and waiting where it says so (docs/protocol.md §8)."""

from typing import Final

from onebar.core.frames import Limits, Slow
from onebar.core.link import Link
from onebar.core.questions import FindAccount, FindBundle, FindPhone, Question
from onebar.core.rates import Rate, after_one, wait_s
from onebar.core.records import Draft
from onebar.core.state import DeviceState
from onebar.core.turn import LinkLost
from onebar.events import RateLimited

WAIT_S_MAX: Final = 3600.0
"""The longest wait that a server can ask for: its own longest is 15 minutes, and a hostile one must not silence us."""

TELL_AGAIN_S: Final = 60.0
"""The app hears of one limit once a minute: a long line of messages meets it with each one."""

MESSAGES: Final = "messages"
"""The name of the limit that we keep to before we seal."""

PACES_MAX: Final = 1_000
"""Most chats whose pace is remembered: those that were written to in the last minute, and some more."""


def announced(state: DeviceState, limits: Limits) -> None:
    """Learn how many envelopes for one account the server takes."""
    known = limits.messages_max > 0 and limits.messages_refill_ms > 0
    state.pace = Rate(limits.messages_max, limits.messages_refill_ms / 1000) if known else None


def may_seal(state: DeviceState, draft: Draft) -> bool:
    """Return whether a chat's next message may be sealed; if not, let the chat rest until then."""
    if state.pace is None:
        return True
    now_s = state.now.monotonic_s
    wait = wait_s(state.pace, state.paces.get(draft.account, 0.0), now_s)
    if wait <= 0:
        return True
    state.resting[draft.phone] = now_s + min(wait, WAIT_S_MAX)
    tell(state, MESSAGES, wait)
    return False


def rest(state: DeviceState, draft: Draft) -> None:
    """Let a chat rest whose keys the server does not give out now: it costs the others neither time nor room."""
    for question, pause in state.postponed.items():
        if pause.limited and pause.until_s > state.now.monotonic_s and _is_about(question, draft):
            state.resting[draft.phone] = pause.until_s


def resting(state: DeviceState) -> set[str]:
    """Return the chats that still rest, by phone number."""
    if state.resting:
        now_s = state.now.monotonic_s
        state.resting = {phone: until_s for phone, until_s in state.resting.items() if until_s > now_s}
    return set(state.resting)


def _is_about(question: Question, draft: Draft) -> bool:
    if isinstance(question, FindPhone):
        return question.phone == draft.phone
    return isinstance(question, FindAccount | FindBundle) and question.account == draft.account


def sealed(state: DeviceState, account: int) -> None:
    """Count an envelope for an account."""
    if state.pace is None or account == state.device.account:
        return
    now_s = state.now.monotonic_s
    if len(state.paces) >= PACES_MAX:
        state.paces = {who: full_at_s for who, full_at_s in state.paces.items() if full_at_s > now_s}
    state.paces[account] = after_one(state.pace, state.paces.get(account, 0.0), now_s)


def slowed(state: DeviceState, link: Link, frame: Slow) -> None:
    """The server has put a number off: it and those behind it are sent again after the wait, first one, then more."""
    if frame.out_no <= state.device.floor:
        return
    wait = min(frame.wait_ms / 1000, WAIT_S_MAX)
    link.put_back(frame.out_no)
    state.slow_until_s = state.now.monotonic_s + wait
    state.burst = 1
    tell(state, frame.limit, wait)


def turned_away(state: DeviceState, lost: LinkLost) -> None:
    """The server takes no connection from this network for now: dial after the wait it gave, and no earlier."""
    if lost.limit:
        wait = min(lost.retry_after_s, WAIT_S_MAX)
        state.dial_at_s = max(state.dial_at_s, state.now.monotonic_s + wait)
        tell(state, lost.limit, wait)


def sendable(state: DeviceState) -> int:
    """Return the highest number that may be on its way now."""
    if state.slow_until_s > state.now.monotonic_s:
        return state.device.floor
    return state.device.floor + min(state.window, state.burst)


def judged(state: DeviceState) -> None:
    """The server goes on: twice as much may be on its way."""
    state.burst = min(2 * state.burst, state.window)


def tell(state: DeviceState, limit: str, wait: float) -> None:
    """Tell the app which limit it met and until when, but not with each message."""
    now_s = state.now.monotonic_s
    if state.told.get(limit, now_s) > now_s:
        return
    state.told[limit] = now_s + max(wait, TELL_AGAIN_S)
    state.tell(RateLimited, detail=f"{limit} {state.now.wall_ms + round(wait * 1000)}")


def due_s(state: DeviceState) -> list[float]:
    """Return when something that waits here can go on, in monotonic seconds."""
    return [at_s for at_s in (state.slow_until_s, *state.resting.values()) if at_s > state.now.monotonic_s]
