"""The table is whole: no way leads out of it, and none back from the end."""

import itertools

import pytest

from onebar.core.link_states import TRANSITIONS, LinkState, LinkTrigger, advance
from onebar.errors import RemoteProtocolError

PAIRS = list(itertools.product(LinkState, LinkTrigger))


def reachable(start: LinkState) -> set[LinkState]:
    found, waiting = {start}, [start]
    while waiting:
        for state in TRANSITIONS[waiting.pop()].values():
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


def test_every_state_has_its_row_and_every_transition_leads_to_a_state() -> None:
    assert set(TRANSITIONS) == set(LinkState)
    for row in TRANSITIONS.values():
        assert set(row) <= set(LinkTrigger)
        assert set(row.values()) <= set(LinkState)


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_advance_does_what_the_table_says_and_nothing_else(state: LinkState, trigger: LinkTrigger) -> None:
    if trigger in TRANSITIONS[state]:
        assert advance(state, trigger) is TRANSITIONS[state][trigger]
        return
    with pytest.raises(RemoteProtocolError, match=trigger.value) as raised:
        advance(state, trigger)
    assert state.value in str(raised.value)


def test_a_closed_link_is_never_used_again() -> None:
    assert reachable(LinkState.CLOSED) == {LinkState.CLOSED}
    for trigger in LinkTrigger:
        with pytest.raises(RemoteProtocolError):
            advance(LinkState.CLOSED, trigger)


def test_every_state_can_be_reached_and_every_trigger_is_used() -> None:
    assert reachable(LinkState.DIALING) == set(LinkState)
    assert {trigger for row in TRANSITIONS.values() for trigger in row} == set(LinkTrigger)


@pytest.mark.parametrize("state", [state for state in LinkState if state is not LinkState.CLOSED])
@pytest.mark.parametrize("trigger", [LinkTrigger.LOST, LinkTrigger.TIMED_OUT, LinkTrigger.REFUSED])
def test_a_connection_can_end_at_any_time(state: LinkState, trigger: LinkTrigger) -> None:
    assert advance(state, trigger) is LinkState.CLOSED


def test_no_link_is_open_without_a_welcome_and_none_is_welcomed_twice() -> None:
    ways_in = {
        (state, trigger) for state, row in TRANSITIONS.items() for trigger in row if row[trigger] is LinkState.OPEN
    }
    assert ways_in == {(LinkState.GREETING, LinkTrigger.WELCOMED)}
    assert LinkState.GREETING not in reachable(LinkState.OPEN)


def test_a_draining_link_never_opens_again() -> None:
    assert reachable(LinkState.DRAINING) == {LinkState.DRAINING, LinkState.CLOSED}
