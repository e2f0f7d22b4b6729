"""Is a link alive, and when must it be looked at again?

A link is doubted only by need: while an answer is owed and nothing at all is heard. Then another one is started beside
it, after a time that the network has shown to be enough (R16). An idle link is probed now and then, so that a dead one
is noticed and the network's address translation stays open.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from onebar.config import Config
from onebar.core.link import Link
from onebar.core.link_states import LinkState

PATIENCE_S_MIN: Final = 1.0
"""The least time for an answer (R16): a lost segment of a small message costs a round trip and 230 ms, two cost a
second."""

PATIENCE_ROUND_TRIPS: Final = 3
"""An answer may take this many round trips (R16): the first retransmission comes after one and a bit."""

ROUND_TRIP_S_UNKNOWN: Final = 1.0
"""Taken until the first is measured: the slowest networks in use have 1.3 s."""

DIAL_ROUND_TRIPS: Final = 4
"""TCP, TLS 1.3, the upgrade, and one more for the server: a dial takes so many round trips, an answer one."""

ATTEMPT_ROUND_TRIPS: Final = 2
"""TCP takes one, TLS 1.3 another: a way that works needs no second attempt beside it."""

BYTES_PER_S_UNKNOWN: Final = 2_000.0
"""Taken until the throughput is measured: 16 kbit/s, the uplink of a rural 2G cell."""

SAMPLE_S_MAX: Final = 30.0
"""What took longer was measured by a phone that slept meanwhile, and says nothing of the network: with it, a link that
died in that sleep would be waited for as long again (by then any other link has been given up)."""

SAMPLE_BYTES_MIN: Final = 2_048
"""Fewer bytes say more about the round trip than about the throughput."""

DOUBLINGS_MAX: Final = 6
"""Useless hedges double a link's patience up to 64 times: a minute at least, by when it is given up anyway."""


class Due(enum.Enum):
    """What a link needs when its time comes."""

    GIVE_UP = "give up"
    """No answer came in time: be done with it."""
    HEDGE = "hedge"
    """It owes an answer and is silent: start another one beside it."""
    PROBE = "probe"
    """It has been idle for long: send a Ping."""


@dataclass(frozen=True, slots=True)
class Path:
    """What was measured of the way to the server, on all links of one network."""

    round_trip_s: float | None = None
    """Smoothed (RFC 6298 §2: a new sample counts one eighth)."""
    bytes_per_s: float | None = None
    """Throughput of what was sent, smoothed; a lower bound, because the answer's way is in it."""

    def answered(self, sample_s: float) -> "Path":
        """Return the path after an answer that took this long."""
        if sample_s > SAMPLE_S_MAX:
            return self
        before_s = self.round_trip_s
        return replace(self, round_trip_s=sample_s if before_s is None else before_s * 7 / 8 + sample_s / 8)

    def carried(self, size: int, sample_s: float) -> "Path":
        """Return the path after it has carried bytes in this time."""
        if size < SAMPLE_BYTES_MIN or not 0 < sample_s <= SAMPLE_S_MAX:
            return self
        sample, before = size / sample_s, self.bytes_per_s
        return replace(self, bytes_per_s=sample if before is None else before * 3 / 4 + sample / 4)

    @property
    def again_s(self) -> float:
        """How long an attempt at TCP and TLS may be silent before a fresh one begins beside it."""
        return max(PATIENCE_S_MIN, ATTEMPT_ROUND_TRIPS * (self.round_trip_s or 0.0))

    @property
    def answer_s(self) -> float:
        """How long an answer may take."""
        return max(PATIENCE_S_MIN, PATIENCE_ROUND_TRIPS * self._round_trip_s)

    @property
    def dial_s(self) -> float:
        """How long a dial may take, with its answer."""
        return self.answer_s + DIAL_ROUND_TRIPS * self._round_trip_s

    @property
    def _round_trip_s(self) -> float:
        return ROUND_TRIP_S_UNKNOWN if self.round_trip_s is None else self.round_trip_s

    def patience_s(self, link: Link) -> float:
        """Return how long a link may be silent while it owes an answer (R16)."""
        answer_s = self.dial_s if link.state in {LinkState.DIALING, LinkState.GREETING} else self.answer_s
        carried_s = link.unacked_bytes / (self.bytes_per_s or BYTES_PER_S_UNKNOWN)
        return float((answer_s + carried_s) * 2 ** min(link.useless, DOUBLINGS_MAX))


def next_due(link: Link, path: Path, config: Config, idle_s: float, *, hedged: bool) -> tuple[float, Due]:
    """Return when the link must be looked at, in monotonic seconds, and what for.

    Args:
        link: The link.
        path: What was measured of the way.
        config: The device's settings.
        idle_s: How long this link may be idle.
        hedged: Whether another link was started beside this one already.
    """
    dialing = link.state in {LinkState.DIALING, LinkState.GREETING}
    if not dialing and link.owed_at_s is None:
        return link.heard_at_s + idle_s, Due.PROBE
    patience_s = path.patience_s(link)
    if dialing or link.owed_at_s is None:
        since_s, timeout_s = link.dialed_at_s, config.welcome_timeout_s
    else:
        since_s = max(link.heard_at_s, link.owed_at_s)
        timeout_s = max(config.answer_timeout_s, 2 * patience_s)
    if hedged or patience_s >= timeout_s:
        return since_s + timeout_s, Due.GIVE_UP
    return since_s + patience_s, Due.HEDGE


def probe_after_s(link: Link, attentive_s: Sequence[float], keepalive_s: float) -> float:
    """Return how long a link may be idle before it is probed: at first so long, then longer and longer."""
    return min(attentive_s[link.probes], keepalive_s) if link.probes < len(attentive_s) else keepalive_s


def note_answer(link: Link, path: Path, now_s: float) -> Path:
    """Measure the round trip by an answer: a verdict, a response or a pong."""
    if link.asked_at_s is None:
        return path
    sample_s, link.asked_at_s = now_s - link.asked_at_s, None
    return path.answered(sample_s)


def note_owed(link: Link, path: Path, floor: int, now_s: float) -> Path:
    """Note whether an answer is owed on this link: a verdict, a response, or a pong; and what it has carried."""
    size = link.settle(floor)
    if size and link.state is LinkState.OPEN:
        path = path.carried(size, now_s - link.carrying_at_s)
        link.carrying_at_s = now_s
    asked = link.position > floor or bool(link.requests)
    owed = asked or link.ping_no > link.pong_no
    if asked:
        link.probes = 0
    if not owed:
        link.owed_at_s = None
    elif link.owed_at_s is None:
        link.owed_at_s = link.carrying_at_s = now_s
        link.asked_at_s = now_s if link.state is LinkState.OPEN else None  # a dial takes more than one round trip
    return path
