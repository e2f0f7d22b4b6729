"""Packets through the weather in virtual time."""

import math
from dataclasses import replace
from random import Random

import pytest

from onebar.testing import NetworkProfile, Timeline, Trace, profile
from onebar.testing.packets import CONNECTIONS_MAX, QUEUE_BYTES_MIN, PacketLine
from onebar.testing.segments import ACK, RST, SYN, Segment

CALM = NetworkProfile(name="calm", delay_ms=50)
SLOW = NetworkProfile(name="slow", up_kbps=80, down_kbps=800, delay_ms=50, queue_ms=1000)
PHONE, SERVER = (bytes([10, 77, 1, 1]), 43384), (bytes([10, 77, 0, 1]), 80)
HELLO = Segment(PHONE, SERVER, seq=99, ack=0, flags=SYN).packet()
SAYS = Segment(PHONE, SERVER, seq=100, ack=500, flags=ACK, payload_bytes=60).packet()
HEARS = Segment(SERVER, PHONE, seq=500, ack=160, flags=ACK, payload_bytes=60).packet()
# On the slow network, 0.1 s up and 0.01 s down.
KILOBYTE = bytes([0x45]) + bytes(999)


def line(of: NetworkProfile, script: Timeline | None = None, seed: int = 1) -> PacketLine:
    return PacketLine(of, Random(seed), script or ())


def arrivals_s(of: PacketLine, *, up: bool) -> list[float]:
    """Run a line until nothing is under way; return when something came out on one side."""
    times_s: list[float] = []
    while (now_s := of.next_s()) < math.inf:
        times_s += [now_s] * len(of.due(now_s, up=up))
        of.due(now_s, up=not up)
    return times_s


def one(of: PacketLine, packet: bytes, at_s: float, *, up: bool) -> list[Segment | None]:
    """Send one packet and return what comes out on both sides in the next second, read."""
    of.send(packet, at_s, up=up)
    out: list[bytes] = []
    while (now_s := max(of.next_s(), at_s)) < at_s + 1:
        out += of.due(now_s, up=True) + of.due(now_s, up=False)
    return [Segment.read(each) for each in out]


def opened(of: NetworkProfile, script: Timeline | None = None) -> PacketLine:
    """Return a line with a connection over which both sides have spoken in the first second."""
    link = line(of, script)
    assert one(link, HELLO, 0.0, up=True) == [Segment.read(HELLO)]
    assert one(link, SAYS, 0.2, up=True) == [Segment.read(SAYS)]
    assert one(link, HEARS, 0.4, up=False) == [Segment.read(HEARS)]
    return link


def test_packets_take_their_time_at_the_rate_of_their_direction_and_on_the_way() -> None:
    link = line(SLOW)
    for up in (True, True, False):
        link.send(KILOBYTE, 1.0, up=up)
    assert link.next_s() == pytest.approx(1.06)
    assert link.due(1.055, up=False) == []
    assert link.due(1.06001, up=False) == [KILOBYTE]
    assert arrivals_s(link, up=True) == pytest.approx([1.15, 1.25])
    assert (link.figures.up_bytes, link.figures.down_bytes, link.figures.packets) == (2000, 1000, 3)


def test_a_perfect_network_carries_at_once() -> None:
    link = line(profile("perfect"))
    for _ in range(1000):
        link.send(KILOBYTE, 3.0, up=True)
    assert len(link.due(3.0, up=True)) == 1000
    assert link.next_s() == math.inf


def test_a_full_queue_drops_what_comes_last_and_has_room_again() -> None:
    link = line(SLOW)
    for _ in range(30):
        link.send(KILOBYTE, 0.0, up=True)
    assert link.figures.dropped == 20
    link.send(KILOBYTE, 0.35, up=True)
    assert arrivals_s(link, up=True) == pytest.approx([0.05 + 0.1 * number for number in range(1, 12)])


def test_the_smallest_queue_takes_two_packets() -> None:
    link = line(replace(SLOW, queue_ms=0))
    for _ in range(5):
        link.send(KILOBYTE, 0.0, up=True)
    assert link.figures.dropped == 5 - QUEUE_BYTES_MIN // 1000


