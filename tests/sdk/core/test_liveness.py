"""A dead link is noticed in time, and a living one is never given up while it talks."""

import pytest

from onebar.config import Config
from onebar.core.link import Link
from onebar.core.link_states import LinkState
from onebar.core.liveness import Due, next_due, note_owed
from onebar.core.questions import FindAccount


@pytest.mark.parametrize("state", [LinkState.DIALING, LinkState.GREETING])
def test_a_dial_that_leads_nowhere_is_given_up_whatever_is_heard(link: Link, config: Config, state: LinkState) -> None:
    link.state, link.heard_at_s, link.owed_at_s = state, 500.0, 500.0
    assert next_due(link, config) == (115.0, Due.GIVE_UP)


@pytest.mark.parametrize("state", [LinkState.OPEN, LinkState.DRAINING])
def test_silence_counts_from_the_question_or_the_last_word_whichever_is_later(
    link: Link, config: Config, state: LinkState
) -> None:
    link.state = state
    link.heard_at_s, link.owed_at_s = 200.0, 250.0
    assert next_due(link, config) == (260.0, Due.GIVE_UP)
    link.heard_at_s = 255.0
    assert next_due(link, config) == (265.0, Due.GIVE_UP)


def test_an_idle_link_is_probed_and_not_given_up(link: Link, config: Config) -> None:
    link.state, link.heard_at_s = LinkState.OPEN, 200.0
    assert next_due(link, config) == (230.0, Due.PROBE)


def owe_verdict(link: Link) -> None:
    link.position = 9


def owe_response(link: Link) -> None:
    link.requests[1] = FindAccount(1)


def owe_pong(link: Link) -> None:
    link.ping_no = 1


OWING = {"verdict": owe_verdict, "response": owe_response, "pong": owe_pong}


@pytest.mark.parametrize("what", OWING)
def test_each_kind_of_answer_is_owed_from_when_it_was_asked_for_until_it_came(link: Link, what: str) -> None:
    note_owed(link, floor=3, now_s=10.0)
    assert link.owed_at_s is None
    OWING[what](link)
    for now_s in (20.0, 30.0):  # asking again does not start the time anew: else it would never be over
        note_owed(link, floor=3, now_s=now_s)
        assert link.owed_at_s == 20.0
    link.requests.clear()
    link.pong_no = 1
    note_owed(link, floor=9, now_s=40.0)
    assert link.owed_at_s is None


def test_one_answer_of_two_leaves_the_other_owed(link: Link) -> None:
    owe_verdict(link)
    owe_pong(link)
    note_owed(link, floor=3, now_s=20.0)
    link.pong_no = 1
    note_owed(link, floor=3, now_s=30.0)
    assert link.owed_at_s == 20.0


def test_a_pong_for_a_later_ping_than_ours_is_no_debt(link: Link) -> None:
    link.ping_no, link.pong_no = 1, 7
    note_owed(link, floor=3, now_s=1.0)
    assert link.owed_at_s is None
