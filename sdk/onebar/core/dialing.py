"""When to dial, to hedge, to probe, to give up, and to sleep (R16, R17)."""

import logging
from typing import Final

from onebar.core import resume, transfers
from onebar.core.frames import Ping
from onebar.core.keepalive import Networks
from onebar.core.link import Link
from onebar.core.link_states import LinkState, LinkTrigger
from onebar.core.liveness import Due, Path, next_due, note_owed, probe_after_s
from onebar.core.records import Status
from onebar.core.state import DeviceState
from onebar.core.turn import Attention, NetworkChanged

_log = logging.getLogger("onebar")

LINKS_MAX: Final = 3
"""Most links at once: the one in use, one that may be dead, and one beside them."""

NEVER: Final = float("inf")
"""A time that does not come."""


def take_hint(state: DeviceState, hint: NetworkChanged | Attention) -> None:
    """Do what the phone's system has told the app."""
    if isinstance(hint, NetworkChanged):
        _network_changed(state, hint)
    else:
        _attention(state, hint)


def _network_changed(state: DeviceState, change: NetworkChanged) -> None:
    """Dial at once, beside the links that are there: one of them may be dead, and any may win (R17).

    Where they are too many, a dial that took too long makes room: it began without a signal, and sleeps until TCP's
    next try. One that began a moment ago stays, however many hints there are, or none would ever succeed.
    """
    now_s, takes_s = state.now.monotonic_s, state.path.dial_s
    silent = [link for link in state.links.values() if link.state is LinkState.DIALING]
    late = [link for link in silent if now_s - link.dialed_at_s >= takes_s]
    if change.network != state.network or not change.network:
        state.path, state.network, state.keepalive_s = Path(), change.network, None
    if change.offline:  # a hint may be wrong: what still works goes on, and the next try is as late as any
        state.why = "this device has no network"
        state.dial_at_s = state.now.monotonic_s + state.config.backoff_s_max
        return
    state.asleep = False
    _try_now(state)
    if len(state.links) >= LINKS_MAX and late:
        state.hang(late[0])
    if len(state.links) < LINKS_MAX:
        _dial(state, None)


def _attention(state: DeviceState, change: Attention) -> None:
    """Look after the link at once when somebody looks at the app; in the background, fetch what waits and sleep."""
    state.foreground, state.asleep = change.foreground, False
    _try_now(state)
    for link in state.open_links():
        if link.owed_at_s is None:
            _probe(state, link)


def _try_now(state: DeviceState) -> None:
    state.failures, state.dial_at_s, state.bare, state.unwelcomed = 0, state.now.monotonic_s, False, 0
    state.slots_end_s = 0.0, 0.0
    if state.replace_at_s != NEVER:
        state.replace_at_s = state.now.monotonic_s


def answered(state: DeviceState, link: Link) -> None:
    """An answer on a link makes those useless that were dialed because it was silent (R16)."""
    state.unwelcomed = 0
    if link.probed_idle_s and link.pong_no >= link.ping_no:
        _learn(state, link, survived=True)
    for hedge in [other for other in state.links.values() if other.hedges == link.link_no]:
        if hedge.state is not LinkState.OPEN:
            link.useless += 1
            state.hang(hedge)


def won(state: DeviceState, link: Link) -> None:
    """The first link welcomed wins: close the others (R3). One that it hedged was dead, perhaps because it was idle."""
    state.unwelcomed = link.useless = 0
    state.slots_end_s = 0.0, 0.0
    for other in [other for other in state.links.values() if other is not link]:
        if other.link_no == link.hedges:
            if other.probed_idle_s >= keepalive_s(state):
                _learn(state, other, survived=False)
            state.after(other)
        state.hang(other)


def _learn(state: DeviceState, link: Link, *, survived: bool) -> None:
    """Note whether a link has survived its idleness on this network."""
    networks = Networks(state.device.networks)
    idle_s = link.probed_idle_s if survived else keepalive_s(state)  # a timer may be late, and must not be blamed
    known = networks[state.network]
    now_known = known.survived(idle_s) if survived else known.forgot(idle_s, state.now.wall_ms)
    link.probed_idle_s = 0.0
    if now_known != known:
        state.change(networks=networks.changed(state.network, now_known))
        state.keepalive_s = None