def test_jitter_delays_by_its_mean_and_never_reorders() -> None:
    link = line(replace(CALM, jitter_ms=20))
    for number in range(5000):
        link.send(number.to_bytes(4), float(number), up=True)
    link.send(b"later", 4999.0, up=True)
    out = [(now_s, each) for now_s in iter(link.next_s, math.inf) for each in link.due(now_s, up=True)]
    assert [each for _, each in out[:-1]] == [number.to_bytes(4) for number in range(5000)]
    late_s = [now_s - number for number, (now_s, _) in enumerate(out[:-1])]
    assert min(late_s) >= 0.05
    assert sum(late_s) / 5000 == pytest.approx(0.07, rel=0.03)


def test_loss_is_a_gap_in_each_direction_by_itself_and_takes_its_rate() -> None:
    link, calm = (line(replace(SLOW, queue_ms=1e9, loss=loss)) for loss in (0.1, 0.0))
    for each in (link, calm):
        for _ in range(5000):
            each.send(KILOBYTE, 0.0, up=True)
    out_s = arrivals_s(link, up=True)
    assert 5000 - len(out_s) == link.figures.lost == pytest.approx(500, rel=0.1)
    whole_s = arrivals_s(calm, up=True)
    assert {round(each, 6) for each in out_s} < {round(each, 6) for each in whole_s}


def test_the_other_directions_traffic_changes_nothing() -> None:
    lossy = replace(CALM, loss=0.3, jitter_ms=10)
    alone, busy = line(lossy), line(lossy)
    for number in range(200):
        busy.send(SAYS, number / 10, up=False)
        for each in (alone, busy):
            each.send(SAYS, number / 10, up=True)
    assert arrivals_s(alone, up=True) == arrivals_s(busy, up=True)


def test_a_trace_is_the_rate_and_the_queue_is_of_its_mean() -> None:
    trace = Trace("slow", (100, 200, 300, 400))
    link = line(NetworkProfile(name="traced", up_trace=trace, delay_ms=50, queue_ms=400))
    for _ in range(6):
        link.send(bytes(1500), 0.0, up=True)
    assert arrivals_s(link, up=True) == pytest.approx([0.15, 0.25, 0.35, 0.45])
    assert link.figures.dropped == 2


def test_what_would_come_out_in_the_dark_is_lost() -> None:
    link = line(CALM, Timeline().wait(10).blackout(5))
    for tenth in range(90, 160, 10):
        link.send(SAYS, tenth / 10, up=True)
        link.due(tenth / 10, up=True)
    assert arrivals_s(link, up=True) == pytest.approx([15.05])
    assert link.figures.lost == 5
    link.weather.blackout(20.0, 2.0)
    assert one(link, SAYS, 21.0, up=False) == []
    assert one(link, SAYS, 22.0, up=False) == [Segment.read(SAYS)]


def test_a_silent_connection_swallows_both_ways_and_a_new_one_lives() -> None:
    link = opened(CALM)
    link.silence(1.0)
    assert one(link, SAYS, 1.0, up=True) == one(link, HEARS, 2.0, up=False) == []
    again = Segment(PHONE, SERVER, seq=7777, ack=0, flags=SYN)
    assert one(link, again.packet(), 3.0, up=True) == [again]
    assert one(link, SAYS, 4.0, up=True) == [Segment.read(SAYS)]
    assert link.figures.connections == 2


@pytest.mark.parametrize("script", [Timeline().wait(5).silence(), Timeline().wait(5).handover(0)])
def test_a_script_ends_connections_of_before_only(script: Timeline) -> None:
    link = opened(CALM, script)
    assert one(link, SAYS, 4.0, up=True)
    assert one(link, SAYS, 5.0, up=True) == []
    assert one(link, HELLO, 6.0, up=True) == [], "a repeated SYN is no new connection"
    fresh = Segment(PHONE, SERVER, seq=1, ack=0, flags=SYN).packet()
    assert one(link, fresh, 7.0, up=True)


