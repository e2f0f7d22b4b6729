"""Does the packet network do what its profiles say? Measured with ping and the kernels' own TCP across it."""

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

from benchmarks.report import ROOT, BenchError, Report
from benchmarks.weather import CONNECTIONS, ECHOES, KERNEL

from onebar.testing import NetworkProfile, profile, synthetic_trace
from onebar.testing.namespaces import Namespace
from onebar.testing.packet_network import PacketNetwork
from onebar.testing.packets import PACKET_BYTES_MAX
from onebar.testing.weather import SEGMENT_BYTES

PINGS: Final = 400
"""Enough that a tenth of them is 40 give or take 6."""

PING_PAUSE_S: Final = 0.02
"""50 a second fill no network here."""

PING_BITS: Final = 84 * 8
"""An echo with 56 bytes of data, as of `ping`."""

FILL_S: Final = 8.0
"""How long each direction is filled."""

CONNECT_MS: Final = {0.0: 117, 0.02: 1113, 0.05: 1106, 0.1: 1130}
"""p95 of a connect by loss, of the same measurement as `KERNEL`."""

PINGED: Final = (
    NetworkProfile(name="delay", delay_ms=100),
    NetworkProfile(name="jitter", delay_ms=80, jitter_ms=20, loss=0.05),
    NetworkProfile(name="lossy", delay_ms=10, loss=0.1),
    profile("3g"),
    profile("edge"),
)
"""What is pinged."""

FILLED: Final = (profile("3g"), profile("chrome-slow-4g"))
"""What is filled, both ways, beside a trace."""

TRACE_KBPS: Final = 1500
"""Mean rate of the trace."""


async def calibrate(report: Report, seed: int) -> None:
    """Measure everything and add it to the report; what needs little of the processor is measured side by side."""
    report.say(f"ping, side by side: {', '.join(each.name for each in PINGED)}")
    pings = await asyncio.gather(*(pinged(each, seed) for each in PINGED))
    trace = synthetic_trace(Random(seed), mean_kbps=TRACE_KBPS, lasts_s=int(FILL_S))
    networks = [*FILLED, NetworkProfile(name="trace", down_trace=trace, delay_ms=30, queue_ms=500)]
    report.say(f"fill, side by side: {', '.join(each.name for each in networks)}")
    ways = [(each, up) for each in networks for up in (True, False) if up is False or each.up_kbps]
    rates_kbps = await asyncio.gather(*(filled(each, seed, up=up) for each, up in ways))
    report.say("fill a perfect network")
    mbps = await filled(profile("perfect"), seed, up=False) / 1000
    small = {}
    for loss in KERNEL:
        report.say(f"{CONNECTIONS} connections with a loss of {loss:.0%}")
        small[loss] = await small_messages(loss, seed)
    report.say("ping a full network")
    bloat = await pinged(FILLED[0], seed, full=True)
    add_pings(report, pings)
    add_rates(report, [(each, up, kbps) for (each, up), kbps in zip(ways, rates_kbps, strict=True)])
    report.add("ceiling_mbps", "perfect: TCP down", mbps, "Mbit/s", "this process carries every packet")
    for loss, took in small.items():
        add_small(report, loss, took)
    note = f"of {FILLED[0].round_trip_s * 1e3:.0f} ms and a queue of {FILLED[0].queue_ms:.0f} ms"
    heard = [each for each in bloat if each is not None]
    report.add("full_ms", f"{FILLED[0].name}: ping while TCP fills it", statistics.median(heard), "ms", note)


async def pinged(what: NetworkProfile, seed: int, *, full: bool = False) -> list[float | None]:
    """Measure round trips on an idle network, or one that TCP fills, in ms."""
    async with PacketNetwork(what, seed=seed) as network, served(network.server):
        filling = asyncio.create_task(traffic(network.phone, "fill", network.server.address, FILL_S)) if full else None
        answer: list[float | None] = await traffic(network.phone, "ping", network.server.address, PINGS, PING_PAUSE_S)
        if filling is not None:
            await filling
        return answer


async def filled(what: NetworkProfile, seed: int, *, up: bool) -> float:
    """Measure how much payload TCP gets through one direction, in kbit/s."""
    async with PacketNetwork(what, seed=seed) as network:
        reader, sender = (network.server, network.phone) if up else (network.phone, network.server)
        async with served(sender):
            return float(await traffic(reader, "fill", sender.address, FILL_S)) * 8 / 1000


