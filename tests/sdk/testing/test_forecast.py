from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from onebar.testing.forecast import HANDOVER_S_MAX, HANDOVER_S_MIN, Forecast, WeatherEvent
from onebar.testing.profiles import NetworkProfile, profile
from onebar.testing.timeline import Timeline

CALM = profile("perfect")
TUNNEL = replace(CALM, blackout_every_s=20, blackout_lasts_s=4)
TRAIN = replace(TUNNEL, handover_every_s=15)


def happenings(forecast: Forecast, now_s: float = 0.0) -> Iterator[WeatherEvent]:
    while event := forecast.next_event(now_s):
        yield event
        now_s = event.at_s


def test_a_calm_network_has_no_events() -> None:
    forecast = Forecast(CALM, Random(1))
    assert forecast.next_event(0.0) is None
    assert forecast.next_cut(0.0) is None
    assert forecast.next_dark(0.0) is None
    assert forecast.dark(0.0, 1e9, 0.0) is None


def test_blackouts_come_as_often_and_last_as_long_as_the_profile_says() -> None:
    events = list(islice(happenings(Forecast(TUNNEL, Random(1))), 4000))
    assert {event.kind for event in events[::2]} == {"blackout"}
    assert {event.kind for event in events[1::2]} == {"signal"}
    lasted_s = [after.at_s - before.at_s for before, after in zip(events[::2], events[1::2], strict=True)]
    assert sum(lasted_s) / 2000 == pytest.approx(4, rel=0.05)
    assert 2 <= min(lasted_s) < max(lasted_s) <= 6
    assert events[-1].at_s / 2000 == pytest.approx(24, rel=0.05)


def test_a_handover_is_a_cut_with_a_dark_moment() -> None:
    forecast = Forecast(replace(CALM, handover_every_s=10), Random(1))
    first, after = islice(happenings(forecast), 2)
    assert first.kind == "handover"
    assert HANDOVER_S_MIN <= first.lasts_s <= HANDOVER_S_MAX
    assert after == WeatherEvent(first.ends_s, "signal")


def test_darkness_that_overlaps_has_one_end() -> None:
    script = [WeatherEvent(10, "blackout", 5), WeatherEvent(12, "blackout", 10), WeatherEvent(14, "handover", 1)]
    forecast = Forecast(CALM, Random(1), script)
    assert list(happenings(forecast)) == [script[0], script[2], WeatherEvent(22, "signal")]


def test_the_same_seed_draws_the_same_events_however_it_is_asked() -> None:
    asked_often, asked_once = Forecast(TRAIN, Random(5)), Forecast(TRAIN, Random(5))
    for now_s in range(0, 500, 3):
        asked_often.dark(now_s, now_s + 30, now_s)
        asked_often.next_cut(now_s)
    assert list(islice(happenings(asked_often, 500), 50)) == list(islice(happenings(asked_once, 500), 50))
    assert next(happenings(Forecast(TRAIN, Random(6)))) != next(happenings(Forecast(TRAIN, Random(5))))


def test_a_switch_changes_what_is_drawn_after_it() -> None:
    script = Timeline().wait(1000).switch(TUNNEL).wait(1000).switch(CALM)
    events = list(happenings(Forecast(replace(CALM, handover_every_s=50), Random(2), script)))
    kinds = {
        kind: [event.at_s for event in events if event.kind == kind] for kind in ("handover", "blackout", "switch")
    }
    assert kinds["switch"] == [1000, 2000]
    assert kinds["handover"]
    assert max(kinds["handover"]) < 1000
    assert kinds["blackout"]
    assert min(kinds["blackout"]) >= 1000
    assert max(kinds["blackout"]) < 2000


def test_a_forecast_that_starts_late_keeps_what_has_not_ended() -> None:
    script = [WeatherEvent(10, "blackout", 5), WeatherEvent(11, "reset"), WeatherEvent(20, "silence")]
    forecast = Forecast(CALM, Random(1), script, start_s=12)
    assert forecast.dark(12, 12, 12) == script[0]
    assert list(happenings(forecast, 12)) == [WeatherEvent(15, "signal"), script[2]]


def test_a_blackout_of_the_moment_joins_what_is_drawn() -> None:
    forecast = Forecast(CALM, Random(1), [WeatherEvent(10, "blackout", 5)])
    forecast.blackout(2.0, 3.0)
    assert forecast.dark(2.0, 2.0, 2.0) == WeatherEvent(2, "blackout", 3)
    assert [event.at_s for event in happenings(forecast, 2.0)] == [5, 10, 15]


def test_what_is_over_is_forgotten() -> None:
    forecast = Forecast(NetworkProfile(name="busy", blackout_every_s=1, blackout_lasts_s=1), Random(1))
    for now_s in range(5000):
        forecast.dark(now_s, now_s + 5, now_s)
    assert len(forecast._windows) < 20


def test_what_a_script_has_at_one_instant_is_told_one_by_one() -> None:
    script = Timeline().wait(1).reset().silence().switch(TUNNEL).blackout(2).handover(1).reset().switch(CALM)
    kinds = [event.kind for event in happenings(Forecast(CALM, Random(1), script))]
    assert kinds == ["reset", "silence", "switch", "blackout", "handover", "signal", "reset", "switch"]
