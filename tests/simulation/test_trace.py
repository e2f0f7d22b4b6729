"""The event trace."""

import pytest

from tests.simulation.trace import LINES_KEPT, Trace


def traced(*events: tuple[float, str, str, object], keep_all: bool = False) -> Trace:
    trace = Trace(keep_all=keep_all)
    for now_s, party, what, detail in events:
        trace.note(now_s, party, what, detail)
    return trace


FIRST = (1.0, "phone 1", "turn", 7)


def test_the_same_events_have_the_same_hash() -> None:
    assert traced(FIRST, FIRST).digest == traced(FIRST, FIRST).digest


@pytest.mark.parametrize(
    "other",
    [(1.000001, *FIRST[1:]), (1.0, "phone 2", "turn", 7), (1.0, "phone 1", "crash", 7), (1.0, "phone 1", "turn", 8)],
)
def test_another_time_party_event_or_detail_is_another_hash(other: tuple[float, str, str, object]) -> None:
    assert traced(FIRST).digest != traced(other).digest


def test_the_order_counts() -> None:
    second = (1.0, "phone 2", "turn", 7)
    assert traced(FIRST, second).digest != traced(second, FIRST).digest


def test_the_last_lines_of_each_party_are_kept_and_all_are_counted() -> None:
    events = [(float(n), f"phone {n % 2}", "turn", n) for n in range(4 * LINES_KEPT)]
    trace = traced(*events)
    assert trace.events == 4 * LINES_KEPT
    assert trace.parties() == ["phone 0", "phone 1"]
    assert len(trace.lines("phone 1")) == LINES_KEPT
    assert trace.lines("phone 1")[-1].endswith(f"turn {4 * LINES_KEPT - 1}")
    assert trace.lines("nobody") == []
    whole = traced(*events, keep_all=True)
    assert len(whole.lines("phone 1")) == 2 * LINES_KEPT
    assert whole.digest == trace.digest


def test_merged_lines_stand_in_the_order_of_events() -> None:
    trace = traced(FIRST, (1.0, "server", "crash", ""), (2.0, "phone 1", "event", 3))
    assert [line.split()[0] for line in trace.merged()] == ["phone", "server", "phone"]
