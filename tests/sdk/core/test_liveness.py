"""A dead link is doubted in time, and a living one is never given up while it talks."""

import pytest

from onebar.config import Config
from onebar.core.link import Link
from onebar.core.link_states import LinkState
from onebar.core.liveness import Due, Path, next_due, note_answer, note_owed
from onebar.core.questions import FindAccount

FAST = Path(round_trip_s=0.1)


@pytest.mark.parametrize("state", [LinkState.DIALING, LinkState.GREETING])
def test_a_dial_that_leads_nowhere_is_hedged_and_then_given_up_whatever_is_heard(
    link: Link, config: Config, state: LinkState
) -> None:
    link.state, link.heard_at_s, link.owed_at_s = state, 500.0, 500.0
    due_s, due = next_due(link, FAST, config, 30.0, hedged=False)
    assert (due_s == pytest.approx(101.4), due) == (True, Due.HEDGE)
    assert next_due(link, FAST, config, 30.0, hedged=True) == (115.0, Due.GIVE_UP)
    slowest = Path(round_trip_s=3.0)
    assert next_due(link, slowest, config, 30.0, hedged=False) == (115.0, Due.GIVE_UP)


@pytest.mark.parametrize("state", [LinkState.OPEN, LinkState.DRAINING])
def test_silence_counts_from_the_question_or_the_last_word_whichever_is_later(
    link: Link, config: Config, state: LinkState
) -> None:
    link.state = state
    link.heard_at_s, link.owed_at_s = 200.0, 250.0
    assert next_due(link, FAST, config, 30.0, hedged=False) == (251.0, Due.HEDGE)
    link.heard_at_s = 255.0
    assert next_due(link, FAST, config, 30.0, hedged=False) == (256.0, Due.HEDGE)
    assert next_due(link, FAST, config, 30.0, hedged=True) == (265.0, Due.GIVE_UP)


def test_an_idle_link_is_probed_and_not_given_up(link: Link, config: Config) -> None:
    link.state, link.heard_at_s = LinkState.OPEN, 200.0
    assert next_due(link, FAST, config, 60.0, hedged=False) == (260.0, Due.PROBE)


def test_patience_grows_with_the_round_trip_the_bytes_on_their_way_and_useless_hedges(link: Link) -> None:
    link.state = LinkState.OPEN
    assert FAST.patience_s(link) == 1.0
    assert Path(round_trip_s=1.5).patience_s(link) == 4.5
    link.carry(4, 10_000)
    assert Path(0.1, bytes_per_s=5_000).patience_s(link) == 3.0
    assert Path(0.1).patience_s(link) == 6.0, "16 kbit/s until it is measured"
    link.useless = 2
    assert Path(0.1, bytes_per_s=5_000).patience_s(link) == 12.0
    link.useless = 1000
    assert Path(0.1, bytes_per_s=5_000).patience_s(link) == 192.0


def test_a_link_with_much_on_its_way_is_not_given_up_before_it_can_have_arrived(link: Link, config: Config) -> None:
    link.state, link.owed_at_s = LinkState.OPEN, 100.0
    link.carry(4, 60_000)
    due_s, due = next_due(link, Path(0.1), config, 30.0, hedged=True)
    assert (due_s, due) == (162.0, Due.GIVE_UP)


def owe_verdict(link: Link) -> None:
    link.position = 9


def owe_response(link: Link) -> None:
    link.requests[1] = FindAccount(1)


def owe_pong(link: Link) -> None:
    link.ping_no = 1


OWING = {"verdict": owe_verdict, "response": owe_response, "pong": owe_pong}


@pytest.mark.parametrize("what", OWING)
def test_each_kind_of_answer_is_owed_from_when_it_was_asked_for_until_it_came(link: Link, what: str) -> None:
    note_owed(link, FAST, floor=3, now_s=10.0)
    assert link.owed_at_s is None
    OWING[what](link)
    for now_s in (20.0, 30.0):  # asking again does not start the time anew: else it would never be over
        note_owed(link, FAST, floor=3, now_s=now_s)
        assert link.owed_at_s == 20.0
    link.requests.clear()
    link.pong_no = 1
    note_owed(link, FAST, floor=9, now_s=40.0)
    assert link.owed_at_s is None


def test_one_answer_of_two_leaves_the_other_owed(link: Link) -> None:
    owe_verdict(link)
    owe_pong(link)
    note_owed(link, FAST, floor=3, now_s=20.0)
    link.pong_no = 1
    note_owed(link, FAST, floor=3, now_s=30.0)
    assert link.owed_at_s == 20.0


def test_a_pong_for_a_later_ping_than_ours_is_no_debt(link: Link) -> None:
    link.ping_no, link.pong_no = 1, 7
    note_owed(link, FAST, floor=3, now_s=1.0)
    assert link.owed_at_s is None


def test_a_dial_is_no_measure_of_the_round_trip(link: Link) -> None:
    """What rides in the upgrade request is answered after TCP, TLS and the upgrade: three round trips, not one."""
    owe_verdict(link)
    note_owed(link, Path(), floor=3, now_s=20.0)
    link.state = LinkState.OPEN
    assert note_answer(link, Path(), now_s=21.2).round_trip_s is None
    note_owed(link, Path(), floor=9, now_s=21.2)
    owe_pong(link)
    note_owed(link, Path(), floor=9, now_s=30.0)
    path = note_answer(link, Path(), now_s=30.4)
    assert path.round_trip_s == pytest.approx(0.4)
    assert path.answered(1.2).round_trip_s == pytest.approx(0.4 * 7 / 8 + 1.2 / 8)


def test_the_throughput_is_measured_by_what_is_settled(link: Link) -> None:
    link.state, path = LinkState.OPEN, Path()
    for out_no in (4, 5, 6):
        link.carry(out_no, 5_000)
    path = note_owed(link, path, floor=3, now_s=10.0)
    path = note_owed(link, path, floor=5, now_s=12.0)
    assert (path.bytes_per_s, link.unacked_bytes) == (5_000, 5_000)
    path = note_owed(link, path, floor=6, now_s=13.0)
    assert path.bytes_per_s == 5_000
    link.carry(7, 100)
    assert note_owed(link, path, floor=7, now_s=13.0) == path, "a short text says nothing about it"


def test_what_a_sleeping_phone_measures_does_not_count() -> None:
    path = Path(0.1, 5_000.0)
    assert path.answered(236_122.0) == path
    assert path.carried(4_096, 236_122.0) == path
    assert Path().answered(236_122.0).patience_s(Link(1, b"", 0, 0, 0, 0, 0.0)) < 10
