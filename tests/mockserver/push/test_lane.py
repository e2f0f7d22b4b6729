"""The wake-ups of one gateway: one a device, few at once, pauses that grow, and none that is lost."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from onebar_mockserver.push import lane as lanes
from onebar_mockserver.push.gateways import Answer, Verdict
from onebar_mockserver.push.lane import (
    LATER_S_MIN,
    PAUSE_S_MAX,
    PAUSE_S_MIN,
    UNDER_WAY_MAX,
    WAIT_S_MAX,
    Lane,
    Wakeup,
)

SENT, DOWN, LATER = Answer(Verdict.SENT), Answer(Verdict.DOWN), Answer(Verdict.LATER)


def steady() -> float:
    return 0.0


def taken(lane: Lane, now_s: float) -> Wakeup:
    [wakeup] = lane.take(now_s)
    return wakeup


def test_a_device_is_woken_once_until_it_is_wanted_again() -> None:
    lane = Lane(steady)
    lane.add(1, "a", 0.0)
    lane.add(1, "b", 0.0)
    wakeup = taken(lane, 0.0)
    lane.add(1, "b", 0.0)
    assert (wakeup.token, lane.take(0.0), len(lane), 1 in lane) == ("a", [], 1, True)
    assert "'a'" not in repr(wakeup)
    lane.done(wakeup, SENT, 0.0)
    assert (len(lane), 1 in lane, lane.next_s(0.0)) == (0, False, None)
    lane.add(1, "b", 0.0)
    assert taken(lane, 0.0).token == "b"


def test_so_many_are_under_way_and_no_more() -> None:
    lane = Lane(steady)
    for device in range(UNDER_WAY_MAX + 1):
        lane.add(device, "t", 0.0)
    under_way = lane.take(0.0)
    assert len(under_way) == UNDER_WAY_MAX
    assert (lane.take(0.0), lane.next_s(0.0)) == ([], None)
    lane.done(under_way[0], SENT, 0.0)
    assert lane.next_s(0.0) == 0.0
    assert len(lane.take(0.0)) == 1


def test_a_gateway_that_fails_is_tried_one_by_one_after_pauses_that_grow() -> None:
    lane = Lane(steady)
    for device in range(3):
        lane.add(device, "t", 0.0)
    for wakeup in lane.take(0.0):
        lane.done(wakeup, DOWN, 0.0)
    now_s = 0.0
    for pause_s in (PAUSE_S_MIN, 2.0, 4.0):
        assert lane.failing
        assert lane.next_s(now_s) == now_s + pause_s, "those that failed together count once"
        assert lane.take(now_s + pause_s - 0.01) == []
        now_s += pause_s
        lane.done(taken(lane, now_s), DOWN, now_s)
    for _ in range(60):
        now_s = lane.next_s(now_s) or now_s
        lane.done(taken(lane, now_s), DOWN, now_s)
    assert lane.next_s(now_s) == now_s + PAUSE_S_MAX
    now_s += PAUSE_S_MAX
    lane.done(taken(lane, now_s), SENT, now_s)
    assert not lane.failing
    assert len(lane.take(now_s)) == 2


@pytest.mark.parametrize(("asked_s", "waited_s"), [(90.0, 90.0), (1e9, WAIT_S_MAX)])
def test_a_gateway_is_left_alone_for_as_long_as_it_wants(asked_s: float, waited_s: float) -> None:
    lane = Lane(steady)
    lane.add(1, "t", 0.0)
    lane.done(taken(lane, 0.0), Answer(Verdict.DOWN, wait_s=asked_s), 0.0)
    assert lane.next_s(0.0) == waited_s
    lane.add(2, "t", 1.0)
    assert lane.take(waited_s - 1) == [], "nobody else either"


def test_a_device_that_has_to_wait_holds_up_nobody_else() -> None:
    lane = Lane(lambda: 1.0)
    lane.add(1, "t", 0.0)
    lane.done(taken(lane, 0.0), LATER, 0.0)
    lane.add(2, "t", 0.0)
    assert taken(lane, 0.0).device == 2
    assert lane.next_s(0.0) == LATER_S_MIN * 1.2, "spread by a fifth at most"
    wakeup = taken(lane, LATER_S_MIN * 1.2)
    lane.done(wakeup, LATER, 100.0)
    assert lane.next_s(100.0) == 100.0 + 2 * LATER_S_MIN * 1.2


def test_who_has_connected_is_not_woken_nor_tried_again() -> None:
    lane = Lane(steady)
    lane.add(1, "t", 0.0)
    lane.forget(1)
    assert (lane.take(0.0), lane.next_s(0.0)) == ([], None)
    lane.add(1, "t", 0.0)
    wakeup = taken(lane, 0.0)
    lane.forget(1)
    lane.add(1, "newer", 0.0)
    lane.done(wakeup, DOWN, 0.0)
    assert len(lane) == 1, "the old one is not tried again"
    assert taken(lane, PAUSE_S_MIN).token == "newer"


class Lanes(RuleBasedStateMachine):
    """Whatever comes in whatever order: who waits is woken in the end, once, and never too many at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane(lambda: 0.5)
        self.now_s = 0.0
        self.wanted: set[int] = set()
        self.flying: list[tuple[Wakeup, bool]] = []
        """With whether its device has not connected since."""

    @rule(device=st.integers(0, 5))
    def message_comes(self, device: int) -> None:
        self.lane.add(device, "token", self.now_s)
        self.wanted.add(device)

    @rule(device=st.integers(0, 5))
    def device_connects(self, device: int) -> None:
        self.lane.forget(device)
        self.wanted.discard(device)
        self.flying = [(one, wanted and one.device != device) for one, wanted in self.flying]

    @rule(passed_s=st.floats(0.0, 400.0))
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s
        due_s = self.lane.next_s(self.now_s)
        before = len(self.flying)
        self.flying += [(wakeup, True) for wakeup in self.lane.take(self.now_s)]
        assert (due_s == self.now_s) == (len(self.flying) > before)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 99), verdict=st.sampled_from(Verdict), wait_s=st.floats(0.0, 1e5))
    def gateway_answers(self, which: int, verdict: Verdict, wait_s: float) -> None:
        wakeup, wanted = self.flying.pop(which % len(self.flying))
        self.lane.done(wakeup, Answer(verdict, wait_s=wait_s), self.now_s)
        if wanted and verdict not in {Verdict.DOWN, Verdict.LATER}:
            self.wanted.discard(wakeup.device)

    @invariant()
    def each_is_there_once(self) -> None:
        assert {device for device in range(6) if device in self.lane} == self.wanted
        assert len(self.lane) == len(self.wanted)
        live = [one.device for one, wanted in self.flying if wanted]
        assert len(live) == len(set(live))
        assert len(self.flying) <= UNDER_WAY_MAX

    def teardown(self) -> None:
        for wakeup, _ in self.flying:
            self.lane.done(wakeup, SENT, self.now_s)
        while (due_s := self.lane.next_s(self.now_s)) is not None:
            self.now_s = due_s
            for wakeup in self.lane.take(due_s):
                self.lane.done(wakeup, SENT, due_s)
        assert len(self.lane) == 0


TestLanes: Any = Lanes.TestCase
TestLanes.settings = settings(max_examples=40, stateful_step_count=40)


def test_the_pauses_are_in_order() -> None:
    assert PAUSE_S_MIN < LATER_S_MIN < PAUSE_S_MAX < WAIT_S_MAX
    assert lanes.UNDER_WAY_MAX < 100