def look_after(state: DeviceState) -> None:
    """Probe the links that are idle, and give up those that stay silent."""
    now_s = state.now.monotonic_s
    for link in list(state.links.values()):
        state.path = note_owed(link, state.path, state.device.floor, now_s)
        due_s, due = _next_due(state, link)
        if due_s <= now_s and due is Due.GIVE_UP:
            _log.info("= link %d: no answer in time", link.link_no)
            state.why = "no answer in time"
            state.drop(link, LinkTrigger.TIMED_OUT)
        elif due_s <= now_s and due is Due.PROBE:
            _probe(state, link)


def dial_if_due(state: DeviceState) -> None:
    """Dial if no link is left, or another one beside the newest if that one is silent."""
    if _dial_due(state) <= state.now.monotonic_s:
        newest = _newest(state)
        if newest is None or newest.state is not LinkState.OPEN:
            _dial(state, None if newest is None else newest.hedges)
        else:
            _dial(state, newest.link_no)


def hurry(state: DeviceState) -> None:
    """Our user has said something: of a GoAway, take the slot that a device with mail would have had (R17).

    If that is over, now: people type a few texts a minute, and are no storm.
    """
    if state.slot is not None and state.dial_at_s == state.slot[0]:
        state.dial_at_s = max(state.now.monotonic_s, state.slot[1])
    state.slot = None


def rest(state: DeviceState) -> None:
    """In the background, be done once everything is fetched and sent: a sleeping radio needs no link."""
    if state.foreground or _busy(state):
        return
    opened = next(state.open_links(), None)
    if opened is not None and opened.caught_up and not opened.frames and not opened.held and _quiet(state, opened):
        state.drop_all()
        state.asleep = True


def _quiet(state: DeviceState, link: Link) -> bool:
    """Whether nothing is owed on a link, in either direction."""
    told = link.acked >= state.device.cursor or not link.received_seq
    return link.owed_at_s is None and not state.publish_due and told


def _busy(state: DeviceState) -> bool:
    """Whether this device has something to say."""
    return state.mail_waits or transfers.busy(state)


def timer_s(state: DeviceState) -> list[float]:
    """Return when something of this is due, in monotonic seconds."""
    dues = [_next_due(state, link) for link in state.links.values()]
    return [due_s for due_s, due in dues if due is not Due.HEDGE] + [_dial_due(state)]  # which is when it may hedge


def keepalive_s(state: DeviceState) -> float:
    """Return how long a link may be idle on this network."""
    if state.keepalive_s is None:
        known = Networks(state.device.networks)[state.network]
        first_s, last_s = state.config.keepalive_s, max(state.config.keepalive_s, state.config.keepalive_s_max)
        state.keepalive_s = known.interval_s(first_s, last_s, state.now.wall_ms)
    return state.keepalive_s


def _next_due(state: DeviceState, link: Link) -> tuple[float, Due]:
    links = state.links.values()
    hedged = len(links) > 1 and any(other.live and other.link_no > link.link_no for other in links)
    idle_s = probe_after_s(link, state.config.attentive_s if state.foreground else (), keepalive_s(state))
    return next_due(link, state.path, state.config, idle_s, hedged=hedged)


def _probe(state: DeviceState, link: Link) -> None:
    idle_s = state.now.monotonic_s - link.heard_at_s
    link.probed_idle_s = idle_s if idle_s >= state.config.keepalive_s else 0.0  # less teaches nothing about the network
    link.probes += 1
    link.ping_no += 1
    link.frames.append(Ping(link.ping_no))


def _dial_due(state: DeviceState) -> float:
    """Return when another link should be dialed: none is left, or the newest is silent."""
    if state.device.status is not Status.REGISTERED:
        return NEVER
    newest = _newest(state)
    if newest is None:
        return NEVER if state.asleep and not _busy(state) else state.dial_at_s
    due_s, due = _next_due(state, newest)
    return max(due_s, state.dial_at_s) if due is Due.HEDGE else NEVER


def _newest(state: DeviceState) -> Link | None:
    return max((link for link in state.links.values() if link.live), key=lambda link: link.link_no, default=None)


def _dial(state: DeviceState, hedges: int | None) -> None:
    if state.device.status is not Status.REGISTERED:
        return
    if len(state.links) >= LINKS_MAX:  # one leads nowhere, or has had its time since a GoAway
        oldest = list(state.links.values())
        state.hang(next((link for link in oldest if link.state is not LinkState.OPEN), oldest[0]))
    link = resume.dial(state)
    link.hedges, link.useless = hedges, state.unwelcomed
    state.unwelcomed += 1
