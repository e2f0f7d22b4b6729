import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.testing import PROFILES, NetworkProfile, Timeline, Trace, Weather, WeatherEvent, profile
from onebar.testing.weather import HEADER_BYTES, RTO_S_MIN, RTO_S_SPREAD, SEGMENT_BYTES

CALM = NetworkProfile(name="calm", delay_ms=50)
SLOW = NetworkProfile(name="slow", up_kbps=80, down_kbps=800, delay_ms=50, queue_ms=1000)
# 948 bytes and their headers are 1000 bytes: 0.1 s up, 0.01 s down on the slow network.
KILOBYTE = 1000 - HEADER_BYTES


def weather(of: NetworkProfile, *scripted: WeatherEvent, seed: int = 1) -> Weather:
    return Weather(of, Random(seed), scripted)


def test_a_perfect_network_delivers_at_once() -> None:
    flow = weather(profile("perfect")).dial(3.0)
    assert flow.connects_s == 3.0
    assert flow.arrival_s(3.0, 10**9, up=True) == 3.0
    assert (flow.refused, flow.duplicate_upgrade, flow.captive_portal, flow.death) == (False, False, False, "")
    assert flow.ends_s == math.inf


def test_bytes_take_their_time_at_the_rate_of_their_direction_and_on_the_way() -> None:
    flow = weather(SLOW).dial(0.0)
    assert flow.arrival_s(1.0, KILOBYTE, up=True) == pytest.approx(1.15)
    assert flow.arrival_s(1.0, KILOBYTE, up=False) == pytest.approx(1.06)


def test_every_segment_pays_for_its_headers() -> None:
    flow = weather(SLOW).dial(0.0)
    assert flow.arrival_s(0.0, 3 * SEGMENT_BYTES + 1, up=True) == pytest.approx(0.05 + (3 * 1500 + 53) / 10_000)


def test_what_waits_at_the_bottleneck_delays_what_comes_after() -> None:
    flow = weather(SLOW).dial(0.0)
    arrivals_s = [flow.arrival_s(0.0, KILOBYTE, up=True) for _ in range(30)]
    assert arrivals_s == pytest.approx([0.05 + 0.1 * number for number in range(1, 31)])


def test_flows_share_the_radio_and_its_queue_is_bounded() -> None:
    radio = weather(SLOW)
    photo, text = radio.dial(0.0), radio.dial(0.0)
    photo.arrival_s(0.0, 5 * KILOBYTE, up=True)
    assert text.arrival_s(0.0, KILOBYTE, up=True) == pytest.approx(0.65, abs=0.01)
    photo.arrival_s(0.0, 500 * KILOBYTE, up=True)
    assert radio.dial(0.0).arrival_s(0.0, KILOBYTE, up=True) == pytest.approx(0.05 + 1.0 + 0.1)
    assert photo.arrival_s(0.0, KILOBYTE, up=True) > 49


def test_jitter_delays_by_its_mean_and_never_reorders() -> None:
    flow = weather(replace(CALM, jitter_ms=20)).dial(0.0)
    arrivals_s = [flow.arrival_s(number * 0.001, 100, up=True) for number in range(1000)]
    assert arrivals_s == sorted(arrivals_s)
    alone = weather(replace(CALM, jitter_ms=20)).dial(0.0)
    late_s = [alone.arrival_s(float(number), 100, up=True) - number for number in range(5000)]
    assert min(late_s) >= 0.05
    assert sum(late_s) / 5000 == pytest.approx(0.07, rel=0.03)


def test_loss_is_seen_as_a_timers_pause_and_never_as_a_gap() -> None:
    flow = weather(replace(CALM, loss=0.1)).dial(0.0)
    late_s = [flow.arrival_s(10.0 * number, 200, up=True) - 10.0 * number for number in range(20_000)]
    stalled = [each for each in late_s if each > 0.06]
    assert len(stalled) / 20_000 == pytest.approx(0.1, rel=0.1)
    rto_s = 0.1 + RTO_S_MIN
    once = [each for each in stalled if each < 0.05 + 2 * rto_s]
    assert len(once) / len(stalled) == pytest.approx(0.9, rel=0.05)
    assert all(0.05 + rto_s <= each <= 0.05 + rto_s + RTO_S_SPREAD for each in once)
    assert max(late_s) >= 0.05 + 3 * rto_s


def test_a_stall_holds_what_comes_after_it() -> None:
    flow = weather(replace(CALM, loss=0.5), seed=3).dial(0.0)
    arrivals_s = [flow.arrival_s(number * 0.001, 200, up=True) for number in range(200)]
    assert arrivals_s == sorted(arrivals_s)
    assert flow.arrival_s(0.2, 200, up=False) < arrivals_s[-1], "the other direction has its own timer"


