"""The quiet line about the network."""

from dataclasses import dataclass
from typing import Final

from onebar.models import LinkStatus, Reach
from onebar_app.words import Words

PATIENCE_MS: Final = 1_500
"""How long a connection may take before it is mentioned: most are quicker, and a line that flickers worries."""


@dataclass(frozen=True, slots=True)
class Banner:
    """What it says."""

    text: str
    action: str = ""
    """What a tap does, in words: `try now`; empty: nothing."""


def banner(link: LinkStatus, now_ms: int, words: Words) -> Banner | None:
    """Return what to say of the connection, or nothing while there is nothing to worry about."""
    if link.state in {Reach.OPEN, Reach.SLEEPING, Reach.ELSEWHERE, Reach.UNREGISTERED}:
        return None
    if link.portal:
        return Banner(words("net_portal"), words("net_try"))
    if link.state is Reach.REMOVED:
        return Banner(words("net_removed"))
    if link.state is Reach.UNKNOWN:
        return Banner(words("net_unknown"), words("net_try"))
    if link.state is Reach.WAITING:
        if link.next_try_ms is None:
            just_begun = now_ms - link.since_ms < PATIENCE_MS  # as the app starts
            return None if just_begun else Banner(words("net_waiting"), words("net_try"))
        left_s = max(0, -((now_ms - link.next_try_ms) // 1000))
        return Banner(words("net_waiting_s", count=left_s), words("net_try"))
    if now_ms - link.since_ms < PATIENCE_MS:
        return None
    return Banner(words("net_connecting"))
