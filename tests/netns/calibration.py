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
    """Measure everything and add it to the report."""
    ratios: dict[str, list[float]] = {"rtt": [], "rate": []}
    misses = []
    for each in PINGED:
        report.say(f"ping over {each.name}")
        ratio, loss = await pinged(report, each, seed)
        ratios["rtt"].append(ratio)
        misses += [loss - (1 - (1 - each.loss) ** 2)]
    trace = synthetic_trace(Random(seed), mean_kbps=TRACE_KBPS, lasts_s=int(FILL_S))
    for each in (*FILLED, NetworkProfile(name="trace", down_trace=trace, delay_ms=30, queue_ms=500)):
        report.say(f"fill {each.name}")
        ratios["rate"] += await filled(report, each, seed)
    await ceiling(report)
    for loss, kernel_ms in KERNEL.items():
        report.say(f"{CONNECTIONS} connections with a loss of {loss:.0%}")
        await small_messages(report, loss, kernel_ms, seed)
    for key, values in ratios.items():
        report.add(key, f"median of the {key} ratios", statistics.median(values), "x")
    report.add("loss_off", "largest miss of a loss", max(map(abs, misses)) * 100, "%")


async def pinged(report: Report, what: NetworkProfile, seed: int) -> tuple[float, float]:
    """Add a network's round trip and loss; return the round trip as a part of what it should be, and the loss."""
    async with PacketNetwork(what, seed=seed) as network:
        answer = await traffic(network.phone, "ping", network.server.address, PINGS, PING_PAUSE_S)
    heard = [each for each in answer if each is not None]
    wanted_ms = (
        what.round_trip_s + sum(PING_BITS / kbps for kbps in (what.up_kbps, what.down_kbps) if kbps) / 1e3
    ) * 1e3
    rtt_ms, loss = statistics.fmean(heard), 1 - len(heard) / len(answer)
    wanted = 1 - (1 - what.loss) ** 2
    note = f"{rtt_ms:.1f} ms of {wanted_ms:.1f}; {min(heard):.0f} to {max(heard):.0f}; {loss:.2%} lost of {wanted:.2%}"
    report.add(f"{what.name}_rtt", f"{what.name}: ping", rtt_ms / wanted_ms, "x", note)
    return rtt_ms / wanted_ms, loss


async def filled(report: Report, what: NetworkProfile, seed: int) -> list[float]:
    """Add what TCP gets through each direction that has a rate; return it as parts of what it should be."""
    ratios = []
    trace_kbps = what.down_trace.mean_kbps if what.down_trace else None
    for way, kbps in (("down", what.down_kbps or trace_kbps), ("up", what.up_kbps)):
        if kbps is None:
            continue
        async with PacketNetwork(what, seed=seed) as network:
            sides = (network.phone, network.server) if way == "down" else (network.server, network.phone)
            found_kbps = await rate_bps(*sides) / 1000
        wanted_kbps = kbps * SEGMENT_BYTES / PACKET_BYTES_MAX
        ratios.append(found_kbps / wanted_kbps)
        note = f"{found_kbps:.0f} kbit/s of {wanted_kbps:.0f} after headers"
        report.add(f"{what.name}_{way}", f"{what.name}: TCP {way}", ratios[-1], "x", note)
    return ratios


async def ceiling(report: Report) -> None:
    """Add what goes through a network that does nothing: what this machine can carry at most."""
    report.say("fill a perfect network")
    async with PacketNetwork(profile("perfect")) as network:
        mbps = await rate_bps(network.phone, network.server) / 1e6
    report.add("ceiling_mbps", "perfect: TCP down", mbps, "Mbit/s", "this process carries every packet")


async def small_messages(report: Report, loss: float, kernel_ms: tuple[int, int, int], seed: int) -> None:
    """Add what loss does to small messages and to dials, beside what another emulator's did."""
    lossy = NetworkProfile(name="loss", delay_ms=50, loss=loss)
    async with PacketNetwork(lossy, seed=seed) as network, served(network.server):
        took = await traffic(network.phone, "echo", network.server.address, CONNECTIONS, 2 * ECHOES)
    cuts, dials = statistics.quantiles(took["echo"], n=100), statistics.quantiles(took["connect"], n=20)
    found = (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]))
    for (name, ms), known_ms in zip(found, kernel_ms, strict=True):
        report.add(f"loss_{loss:g}_{name}", f"{name} with a loss of {loss:.0%}", ms, "ms", f"research: {known_ms} ms")
    what = f"p95 of a dial with a loss of {loss:.0%}"
    report.add(f"loss_{loss:g}_dial", what, dials[18], "ms", f"research: {CONNECT_MS[loss]} ms")


async def rate_bps(reader: Namespace, sender: Namespace) -> float:
    """Return how many bits per second of payload TCP gets from one side to the other."""
    async with served(sender):
        return 8 * float(await traffic(reader, "fill", sender.address, FILL_S))


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
