"""What an app can say about the connection."""

from onebar.core.link_states import LinkState
from onebar.core.records import Status
from onebar.core.state import DeviceState
from onebar.models import LinkStatus, Reach

_NOT_REGISTERED = {
    Status.NEW: Reach.UNREGISTERED,
    Status.REPLACING: Reach.REPLACING,
    Status.REMOVED: Reach.REMOVED,
}


def status(state: DeviceState, timer_s: float | None, before: LinkStatus) -> LinkStatus:
    """Return the status after a turn.

    Args:
        state: The device.
        timer_s: When the next turn is due, in monotonic seconds; None: only when something happens.
        before: The status before it, for since when.
    """
    links = list(state.links.values())
    opened = next((link for link in links if link.state is LinkState.OPEN), None)
    reach = _NOT_REGISTERED.get(state.device.status)
    if reach is None:
        reach = Reach.OPEN if opened else Reach.CONNECTING if any(link.live for link in links) else Reach.WAITING
        if state.asleep and reach is Reach.WAITING:
            reach = Reach.SLEEPING
        if state.unknown:
            reach = Reach.UNKNOWN
    next_try_ms = None
    if reach in {Reach.WAITING, Reach.UNKNOWN} and timer_s is not None:
        next_try_ms = state.now.wall_ms + round((state.dial_at_s - state.now.monotonic_s) * 1000)
    return LinkStatus(
        reach,
        before.since_ms if before.state is reach and before.since_ms else state.now.wall_ms,
        None if state.path.round_trip_s is None else state.path.round_trip_s * 1000,
        next_try_ms,
        "" if opened else state.why,
        caught_up_ms=state.caught_up_ms,
        throughput_bps=None if state.path.bytes_per_s is None else round(state.path.bytes_per_s * 8),
    )
