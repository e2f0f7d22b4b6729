"""Does the weak-network proxy do what its profiles say? Round trips, rates, and what loss costs, measured through it.

Everything runs in this process: client, proxy and server. The rows of lossy networks have a second reference: what a
kernel's TCP did on an emulated link with the same loss (60 connections, 200 bytes there and back, round trip 100 ms).
"""

import asyncio
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.report import ROOT, Report
from onebar.testing import PROFILES, NetworkProfile, WeakNetwork, Weather, load_trace
from onebar.testing.weather import HEADER_BYTES, MATHIS, SEGMENT_BYTES

ECHOES: Final = 12
"""Round trips per profile, one after the other."""

ECHO_BYTES: Final = 200
"""A text's size, sealed."""

BULK_S: Final = 10.0
"""How long each direction is filled: at 18 kbit/s some 15 packets."""

RATED: Final = (
    "2g-rural",
    "2g-urban",
    "edge",
    "chrome-3g",
    "3g",
    "3g-lossy",
    "satellite",
    "chrome-slow-4g",
    "very-bad",
)
"""The slow profiles, measured side by side."""

FAST: Final = ("lte", "wifi", "perfect")
"""The fast ones, measured one after the other: they need the processor."""

KERNEL: Final = {0.0: (108, 166, 208), 0.02: (103, 146, 442), 0.05: (102, 432, 604), 0.1: (102, 637, 1175)}
"""p50, p95 and p99 in ms by loss, of a kernel's TCP; the row without loss has the tail of a busy machine."""

CONNECTIONS: Final = 60
"""Connections at once in the measurements of loss."""

MESSAGES: Final = 100_000
"""How many messages the model alone is asked about."""

TRACES: Final = ROOT.parent / "shared" / "traces"
"""Recorded drives, if this machine has them; they are no part of the project."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What arrived of a stream that filled a direction."""

    nbytes: int
    first_s: float
    last_s: float

    @property
    def kbps(self) -> float:
        """Payload per time."""
        return self.nbytes * 8 / 1000 / max(self.last_s - self.first_s, 1e-9)


async def main() -> int:
    """Measure and report; return the exit code."""
    report = Report(
        "bench-weather", "Measured through the proxy, as a part of what the profile says", ("rtt", "rate", "message_us")
    )
    async with serving() as port:
        report.say(f"side by side, {BULK_S:g} s each way: {', '.join(RATED)}")
        profiles = [PROFILES[name] for name in RATED] + recorded(TRACES)
        found = list(await asyncio.gather(*(measure(profile, port) for profile in profiles)))
        for name in FAST:
            report.say(name)
            profiles.append(PROFILES[name])
            found.append(await measure(PROFILES[name], port))
        for profile, (rtts_s, up, down) in zip(profiles, found, strict=True):
            add_profile(report, profile, rtts_s, up, down)
        for loss in KERNEL:
            report.say(f"{CONNECTIONS} connections with a loss of {loss:.0%}")
            add_loss(report, loss, await lossy_echoes(loss, port))
    report.add("message_us", "one message in the model, 3g-lossy", model_us(), "us")
    ratios = {figure.key: figure.value for figure in report.figures}
    for key, ending in (("rtt", "_rtt"), ("rate", "_kbps")):
        values = [value for name, value in ratios.items() if name.endswith(ending)]
        report.add(key, f"median of the {ending[1:]} ratios", statistics.median(values), "x")
    return report.finish()


def add_profile(report: Report, profile: NetworkProfile, rtts_s: list[float], up: Bulk, down: Bulk) -> None:
    """Add a profile's rows: its round trip, and its rates if it has any."""
    rtt_s, wanted_s = statistics.median(rtts_s), nominal_rtt_s(profile)
    note = f"{rtt_s * 1000:.1f} ms of {wanted_s * 1000:.1f}; {min(rtts_s) * 1000:.1f} to {max(rtts_s) * 1000:.1f}"
    if wanted_s:
        report.add(f"{profile.name}_rtt", f"{profile.name}: round trip", rtt_s / wanted_s, "x", note)
    else:
        report.add(f"{profile.name}_ms", f"{profile.name}: round trip", rtt_s * 1000, "ms")
    for way, bulk in (("up", up), ("down", down)):
        wanted_kbps = nominal_kbps(profile, way, bulk)
        if wanted_kbps:
            note = f"{bulk.kbps:.0f} kbit/s of {wanted_kbps:.0f}"
            report.add(f"{profile.name}_{way}_kbps", f"{profile.name}: {way}", bulk.kbps / wanted_kbps, "x", note)
        else:
            report.add(f"{profile.name}_{way}_mbps", f"{profile.name}: {way}", bulk.kbps / 1000, "Mbit/s")


def add_loss(report: Report, loss: float, rtts_s: list[float]) -> None:
    """Add what loss did to small messages, beside what a kernel did."""
    cuts = statistics.quantiles(rtts_s, n=100)
    for name, found_s, kernel_ms in zip(
        ("p50", "p95", "p99"), (cuts[49], cuts[94], cuts[98]), KERNEL[loss], strict=True
    ):
        what = f"{name} with a loss of {loss:.0%}"
        report.add(f"loss_{loss:g}_{name}", what, found_s * 1000, "ms", f"a kernel: {kernel_ms} ms")


