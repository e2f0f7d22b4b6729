import pytest

from onebar.testing import NetworkProfile, Trace, Weather, profile
from onebar.testing.pipe import PIECE_BYTES_MAX, WAITING_BYTES_MAX, piece_bytes, rate_kbps, waiting_bytes
from onebar.testing.weather import SEGMENT_BYTES
from tests.sdk.testing.fakes import FakeAir, Laid

LATE = NetworkProfile(name="late", delay_ms=100)
# 8000 bit/s: a kilobyte a second.
NARROW = NetworkProfile(name="narrow", up_kbps=8, down_kbps=8, queue_ms=3000)
QUICK = NetworkProfile(name="quick", up_kbps=8_000, down_kbps=800, delay_ms=100, queue_ms=100)


def of(what: NetworkProfile) -> Weather:
    return FakeAir(what).weather


def test_a_perfect_network_hands_over_at_once() -> None:
    laid = Laid(profile("perfect"))
    laid.pipe.take(b"hello")
    laid.pipe.take(b"")
    assert laid.sink.heard == [b"hello", "end"]
    assert laid.air.counted == {True: 5, False: 0}
    assert laid.air.armed == 0


def test_bytes_the_end_and_a_cut_come_out_in_order_when_they_are_due() -> None:
    laid = Laid(LATE)
    laid.pipe.take(b"one")
    laid.air.run_until(0.05)
    laid.pipe.take(b"two")
    laid.pipe.take(b"")
    laid.pipe.take_reset()
    laid.air.run_until(0.09)
    assert laid.sink.heard == []
    laid.air.run_until(0.101)
    assert laid.sink.heard == [b"one"]
    laid.air.run_until(0.151)
    assert laid.sink.heard == [b"one", b"two", "end", "reset"]


def test_the_latency_of_pieces_is_not_added_up() -> None:
    laid = Laid(LATE)
    for _ in range(20):
        laid.pipe.take(b"x")
    laid.air.run_until(0.1)
    assert len(laid.sink.heard) == 20


def test_a_frozen_network_hands_over_nothing() -> None:
    laid = Laid(LATE)
    laid.pipe.take(b"hello")
    laid.air.frozen_until_s = 5.0
    laid.air.run_until(4.9)
    assert laid.sink.heard == []
    laid.air.run_until(5.0)
    assert laid.sink.heard == [b"hello"]


def test_the_sender_waits_while_the_bottleneck_is_full() -> None:
    laid = Laid(NARROW)
    laid.pipe.take(bytes(1448))
    assert not laid.source.paused
    laid.pipe.take(bytes(1448))
    laid.pipe.take(bytes(1448))
    assert laid.source.paused
    laid.air.run_until(1.4)
    assert laid.source.paused
    laid.air.run_until(1.6)
    assert not laid.source.paused


def test_the_sender_waits_while_too_much_is_under_way() -> None:
    laid = Laid(LATE)
    laid.air.weather.blackout(0.0, 60.0)
    for _ in range(WAITING_BYTES_MAX // 50_000):
        laid.pipe.take(bytes(50_000))
    assert not laid.source.paused
    laid.pipe.take(bytes(50_000))
    assert laid.source.paused
    laid.air.run_until(59)
    assert laid.source.paused
    laid.air.run_until(200)
    assert not laid.source.paused


def test_a_pipe_waits_for_a_slow_reader() -> None:
    laid = Laid(LATE)
    laid.pipe.hold()
    laid.pipe.take(b"hello")
    laid.air.run_until(1.0)
    assert laid.sink.heard == []
    laid.pipe.release()
    assert laid.sink.heard == [b"hello"]


def test_a_pause_of_the_reader_stops_what_is_due() -> None:
    laid = Laid(LATE)
    laid.pipe.take(b"one")
    laid.pipe.hold()
    laid.air.run_until(1.0)
    assert laid.sink.heard == []
    laid.pipe.release()
    assert laid.sink.heard == [b"one"]


def test_silence_swallows_what_is_under_way_and_what_comes() -> None:
    laid = Laid(LATE)
    laid.pipe.take(b"one")
    laid.source.pause_reading()
    laid.pipe.silence()
    laid.pipe.take(b"two")
    laid.pipe.take_reset()
    laid.air.run_until(10)
    assert laid.sink.heard == []
    assert not laid.source.paused
    assert laid.air.armed == 0


def test_what_left_before_a_flow_died_arrives_and_nothing_after() -> None:
    laid = Laid(LATE)
    laid.flow.ends_s, laid.flow.death = 1.0, "silence"
    laid.pipe.take(b"in time")
    laid.air.run_until(0.95)
    laid.pipe.take(b"too late")
    assert laid.pipe.silent
    laid.air.run_until(5)
    assert laid.sink.heard == [b"in time"]


def test_a_dropped_pipe_keeps_no_timer() -> None:
    laid = Laid(NARROW)
    for _ in range(5):
        laid.pipe.take(bytes(1448))
    assert laid.air.armed
    laid.pipe.drop()
    assert laid.air.armed == 0


def test_a_closing_source_is_left_alone() -> None:
    laid = Laid(NARROW)
    laid.source.closing = True
    for _ in range(5):
        laid.pipe.take(bytes(1448))
    assert not laid.source.paused


def test_pieces_are_as_fine_as_the_rate_needs() -> None:
    assert piece_bytes(of(NARROW), up=True) == SEGMENT_BYTES
    assert piece_bytes(of(QUICK), up=True) == 5000
    assert piece_bytes(of(LATE), up=True) == PIECE_BYTES_MAX


def test_a_round_trip_and_the_queue_may_be_under_way() -> None:
    assert waiting_bytes(of(QUICK), up=False) == pytest.approx(100_000 * (0.2 + 0.1))
    assert waiting_bytes(of(LATE), up=False) == WAITING_BYTES_MAX
    assert waiting_bytes(of(NetworkProfile(name="x", up_kbps=1)), up=True) == 2 * SEGMENT_BYTES


def test_the_rate_is_the_profiles_or_the_traces_mean() -> None:
    assert (rate_kbps(of(QUICK), up=True), rate_kbps(of(QUICK), up=False)) == (8000, 800)
    assert rate_kbps(of(LATE), up=True) is None
    assert rate_kbps(of(NetworkProfile(name="t", down_trace=Trace("t", (500, 1000)))), up=False) == 24
