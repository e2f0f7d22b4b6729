"""The states of one link, as a table; docs/pictures/link_states.svg is drawn from it.

Two rules. Everything about a link's state that other modules may branch on is here. A pair of state and trigger that
the table does not have cannot happen: it is a defect, and raises.
"""

import enum
from typing import Final

from onebar.errors import RemoteProtocolError


class LinkState(enum.Enum):
    """Where a link stands."""

    DIALING = "dialing"
    """The connection number is committed and the driver connects; the flight rides in the upgrade request."""
    GREETING = "greeting"
    """The WebSocket is open; the Welcome has not come."""
    OPEN = "open"
    """Welcomed: mail goes both ways."""
    DRAINING = "draining"
    """The server said GoAway: what it still answers counts, nothing new is sent."""
    CLOSED = "closed"
    """Over. A link is never used again."""

    __hash__ = object.__hash__  # a member is only itself; enum's own hash is a call in Python, fifty of them in a turn


class LinkTrigger(enum.Enum):
    """What moves a link from one state to another."""

    CONNECTED = "connected"
    """The upgrade was answered with 101."""
    WELCOMED = "Welcome"
    """The server's Welcome came, and matches this database."""
    GO_AWAY = "GoAway"
    """The server will close soon."""
    REFUSED = "Refused"
    """The server will not have this link."""
    TIMED_OUT = "timed out"
    """An answer that was due did not come."""
    LOST = "lost"
    """The connection failed or was closed by either side."""


_END: Final = {
    LinkTrigger.REFUSED: LinkState.CLOSED,
    LinkTrigger.TIMED_OUT: LinkState.CLOSED,
    LinkTrigger.LOST: LinkState.CLOSED,
}

TRANSITIONS: Final[dict[LinkState, dict[LinkTrigger, LinkState]]] = {
    LinkState.DIALING: {LinkTrigger.CONNECTED: LinkState.GREETING, **_END},
    LinkState.GREETING: {
        LinkTrigger.WELCOMED: LinkState.OPEN,
        LinkTrigger.GO_AWAY: LinkState.DRAINING,
        **_END,
    },
    LinkState.OPEN: {LinkTrigger.GO_AWAY: LinkState.DRAINING, **_END},
    LinkState.DRAINING: {LinkTrigger.GO_AWAY: LinkState.DRAINING, **_END},
    LinkState.CLOSED: {},
}
"""Every transition there is."""


def advance(state: LinkState, trigger: LinkTrigger) -> LinkState:
    """Return the state after a trigger.

    Raises:
        RemoteProtocolError: The table has no such transition: the peer said something at the wrong time.
    """
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise RemoteProtocolError(f"{trigger.value} does not fit a link that is {state.value}") from None