def model_us() -> float:
    """Measure what the simulator pays for one message: the model alone."""
    flow = Weather(PROFILES["3g-lossy"], Random(1)).dial(0.0)
    started_s = time.perf_counter()
    for number in range(MESSAGES):
        flow.arrival_s(number * 0.5, ECHO_BYTES, up=True)
    return (time.perf_counter() - started_s) / MESSAGES * 1e6


def nominal_rtt_s(profile: NetworkProfile) -> float:
    """Return the round trip of ECHO_BYTES on an idle network."""
    bits = (ECHO_BYTES + HEADER_BYTES) * 8 / 1000
    return profile.round_trip_s + sum(bits / kbps for kbps in (profile.up_kbps, profile.down_kbps) if kbps)


def nominal_kbps(profile: NetworkProfile, way: str, bulk: Bulk) -> float:
    """Return what a profile can carry of payload, in kbit/s; 0 is unlimited."""
    kbps = profile.up_kbps if way == "up" else profile.down_kbps
    trace = profile.up_trace if way == "up" else profile.down_trace
    if trace:
        start_ms, end_ms = bulk.first_s * 1000, bulk.last_s * 1000
        kbps = sum(start_ms <= at_ms < end_ms for at_ms in trace.times_ms) * 12_000 / (end_ms - start_ms)
    rate = (kbps or 0.0) * SEGMENT_BYTES / (SEGMENT_BYTES + HEADER_BYTES)
    if not profile.loss:
        return rate
    return min(rate, MATHIS * SEGMENT_BYTES * 8 / 1000 / (profile.round_trip_s * math.sqrt(profile.loss)))


def recorded(folder: Path) -> list[NetworkProfile]:
    """Return a recorded drive as a profile, if it is there."""
    drive = folder / "ATT-LTE-driving-2016.up"
    if not drive.exists():
        return []
    up, down = load_trace(drive), load_trace(drive.with_suffix(".down"))
    return [NetworkProfile(name="lte-drive", up_trace=up, down_trace=down, delay_ms=40, queue_ms=1000)]


async def measure(profile: NetworkProfile, port: int) -> tuple[list[float], Bulk, Bulk]:
    """Measure round trips on an idle network, then each direction when it is full."""
    async with WeakNetwork(profile, ("127.0.0.1", port), seed=1) as network:
        reader, writer = await opened(network, b"e")
        await echo(reader, writer)  # with the handshake
        rtts_s = [await echo(reader, writer) for _ in range(ECHOES)]
        writer.close()
        return rtts_s, await filled_up(network), await filled_down(network)


async def lossy_echoes(loss: float, port: int) -> list[float]:
    """Measure the round trips of many connections, each its own network, with loss."""
    profile = NetworkProfile(name="loss", delay_ms=50, loss=loss)

    async def talk(seed: int) -> list[float]:
        async with WeakNetwork(profile, ("127.0.0.1", port), seed=seed) as network:
            reader, writer = await opened(network, b"e")
            await echo(reader, writer)
            times_s = [await echo(reader, writer) for _ in range(2 * ECHOES)]
            writer.close()
            return times_s

    return [time_s for times_s in await asyncio.gather(*map(talk, range(CONNECTIONS))) for time_s in times_s]


async def opened(network: WeakNetwork, what: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect through a network, and say what the server shall do."""
    reader, writer = await asyncio.open_connection(network.host, network.port)
    writer.write(what)
    return reader, writer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """Measure one round trip."""
    started_s = time.perf_counter()
    writer.write(bytes(ECHO_BYTES))
    await reader.readexactly(ECHO_BYTES)
    return time.perf_counter() - started_s


async def filled_up(network: WeakNetwork) -> Bulk:
    """Send as much as goes, and look at what comes out of the network."""
    _, writer = await opened(network, b"s")
    return await observed(network, "up_bytes", fill(writer))


async def filled_down(network: WeakNetwork) -> Bulk:
    """Have as much sent as goes."""
    reader, _ = await opened(network, b"f")
    return await observed(network, "down_bytes", drained(reader))


async def observed(network: WeakNetwork, figure: str, traffic: Coroutine[Any, Any, None]) -> Bulk:
    """Run traffic until BULK_S after its first bytes came out; return what came after those."""
    before = getattr(network.figures, figure)
    task = asyncio.create_task(traffic)
    while (first := getattr(network.figures, figure)) < before + SEGMENT_BYTES:
        await asyncio.sleep(0.001)
    first_s = last_s = network.now_s()
    seen = first
    while network.now_s() < first_s + BULK_S:
        await asyncio.sleep(0.001)
        if (now := getattr(network.figures, figure)) != seen:
            seen, last_s = now, network.now_s()
    task.cancel()
    await asyncio.wait([task])
    network.reset()
    return Bulk(seen - first, first_s, last_s)


async def fill(writer: asyncio.StreamWriter) -> None:
    """Write for ever."""
    with suppress(OSError):
        while True:
            writer.write(bytes(65536))
            await writer.drain()


async def drained(reader: asyncio.StreamReader) -> None:
    """Read for ever."""
    with suppress(OSError):
        while await reader.read(65536):
            pass


@asynccontextmanager
async def serving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Run the server: the first byte says whether it echoes, swallows or fills."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the last: at the very end
            what = await reader.readexactly(1)
            if what == b"f":
                await fill(writer)
            while data := await reader.read(65536):
                if what == b"e":
                    writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, host, port)
    yield server.sockets[0].getsockname()[1]
    server.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
