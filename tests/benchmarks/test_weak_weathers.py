import pytest
from benchmarks.weak.weathers import NAMES, all_cases, recorded_drive


def test_every_network_is_there_in_its_order_and_the_recorded_one_where_its_trace_is() -> None:
    expected = [name for name in NAMES if name != "lte-drive" or recorded_drive()]
    assert [case.name for case in all_cases(40)] == expected


@pytest.mark.parametrize("lasts_s", [40.0, 120.0])
def test_every_outage_ends_before_the_conversation(lasts_s: float) -> None:
    for case in all_cases(lasts_s):
        for timeline in case.timelines:
            assert timeline.at_s < lasts_s


def test_phones_are_not_in_the_tunnel_at_once() -> None:
    (tunnel,) = (case for case in all_cases(40) if case.name == "tunnel")
    (first,), (second,) = tunnel.timelines
    assert first.ends_s < second.at_s
    assert first.lasts_s == second.lasts_s == 10


def test_who_breaks_says_so() -> None:
    assert [case.name for case in all_cases(40) if case.breaks] == ["tunnel", "flapping", "handover", "half-open"]


def test_only_a_handover_is_told_to_the_app() -> None:
    assert [case.name for case in all_cases(40) if case.hint] == ["handover"]