async def small_messages(loss: float, seed: int) -> dict[str, list[float]]:
    """Measure dials and small messages with loss, in ms."""
    lossy = NetworkProfile(name="loss", delay_ms=50, loss=loss)
    async with PacketNetwork(lossy, seed=seed) as network, served(network.server):
        took: dict[str, list[float]] = await traffic(
            network.phone, "echo", network.server.address, CONNECTIONS, 2 * ECHOES
        )
        return took


def add_pings(report: Report, pings: list[list[float | None]]) -> None:
    """Add each network's round trip and loss, and how far they are off."""
    ratios, misses = [], []
    for what, answer in zip(PINGED, pings, strict=True):
        heard = [each for each in answer if each is not None]
        bits_ms = sum(PING_BITS / kbps for kbps in (what.up_kbps, what.down_kbps) if kbps)
        wanted_ms = what.round_trip_s * 1000 + bits_ms
        rtt_ms, loss = statistics.fmean(heard), 1 - len(heard) / len(answer)
        wanted = 1 - (1 - what.loss) ** 2
        ratios.append(rtt_ms / wanted_ms)
        misses.append(abs(loss - wanted))
        note = f"{rtt_ms:.1f} ms of {wanted_ms:.1f}; {min(heard):.0f} to {max(heard):.0f}; "
        report.add(f"{what.name}_rtt", f"{what.name}: ping", ratios[-1], "x", f"{note}{loss:.2%} lost of {wanted:.2%}")
    add_off(report, "rtt", "the median of the round trips", abs(statistics.median(ratios) - 1))
    add_off(report, "loss", "the worst of the losses", max(misses))


def add_rates(report: Report, rates: list[tuple[NetworkProfile, bool, float]]) -> None:
    """Add what TCP got through each direction, and how far the rates are off."""
    ratios = []
    for what, up, found_kbps in rates:
        trace_kbps = what.down_trace.mean_kbps if what.down_trace else None
        kbps = (what.up_kbps if up else what.down_kbps or trace_kbps) or 0.0
        wanted_kbps = kbps * SEGMENT_BYTES / PACKET_BYTES_MAX
        ratios.append(found_kbps / wanted_kbps)
        way = "up" if up else "down"
        note = f"{found_kbps:.0f} kbit/s of {wanted_kbps:.0f} after headers"
        report.add(f"{what.name}_{way}", f"{what.name}: TCP {way}", ratios[-1], "x", note)
    add_off(report, "rate", "the median of the rates", abs(statistics.median(ratios) - 1))


def add_small(report: Report, loss: float, took: dict[str, list[float]]) -> None:
    """Add what loss does to small messages and to dials, beside what another emulator's did."""
    cuts, dials = statistics.quantiles(took["echo"], n=100), statistics.quantiles(took["connect"], n=20)
    known_ms = (*KERNEL[loss], CONNECT_MS[loss])
    found = (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]), ("p95 of a dial", dials[18]))
    for (name, ms), other_ms in zip(found, known_ms, strict=True):
        key = f"loss_{loss:g}_{'dial' if 'dial' in name else name}"
        report.add(key, f"{name} with a loss of {loss:.0%}", ms, "ms", f"another emulator: {other_ms} ms")


def add_off(report: Report, key: str, what: str, off: float) -> None:
    """Add how far something is from what it should be."""
    report.add(f"{key}_off", f"{what}: off by", off * 100, "%")


@asynccontextmanager
async def served(side: Namespace) -> AsyncIterator[None]:
    """Run the server on one side."""
    process = await started(side, "serve", side.address)
    assert process.stdin
    assert process.stdout
    try:
        if not await process.stdout.readline():
            raise BenchError("the traffic server did not start")
        yield
    finally:
        process.stdin.close()
        await process.wait()


async def traffic(side: Namespace, *words: object) -> Any:
    """Run a client on one side and return what it says."""
    process = await started(side, *words)
    out, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"the traffic of {' '.join(map(str, words))} ended with exit code {process.returncode}")
    return json.loads(out)


async def started(side: Namespace, *words: object) -> asyncio.subprocess.Process:
    """Start the traffic program on one side."""
    command = side.command(sys.executable, "-m", "tests.netns.traffic", *map(str, words))
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, limit=1 << 24)
