"""mosquitto, and links that speak MQTT 3.1.1 with persistent sessions.

Settings as Debian ships them (persistence, saved every 1,800 s), and a password; as many texts under way, and waiting,
as there are.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measured_server import MeasuredServer
from benchmarks.report import BenchError
from benchmarks.servers.logins import Step, dial, log_in, say_goodbye
from benchmarks.servers.pairs import End
from benchmarks.servers.peers import DIGITS, Facts, numbered
from benchmarks.servers.processes import find_binary, serving
from benchmarks.weak.children import free_port

DURABLE: Final = "nothing: sessions and queues are in memory until a save, every 1,800 s and at the end"

NAME, PASSWORD = "bench", "bench"
"""Everybody's; the server listens on loopback and lives for a minute."""

INFLIGHT: Final = 200
"""Texts under way at once to one link."""

SETTINGS: Final = """
user root
listener {port} 127.0.0.1
password_file {folder}/passwords
persistence true
persistence_location {folder}/
max_inflight_messages {inflight}
max_queued_messages 0
set_tcp_nodelay true
log_dest stderr
log_type error
"""
"""Mosquitto's file of settings."""

# The first byte of a packet: its kind, and the flags that belong to it.
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x10, 0x20, 0x30, 0x40, 0x50, 0x62, 0x70
SUBSCRIBE, SUBACK = 0x82, 0x90

GOODBYE: Final = b"\xe0\x00"
"""A DISCONNECT packet."""


def packet(kind: int, rest: bytes) -> bytes:
    """Return a packet with its length in front."""
    length = len(rest)
    coded = bytearray()
    while True:
        length, low = divmod(length, 128)
        coded.append(low | 0x80 if length else low)
        if not length:
            return bytes((kind,)) + bytes(coded) + rest


def text(value: str) -> bytes:
    """Return a string with its length in front."""
    coded = value.encode()
    return len(coded).to_bytes(2, "big") + coded


def topic(user: int) -> str:
    """Return where a user's mail goes."""
    return f"u/{user}"


class MqttEnd(End):
    """A client: it publishes to the other's topic, and takes its own through all steps of the quality of service."""

    def __init__(self, sock_and_rest: tuple[object, bytes], other: int, qos: int) -> None:
        """Take a link with what was read of it, the user at the other end, and the quality of service, 1 or 2."""
        super().__init__(sock_and_rest[0])  # type: ignore[arg-type]
        self._unread = sock_and_rest[1]
        self._topic = text(topic(other))
        self._qos = qos
        self._halfway = 0
        """Texts of QoS 2 that came here and are not released."""

    def say(self, count: int) -> None:
        """Publish further texts."""
        for number in range(self.said - count + 1, self.said + 1):
            packet_id = ((number - 1) % 0xFFFF + 1).to_bytes(2, "big")
            self.out.append(packet(PUBLISH | self._qos << 1, self._topic + packet_id + numbered(number)))

    def hear(self, data: bytes) -> None:
        """Take packets."""
        data = self._unread + data if self._unread else data
        place, end = 0, len(data)
        while end - place >= 2:
            length, at, shift = data[place + 1] & 0x7F, place + 2, 7
            while data[at - 1] & 0x80:
                if at >= end:
                    break
                length |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
            if data[at - 1] & 0x80 or end - at < length:
                break
            self._take(data[place], data[at : at + length])
            place = at + length
        self._unread = data[place:]

    def settled(self) -> bool:
        """Whether every text that came is released."""
        return not self._halfway

    def _take(self, kind: int, rest: bytes) -> None:
        if kind & 0xF0 == PUBLISH:
            topic_end = 2 + int.from_bytes(rest[:2], "big")
            packet_id = rest[topic_end : topic_end + 2]
            if int(rest[topic_end + 2 : topic_end + 2 + DIGITS]) != self.received + 1:
                raise BenchError(f"a message was lost, doubled or reordered: {rest[:40]!r}")
            self.received += 1
            self._halfway += self._qos - 1
            self.out.append(bytes((PUBACK if self._qos == 1 else PUBREC, 2)) + packet_id)
        elif kind in {PUBACK, PUBCOMP}:
            self.accepted += 1
        elif kind == PUBREC:
            self.out.append(bytes((PUBREL, 2)) + rest[:2])
        elif kind == PUBREL:
            self._halfway -= 1
            self.out.append(bytes((PUBCOMP, 2)) + rest[:2])
        elif kind not in {CONNACK, SUBACK}:
            raise BenchError(f"a packet that was not expected: {kind:#x} {rest[:20]!r}")


class MqttPeer:
    """Mosquitto with one quality of service."""

    def __init__(self, qos: int) -> None:
        self._qos = qos
        self.facts = Facts(
            name=f"mosquitto QoS {qos}",
            made_of="mosquitto, password, persistent sessions",
            acknowledges="PUBACK; PUBACK" if qos == 1 else "PUBREC, PUBREL, PUBCOMP on both sides",
            durable=DURABLE,
            idle_links=2000,
        )

    def missing(self) -> str:
        """Return what to install."""
        return "" if find_binary("mosquitto") and find_binary("mosquitto_passwd") else "apt-get install mosquitto"

    @contextmanager
    def serving(self, folder: Path, users: int, *, pin: bool) -> Iterator[MeasuredServer]:  # noqa: ARG002 - a Peer
        """Run mosquitto."""
        port = free_port()
        settings = folder / "mosquitto.conf"
        settings.write_text(SETTINGS.format(folder=folder, port=port, inflight=INFLIGHT))
        command = [find_binary("mosquitto_passwd"), "-b", "-c", str(folder / "passwords"), NAME, PASSWORD]
        subprocess.run(command, check=True, capture_output=True)
        with serving([find_binary("mosquitto"), "-c", str(settings)], port, folder, pin=pin) as server:
            yield server

    def connect(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in and subscribe."""
        scripts = [(login(user), subscription(user, self._qos)) for user, _ in seats]
        links = log_in(port, scripts)
        return [MqttEnd(link, other, self._qos) for link, (_, other) in zip(links, seats, strict=True)]

    def come_back(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Dial; the login lets the mail flow, as the session knows its subscription."""
        ends: list[End] = []
        for user, other in seats:
            end = MqttEnd((dial(port), b""), other, self._qos)
            end.opening = login(user)[0]
            ends.append(end)
        return ends

    def leave(self, ends: Sequence[End]) -> None:
        """Disconnect; the session stays."""
        say_goodbye([end.sock for end in ends], GOODBYE)


def login(user: int) -> Step:
    """Return a CONNECT that resumes a session, and its answer without the bit that says whether there was one."""
    flags = bytes((4, 0xC0, 0, 0))  # level 4, name and password, no keepalive
    return packet(CONNECT, text("MQTT") + flags + text(f"u{user}") + text(NAME) + text(PASSWORD)), b"\x20\x02"


def subscription(user: int, qos: int) -> Step:
    """Return a SUBSCRIBE to a user's own topic."""
    return packet(SUBSCRIBE, b"\x00\x01" + text(topic(user)) + bytes((qos,))), bytes((SUBACK, 3, 0, 1, qos))
