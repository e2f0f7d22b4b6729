from onebar_loadtest.knee import WINDOW_S, find_knee
from onebar_loadtest.record import Sample
from onebar_loadtest.report import ServerSample


def ramp(*steps: tuple[int, float]) -> dict[int, Sample]:
    """Each step lasts two windows: (phones, seconds that a message takes)."""
    seconds = {}
    for number, (phones, took_s) in enumerate(steps):
        for second in range(2 * WINDOW_S):
            sample = Sample(phones=phones, delivered=phones)
            sample.end_to_end.add(took_s)
            seconds[1000 + number * 2 * WINDOW_S + second] = sample
    return seconds


def test_the_knee_is_the_last_step_before_messages_take_longer() -> None:
    seconds = ramp((100, 0.1), (300, 0.1), (600, 0.15), (900, 2.0), (1000, 0.1))
    knee = find_knee(seconds, {at_s: ServerSample(0.7, 90.0) for at_s in seconds})
    assert knee is not None
    assert (knee.phones, knee.messages_s, knee.bends, round(knee.server_cpu, 3)) == (600, 600.0, True, 0.7)
    assert str(knee).startswith("600 phones, 600 messages/s, p95 150 ms, server CPU 70%; the server is the limit")
    assert knee.at_s == 1000 + 5 * WINDOW_S


def test_where_a_rate_limit_held_messages_back_it_is_not_the_load() -> None:
    seconds = ramp((100, 0.1), (300, 0.1), (600, 2.0))
    seconds[1000 + 2 * WINDOW_S].limited = 1
    knee = find_knee(seconds, {})
    assert knee is not None
    assert (knee.phones, knee.bends, knee.limit.startswith("a rate limit of the server")) == (300, True, True)


def test_without_a_bend_it_says_that_there_may_be_more() -> None:
    knee = find_knee(ramp((100, 0.1), (500, 0.1)), {})
    assert knee is not None
    assert (knee.phones, knee.bends) == (500, False)
    assert "no bend was seen" in str(knee)


def test_where_phones_stay_it_is_the_messages_that_grow() -> None:
    seconds = {}
    for number, (beside, took_s, lag_ms) in enumerate([(100, 0.1, 2), (500, 0.1, 2), (900, 0.1, 9), (800, 1.0, 90)]):
        for second in range(WINDOW_S):
            sample = Sample(phones=10, delivered=10, beside=beside, lag_ms=lag_ms)
            sample.end_to_end.add(took_s)
            seconds[1000 + number * WINDOW_S + second] = sample
    knee = find_knee(seconds, {})
    assert knee is not None
    assert (knee.messages_s, knee.bends, knee.lag_ms) == (910.0, True, 90)
    assert knee.limit == "the phones' side may be the limit"


def test_a_run_whose_phones_do_not_grow_has_none() -> None:
    assert find_knee(ramp((100, 0.1), (110, 0.1)), {}) is None
    assert find_knee({}, {}) is None
