"""Is the link alive, and when must it be looked at again?

A link is doubted only by need: while an answer is owed and nothing at all is heard. An idle link is probed now and
then, so that a dead one is noticed and the network's address translation stays open.
"""

import enum

from onebar.config import Config
from onebar.core.link import Link
from onebar.core.link_states import LinkState


class Due(enum.Enum):
    """What a link needs when its time comes."""

    GIVE_UP = "give up"
    """No answer came in time: replace it."""
    PROBE = "probe"
    """It has been idle for long: send a Ping."""


def next_due(link: Link, config: Config) -> tuple[float, Due]:
    """Return when the link must be looked at, in monotonic seconds, and what for."""
    if link.state in {LinkState.DIALING, LinkState.GREETING}:
        return link.dialed_at_s + config.welcome_timeout_s, Due.GIVE_UP
    if link.owed_at_s is not None:
        return max(link.heard_at_s, link.owed_at_s) + config.answer_timeout_s, Due.GIVE_UP
    return link.heard_at_s + config.keepalive_s, Due.PROBE


def note_answer(link: Link, now_s: float) -> None:
    """Measure the round trip by an answer: a Welcome, a verdict, a response or a pong."""
    if link.asked_at_s is None:
        return
    sample_s = now_s - link.asked_at_s
    link.asked_at_s = None
    link.round_trip_s = sample_s if link.round_trip_s is None else link.round_trip_s * 7 / 8 + sample_s / 8


def note_owed(link: Link, floor: int, now_s: float) -> None:
    """Note whether an answer is owed on this link: a verdict, a response, or a pong."""
    owed = link.position > floor or bool(link.requests) or link.ping_no > link.pong_no
    if not owed:
        link.owed_at_s = None
    elif link.owed_at_s is None:
        link.owed_at_s = link.asked_at_s = now_s
