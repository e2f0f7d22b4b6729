"""Headers of TCP in IPv4, read and written; that kernels believe the written ones is shown in the namespaces."""

from dataclasses import replace

import pytest

from onebar.testing.segments import ACK, FIN, RST, SYN, Segment, checksum

PHONE, SERVER = (bytes([10, 77, 1, 1]), 43384), (bytes([10, 77, 0, 1]), 80)
DATA = Segment(PHONE, SERVER, seq=1000, ack=2000, flags=ACK, payload_bytes=5)


def test_what_is_written_is_read() -> None:
    syn = Segment(PHONE, SERVER, seq=7, ack=0, flags=SYN)
    packet = syn.packet()
    assert len(packet) == 40
    assert Segment.read(packet) == syn
    assert Segment.read(DATA.packet()) == DATA


def test_checksums_are_what_a_kernel_checks() -> None:
    packet = replace(DATA, payload_bytes=4).packet()
    assert checksum(packet[:20]) == 0, "a header with its own checksum sums up to nothing (RFC 1071 §1)"
    pseudo = packet[12:20] + bytes([0, 6, 0, len(packet) - 20])
    assert checksum(pseudo + packet[20:]) == 0
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2, "the example of RFC 1071 §3"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        DATA.packet()[:39],
        b"\x60" + DATA.packet()[1:],  # IPv6
        DATA.packet()[:9] + b"\x11" + DATA.packet()[10:],  # UDP
        DATA.packet()[:6] + b"\x20\x00" + DATA.packet()[8:],  # a fragment
        DATA.packet()[:-1],  # torn
    ],
)
def test_what_is_no_whole_segment_is_left_alone(packet: bytes) -> None:
    assert Segment.read(packet) is None


def test_a_reset_is_one_that_the_sender_believes() -> None:
    assert DATA.reset() == Segment(SERVER, PHONE, seq=2000, ack=0, flags=RST)
    first = Segment(PHONE, SERVER, seq=2**32 - 1, ack=0, flags=SYN)
    assert first.reset() == Segment(SERVER, PHONE, seq=0, ack=0, flags=RST | ACK)
    last = Segment(PHONE, SERVER, seq=10, ack=0, flags=FIN, payload_bytes=5)
    assert last.reset().ack == 16
