"""`make bench-idle`: what a link costs a phone that has nothing to say, for each keepalive that a network may need.

A real link over TLS to a real server, through a tap that counts every byte. The keepalive is a fraction of a second
here, so that some minutes' probes take seconds: a probe is the same however long the pause before it. What TCP and IP
add is not seen by the tap; it is reckoned by the packets that such an exchange takes.
"""

import asyncio
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from benchmarks.enrolment import enroll
from benchmarks.goals import IDLE
from benchmarks.phones import scratch_folder
from benchmarks.report import BenchError, Report
from benchmarks.storm.phones import Inline, Phone
from benchmarks.tap import Tap
from benchmarks.weak.children import free_port
from onebar.config import Config
from onebar.core.turn import Input, Instant, Transmit, Turn
from onebar.drivers.address import parse_address
from onebar.drivers.tls import Tls
from onebar_mockserver import MockServer

KEEPALIVES_S: Final = (30, 60, 120, 300, 600, 900)
"""What is learned, from the shortest NAT timeouts to the longest."""

QUICK_S: Final = 0.2
"""The keepalive of the measurement."""

PROBES: Final = 20
"""How many are measured."""

PATIENCE_S: Final = 30.0
"""Longest wait for them."""

HEADER_BYTES: Final = 20 + 20 + 12
"""Of a packet: IPv4 (RFC 791), TCP (RFC 9293), its timestamps with padding (RFC 7323). IPv6 takes 20 more."""

PACKETS_UP: Final = 2
"""The Ping, and the acknowledgement of the Pong, which nothing follows that could carry it."""

PACKETS_DOWN: Final = 1
"""The Pong, which acknowledges the Ping: the server answers at once."""

RADIO_TAIL_S: Final = 11.0
"""How long an LTE radio stays awake after each packet (XEP-0286 §3): what a probe costs the battery."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one keepalive takes through TLS, in bytes of TCP's stream."""

    up: float
    down: float

    @property
    def bytes_up(self) -> float:
        """Bytes on the network, headers included."""
        return self.up + PACKETS_UP * HEADER_BYTES

    @property
    def bytes_down(self) -> float:
        """Bytes on the network, headers included."""
        return self.down + PACKETS_DOWN * HEADER_BYTES

    def bytes_per_hour(self, keepalive_s: float) -> float:
        """Return what an idle hour takes, both ways."""
        return (self.bytes_up + self.bytes_down) * 3600 / keepalive_s


@dataclass(frozen=True, slots=True)
class Seen:
    """What had passed at some moment: the phone's messages, and bytes of its link."""

    messages: int
    up: int
    down: int


class IdlePhone(Phone):
    """A phone that counts what it sends."""

    messages = 0

    def turn(self, inputs: Sequence[Input], now: Instant) -> Turn:
        """Count the messages of a turn."""
        turn = super().turn(inputs, now)
        self.messages += sum(isinstance(output, Transmit) for output in turn.outputs)
        return turn


def quick(config: Config) -> Config:
    """Return settings with every keepalive made short, however many there are."""
    names = [field.name for field in dataclasses.fields(config) if field.name.startswith("keepalive")]
    return dataclasses.replace(config, **{name: QUICK_S for name in names if "_s" in name})  # type: ignore[arg-type]


async def measure(folder: Path) -> Probe:
    """Let an idle phone send some probes; return what one takes.

    Raises:
        BenchError: They do not come.
    """
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    port = free_port()
    async with Tap(port) as tap:
        address = parse_address(tap.url.replace("http:", "https:"), Tls(ca_file=folder / "ca.pem"))
        phone = IdlePhone(0, quick(Config(host=address.host)))
        [place] = enroll(folder / "data", [phone.engine.public_keys()])
        async with MockServer(folder / "data", port=port, tls=(folder / "cert.pem", folder / "key.pem")):
            phone.start(address, Inline(), place.account, place.device)
            try:
                return await _count(phone, tap)
            finally:
                await phone.close()


async def _count(phone: IdlePhone, tap: Tap) -> Probe:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not phone.ready:
                await asyncio.sleep(QUICK_S)
            first = await _look(phone, tap, phone.messages + 2)  # by then, what it publishes has passed
            last = await _look(phone, tap, first.messages + PROBES)
    except TimeoutError as error:
        raise BenchError(f"an idle phone sent {phone.messages} messages in {PATIENCE_S:.0f} s") from error
    probes = last.messages - first.messages
    return Probe((last.up - first.up) / probes, (last.down - first.down) / probes)


async def _look(phone: IdlePhone, tap: Tap, messages: int) -> Seen:
    """Look in the middle between two probes, when so many messages have been sent."""
    while phone.messages < messages:
        await asyncio.sleep(QUICK_S / 20)
    await asyncio.sleep(QUICK_S / 2)
    link = tap.tapped[-1]
    return Seen(phone.messages, len(link.up), len(link.down))


def add(report: Report, probe: Probe) -> None:
    """Add what an idle hour costs, for each keepalive."""
    stream = "of TCP's stream, TLS record and WebSocket header included"
    note = f"{probe.up:.1f} {stream}; {PACKETS_UP} packets of {HEADER_BYTES} bytes of TCP and IP headers"
    report.add("probe_up", "a probe, up", probe.bytes_up, "B", note)
    note = f"{probe.down:.1f} {stream}; {PACKETS_DOWN} packet"
    report.add("probe_down", "its answer, down", probe.bytes_down, "B", note)
    for keepalive_s in KEEPALIVES_S:
        hour = probe.bytes_per_hour(keepalive_s)
        wakes = 3600 / keepalive_s
        awake = min(1.0, RADIO_TAIL_S / keepalive_s)
        note = (
            f"{wakes:.0f} wake-ups an hour; {hour * 24 / 1000:.0f} kB a day;"
            f" an LTE radio is awake {awake:.0%} of the time"
        )
        report.add(f"hour_{keepalive_s}", f"an idle hour, keepalive {keepalive_s} s", hour, "B", note)
    for keepalive_s in (KEEPALIVES_S[0], KEEPALIVES_S[-1]):
        report.add(f"wakeups_{keepalive_s}", f"wake-ups an hour, keepalive {keepalive_s} s", 3600 / keepalive_s, "")


async def main() -> int:
    """Measure and report; return the exit code."""
    keys = ("probe_up", "probe_down", "hour_30", "hour_300", "hour_900", "wakeups_30", "wakeups_900")
    report = Report(IDLE, "An idle phone", keys)
    try:
        report.say(f"{PROBES} probes of an idle link over TLS")
        with scratch_folder() as folder:
            add(report, await measure(folder))
    except BenchError as error:
        return report.fail(error)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
