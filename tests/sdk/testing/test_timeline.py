import pytest

from onebar.testing import Timeline, WeatherEvent, profile


def test_steps_follow_one_another() -> None:
    timeline = Timeline().wait(10).blackout(30).handover().wait(5).reset().silence().switch(profile("edge"))
    assert list(timeline) == [
        WeatherEvent(10, "blackout", 30),
        WeatherEvent(40, "handover", 1.0),
        WeatherEvent(46, "reset"),
        WeatherEvent(46, "silence"),
        WeatherEvent(46, "switch", 0.0, profile("edge")),
    ]


def test_a_timeline_is_not_changed_by_the_next_step() -> None:
    start = Timeline().wait(10)
    start.blackout(5)
    assert list(start.handover(2)) == [WeatherEvent(10, "handover", 2)]


def test_a_script_reads_as_it_is_built() -> None:
    built = Timeline().wait(10).blackout(2.5).handover().handover(3).reset().silence().switch(profile("edge"))
    assert Timeline.parse("wait 10, blackout 2.5,handover, handover 3, reset , silence, switch edge") == built
    assert Timeline.parse("") == Timeline()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rain", "'rain' is no step; there are: wait SECONDS"),
        ("wait", "'wait' is no step"),
        ("reset 5", "'reset 5' is no step"),
        ("wait 1, blackout long", "'blackout long': 'long' is no number of seconds"),
        ("wait -1", "wait for -1.0 s"),
        ("wait nan", "wait for nan s"),
        ("switch 5g", "no network profile '5g'"),
    ],
)
def test_a_wrong_step_is_named(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Timeline.parse(text)


@pytest.mark.parametrize("lasts_s", [-1, float("inf")])
def test_a_time_is_checked(lasts_s: float) -> None:
    with pytest.raises(ValueError, match="needs a time from 0 on"):
        Timeline().blackout(lasts_s)