def test_loss_bounds_the_rate_of_a_long_transfer() -> None:
    flow = weather(profile("very-bad")).dial(0.0)
    arrives_s = [flow.arrival_s(0.0, SEGMENT_BYTES, up=True) for _ in range(400)][-1]
    # Mathis: 1.22 * 1448 * 8 / (1 s * sqrt(0.1)) = 45 kbit/s, of a megabit.
    assert 400 * SEGMENT_BYTES * 8 / arrives_s < 46_000


def test_a_trace_is_the_rate() -> None:
    trace = Trace("slow", (100, 200, 300, 400))
    flow = weather(NetworkProfile(name="traced", up_trace=trace, delay_ms=50)).dial(0.0)
    assert [flow.arrival_s(0.0, SEGMENT_BYTES, up=True) for _ in range(5)] == pytest.approx(
        [0.15, 0.25, 0.35, 0.45, 0.55]
    )
    assert flow.arrival_s(0.0, SEGMENT_BYTES, up=False) == pytest.approx(0.05)


def test_what_is_sent_in_the_dark_arrives_at_a_retry_after_it() -> None:
    radio = weather(CALM, WeatherEvent(10, "blackout", 30))
    old = radio.dial(0.0)
    assert old.arrival_s(9.0, 100, up=True) == pytest.approx(9.05)
    # The timer is 0.3 s and doubles: 10 + 0.3 * (2**7 - 1) = 48.1 is the first retry after 40.
    assert old.arrival_s(10.0, 100, up=True) == pytest.approx(48.15)
    assert old.arrival_s(41.0, 100, up=True) >= 48.15
    fresh = radio.dial(41.0)
    assert fresh.connects_s == pytest.approx(41.1)
    assert fresh.arrival_s(41.1, 100, up=True) == pytest.approx(41.15), (
        "a new connection does not wait for an old timer"
    )


@pytest.mark.parametrize("traced", [False, True])
def test_a_timer_does_not_keep_the_radio_from_others(traced: bool) -> None:
    way = {"up_trace": Trace("fine", (1, 2, 3))} if traced else {"up_kbps": 12_000}
    radio = weather(NetworkProfile(name="tunnel", delay_ms=50, **way), WeatherEvent(10, "blackout", 30))
    old = radio.dial(0.0)
    for number in range(50):
        assert old.arrival_s(11.0 + number, 5000, up=True) > 40
    assert radio.dial(41.0).arrival_s(61.0, 100, up=True) == pytest.approx(61.05, abs=0.01)


def test_a_dial_in_the_dark_waits_for_a_later_syn() -> None:
    radio = weather(CALM, WeatherEvent(10, "blackout", 5))
    assert radio.dial(11.0).connects_s == pytest.approx(11 + 7 + 0.1)
    assert weather(CALM, WeatherEvent(10, "blackout", 500)).dial(11.0).connects_s == math.inf


def test_a_lost_syn_costs_a_second() -> None:
    radio = weather(replace(CALM, loss=0.1))
    took_s = [radio.dial(float(number)).connects_s - number for number in range(5000)]
    assert sum(took < 0.5 for took in took_s) / 5000 == pytest.approx(0.81, rel=0.03)
    assert sum(1 < took < 1.2 for took in took_s) / 5000 == pytest.approx(0.19 * 0.81, rel=0.15)


def test_a_reset_and_a_silent_death_are_drawn_with_their_mean() -> None:
    for field, death in (("reset_every_s", "reset"), ("half_open_every_s", "silence")):
        radio = weather(replace(CALM, **{field: 30.0}))  # type: ignore[arg-type]
        flows = [radio.dial(float(number)) for number in range(5000)]
        assert {flow.death for flow in flows} == {death}
        lives_s = [flow.ends_s - number for number, flow in enumerate(flows)]
        assert sum(lives_s) / 5000 == pytest.approx(30, rel=0.05)


def test_nothing_arrives_on_a_dead_flow_nor_what_was_under_way() -> None:
    flow = weather(CALM, WeatherEvent(10, "silence")).dial(0.0)
    assert (flow.ends_s, flow.death) == (10, "silence")
    assert flow.arrival_s(9.94, 100, up=True) == pytest.approx(9.99)
    assert flow.arrival_s(9.96, 100, up=True) == math.inf
    assert flow.arrival_s(11.0, 100, up=False) == math.inf


def test_a_handover_ends_old_flows_only() -> None:
    radio = weather(CALM, *Timeline().wait(10).handover(2))
    old = radio.dial(0.0)
    assert (old.ends_s, old.death) == (10, "silence")
    new = radio.dial(10.5)
    assert new.ends_s == math.inf
    assert new.connects_s == pytest.approx(13.6), "its SYNs leave at 10.5, 11.5 and 13.5; the network is back at 12"