def test_a_reset_is_told_to_both_ends_and_to_whoever_still_speaks() -> None:
    link = opened(CALM, Timeline().wait(5).reset())
    assert link.next_s() == pytest.approx(5.0)
    assert link.due(5.0, up=True) == link.due(5.0, up=False) == []
    to_server, to_phone = (Segment.read(link.due(5.05, up=up)[0]) for up in (True, False))
    assert to_server == Segment(PHONE, SERVER, seq=160, ack=0, flags=RST)
    assert to_phone == Segment(SERVER, PHONE, seq=500, ack=0, flags=RST)
    assert link.next_s() == math.inf
    assert one(link, SAYS, 6.0, up=True) == [to_phone]
    assert to_phone
    assert one(link, to_phone.packet(), 7.0, up=False) == [], "nobody answers a reset"


def test_an_idle_connection_is_forgotten() -> None:
    link = opened(replace(CALM, nat_timeout_s=60))
    assert one(link, SAYS, 60.0, up=True)
    assert one(link, HEARS, 121.0, up=False) == one(link, SAYS, 122.0, up=True) == []


def test_a_refused_dial_is_answered_by_a_reset() -> None:
    link = line(replace(CALM, refuse=1.0))
    answer = Segment(SERVER, PHONE, seq=0, ack=100, flags=RST | ACK)
    assert one(link, HELLO, 0.0, up=True) == [answer]
    assert one(link, HELLO, 1.0, up=True) == [answer]
    assert link.figures.connections == 1


def test_connections_die_by_chance_as_the_profile_says() -> None:
    for mortal in (replace(CALM, half_open_every_s=10), replace(CALM, reset_every_s=10)):
        link = line(mortal)
        lives_s = []
        for number in range(150):
            syn = Segment((PHONE[0], number), SERVER, seq=1, ack=0, flags=SYN)
            one(link, syn.packet(), 100.0 * number, up=True)
            says = Segment((PHONE[0], number), SERVER, seq=2, ack=9, flags=ACK).packet()
            start_s = 100.0 * number
            lives_s.append(next(second for second in range(1, 99) if says_dies(link, says, start_s + second)))
        assert sum(lives_s) / 150 == pytest.approx(10, rel=0.2)


def says_dies(link: PacketLine, packet: bytes, at_s: float) -> bool:
    return Segment.read(packet) not in one(link, packet, at_s, up=True)


def test_another_profile_draws_the_connections_fates_again() -> None:
    link = opened(CALM)
    link.switch(replace(CALM, nat_timeout_s=5, delay_ms=100), 1.0)
    link.send(SAYS, 2.0, up=True)
    assert arrivals_s(link, up=True) == pytest.approx([2.1])
    scripted = opened(CALM, Timeline().wait(5).switch(replace(CALM, name="cutting", reset_every_s=1e-6)))
    one(scripted, SAYS, 4.0, up=True)
    assert Segment.read(SAYS) not in one(scripted, SAYS, 6.0, up=True)


def test_what_is_no_connection_of_the_phone_passes() -> None:
    link = line(replace(CALM, nat_timeout_s=1, half_open_every_s=1e-9))
    for at_s, packet in enumerate((KILOBYTE, SAYS, Segment(SERVER, PHONE, 1, 0, SYN).packet())):
        link.send(packet, 10.0 * at_s, up=False)
        assert link.due(10.0 * at_s + 1, up=False) == [packet]


def test_the_oldest_connections_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onebar.testing.packets.CONNECTIONS_MAX", 2)
    assert CONNECTIONS_MAX > 1000
    link = line(replace(CALM, half_open_every_s=1e-9))
    says = [Segment((PHONE[0], number), SERVER, 2, 9, ACK).packet() for number in range(3)]
    for number in range(3):
        one(link, Segment((PHONE[0], number), SERVER, 1, 0, SYN).packet(), float(number), up=True)
    assert [bool(one(link, each, 10.0 + number, up=True)) for number, each in enumerate(says)] == [True, False, False]


@pytest.mark.parametrize("name", ["captive", "repeating-proxy"])
def test_boxes_that_read_http_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: .* use a WeakNetwork"):
        line(profile(name))
    link = line(CALM)
    with pytest.raises(ValueError, match="use a WeakNetwork"):
        link.switch(profile(name), 1.0)
