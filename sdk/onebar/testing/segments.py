"""TCP headers in IPv4 packets: enough of them to follow a connection and to reset it."""

import struct
from dataclasses import dataclass
from typing import Final, Self

FIN: Final = 0x01
"""Flag: the sender has no more to say (RFC 9293 §3.1, as are all flags)."""

SYN: Final = 0x02
"""Flag: a connection begins."""

RST: Final = 0x04
"""Flag: the connection is over at once."""

ACK: Final = 0x10
"""Flag: the acknowledgement number holds."""

TCP: Final = 6
"""IPv4's number of TCP (RFC 791 §3.1)."""

TTL: Final = 64
"""How many hops a packet of our own may take; any number above 1 does."""

_IPV4: Final = struct.Struct("!BxHxxHBBH4s4s")
"""Version and length, total length, fragment, hops, protocol, checksum, both addresses (RFC 791 §3.1)."""

_TCP: Final = struct.Struct("!HHIIBBHHxx")
"""Both ports, both numbers, length, flags, window, checksum (RFC 9293 §3.1)."""

Endpoint = tuple[bytes, int]
"""An IPv4 address in four bytes, and a port."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment's header."""

    source: Endpoint
    target: Endpoint
    seq: int
    ack: int
    flags: int
    payload_bytes: int = 0

    @classmethod
    def read(cls, packet: bytes) -> Self | None:
        """Read an IPv4 packet; None if it is no TCP segment, or a part of one."""
        if len(packet) < _IPV4.size + _TCP.size or packet[0] >> 4 != 4:
            return None
        version, length, fragment, _, protocol, _, source, target = _IPV4.unpack_from(packet)
        start = (version & 0xF) * 4
        if protocol != TCP or fragment & 0x3FFF or length > len(packet) or start + _TCP.size > length:
            return None
        source_port, target_port, seq, ack, size, flags, _, _ = _TCP.unpack_from(packet, start)
        payload_bytes = length - start - (size >> 4) * 4
        return cls((source, source_port), (target, target_port), seq, ack, flags, max(0, payload_bytes))

    def packet(self) -> bytes:
        """Return it as an IPv4 packet, with checksums, and zeros for a payload."""
        (source, source_port), (target, target_port) = self.source, self.target
        length = _TCP.size + self.payload_bytes
        fields = (source_port, target_port, self.seq, self.ack, _TCP.size // 4 << 4, self.flags, 0)
        pseudo = source + target + struct.pack("!HH", TCP, length)
        total = checksum(pseudo + _TCP.pack(*fields, 0))
        ip = (_IPV4.size // 4 + 0x40, _IPV4.size + length, 0, TTL, TCP)
        header = _IPV4.pack(*ip, checksum(_IPV4.pack(*ip, 0, source, target)), source, target)
        return header + _TCP.pack(*fields, total) + bytes(self.payload_bytes)

    def reset(self) -> "Segment":
        """Return the reset that answers it, which its sender must believe (RFC 9293 §3.5.2)."""
        if self.flags & ACK:
            return Segment(self.target, self.source, self.ack, 0, RST)
        length = self.payload_bytes + bool(self.flags & SYN) + bool(self.flags & FIN)
        return Segment(self.target, self.source, 0, (self.seq + length) % 2**32, RST | ACK)


def checksum(data: bytes) -> int:
    """Return the Internet checksum of an even number of bytes (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