def test_an_idle_flow_is_forgotten_and_a_kept_one_is_not() -> None:
    radio = weather(replace(CALM, nat_timeout_s=60))
    idle, kept = radio.dial(0.0), radio.dial(0.0)
    for now_s in (50.0, 100.0, 150.0):
        assert kept.arrival_s(now_s, 10, up=True) < math.inf
    assert idle.arrival_s(150.0, 10, up=True) == math.inf
    assert (idle.ends_s, idle.death) == (60, "silence")
    assert idle.arrival_s(151.0, 10, up=False) == math.inf


@pytest.mark.parametrize(("field", "wanted"), [("refuse", 0.3), ("duplicate_upgrade", 0.3)])
def test_chances_of_a_dial_are_the_profiles(field: str, wanted: float) -> None:
    radio = weather(replace(CALM, **{field: wanted}))  # type: ignore[arg-type]
    flag = {"refuse": "refused"}.get(field, field)
    assert sum(getattr(radio.dial(float(number)), flag) for number in range(5000)) / 5000 == pytest.approx(0.3, rel=0.1)


def test_a_captive_portal_answers_every_dial() -> None:
    assert weather(profile("captive")).dial(0.0).captive_portal


def test_a_switch_changes_rate_and_fate() -> None:
    radio = weather(replace(CALM, half_open_every_s=5))
    flow = radio.dial(0.0)
    radio.switch(SLOW, 0.1)
    flow.redraw(0.1)
    assert flow.ends_s == math.inf
    assert flow.arrival_s(1.0, KILOBYTE, up=True) == pytest.approx(1.15)
    assert repr(radio) == "<Weather slow>"


def test_the_dead_stay_dead_after_a_switch() -> None:
    radio = weather(CALM, WeatherEvent(1, "reset"))
    flow = radio.dial(0.0)
    radio.switch(CALM, 2.0)
    flow.redraw(2.0)
    assert (flow.ends_s, flow.death) == (1, "reset")


def test_a_scripted_switch_happens_by_itself() -> None:
    radio = weather(CALM, WeatherEvent(10, "switch", profile=SLOW))
    flow = radio.dial(0.0)
    assert flow.arrival_s(9.0, KILOBYTE, up=True) == pytest.approx(9.05)
    assert flow.arrival_s(11.0, KILOBYTE, up=True) == pytest.approx(11.15)
    assert radio.profile is SLOW


def test_a_blackout_of_the_moment_counts_from_now() -> None:
    radio = weather(CALM)
    flow = radio.dial(0.0)
    radio.blackout(1.0, 5.0)
    assert radio.dark(1.0)
    assert radio.next_event(1.0) == WeatherEvent(6, "signal")
    assert flow.arrival_s(2.0, 100, up=True) >= 6
    assert not radio.dark(6.0)
    assert radio.next_event(6.0) is None


@given(
    st.sampled_from(sorted(PROFILES)),
    st.integers(0, 2**64),
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 20_000), st.booleans()), max_size=40),
)
def test_whatever_is_sent_arrives_in_order_later_or_never(
    name: str, seed: int, sent: list[tuple[float, int, bool]]
) -> None:
    flow = weather(PROFILES[name], seed=seed).dial(0.0)
    now_s, last_s = 0.0, {True: 0.0, False: 0.0}
    for pause_s, nbytes, up in sent:
        now_s += pause_s
        arrives_s = flow.arrival_s(now_s, nbytes, up)
        assert arrives_s >= max(now_s, last_s[up])
        last_s[up] = arrives_s
    assert flow.ends_s == math.inf or flow.death


def trail() -> str:
    """Say what every profile does to a fixed conversation; run in other processes too."""
    lines = []
    for name in sorted(PROFILES):
        radio = Weather(PROFILES[name], Random(9))
        flow, now_s = radio.dial(0.0), 0.0
        for number in range(300):
            now_s += 0.7
            arrives_s = flow.arrival_s(now_s, 300 + number * 10, up=number % 3 == 0)
            lines.append(f"{arrives_s!r}")
            if arrives_s == math.inf:
                flow = radio.dial(now_s)
    return "\n".join(lines)


@pytest.mark.process
def test_a_seed_draws_the_same_weather_under_any_hash_seed() -> None:
    for hash_seed in ("0", "1"):
        command = "from tests.sdk.testing.test_weather import trail; print(trail())"
        told = subprocess.run(
            [sys.executable, "-c", command],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout == trail() + "\n"
