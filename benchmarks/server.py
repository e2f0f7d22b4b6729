"""`make bench-server-quick`: what one message and one idle link cost the server.

The server runs in a process of its own on one CPU, a lean generator on another. Its floor in the same run is an echo:
websockets' Sans-I/O core on uvloop, and nothing else. Every message is counted: accepted, delivered, acknowledged by
both sides, ticked; else the run fails.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.goals import SERVER
from benchmarks.measured_server import MeasuredServer, pinned, raise_file_limit, running
from benchmarks.phones import scratch_folder
from benchmarks.raw_links import RawDevice, close_all, connect_all
from benchmarks.report import BenchError, Report
from benchmarks.rounds import Rounds, ratio, summarize
from benchmarks.servers import with_echo
from benchmarks.servers.measure import close_ends
from benchmarks.servers.pairs import Pairs, Window
from benchmarks.servers.with_onebar import pair_up, register

PAIRS: Final = 50
"""Senders, each with a recipient of its own."""

BODY: Final = bytes(range(100))
"""What a message carries, as in the peers' measurements: 100 bytes. The server does not look into it."""

WINDOWS: Final = (1, 8)
"""Messages of a pair under way at once."""

ROUNDS: Final = 3
"""How often each is measured; windows and servers take turns."""

ROUND_S: Final = 2.5
"""Time of one measurement of the server."""

ECHO_S: Final = 0.8
"""Time of one measurement of the floor, which does many more in it."""

WARM_S: Final = 0.3
"""Traffic before each measurement."""

IDLE_LINKS: Final = 5000
"""Idle links whose memory is measured."""

IDLE_BEFORE: Final = 100
"""Links that are there before memory is first looked at: what is imported and allocated once does not count."""

FILES_BESIDE: Final = 100
"""Open files of a process beside its links."""

SETTLE_S: Final = 1.0
"""What a turn still has to do after the last Welcome is done in this time."""

US_PEERS: Final = {
    1: "ejabberd in RAM 168, prosody 367, JetStream fsynced without chat 259",
    8: "ejabberd in RAM 103, prosody 192, JetStream fsynced without chat 191",
}
"""CPU of others for one message, measured before this project began, on one machine."""

KB_PEERS: Final = "ejabberd 86, nats 52, prosody 47, mosquitto 1.1"
"""Memory of others for one link."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one measurement found."""

    us: float
    per_s: float
    server_busy: float
    generator_busy: float


def main() -> int:
    """Measure everything; return the exit code."""
    report = Report(SERVER, "The server", ("us_window1", "us_window8", "idle_kb"))
    try:
        pin = pinned()
        if not pin:
            report.say("CPU 0 and CPU 1 are not both there: server and generator are not pinned")
        links = min(IDLE_LINKS, raise_file_limit() - FILES_BESIDE - IDLE_BEFORE)
        if links < IDLE_LINKS:
            report.say(f"the limit of open files allows {links} idle links, not {IDLE_LINKS}")
        with scratch_folder() as folder:
            count = 2 * PAIRS + IDLE_BEFORE + links
            report.say(f"{count} devices are registered in the server's database")
            devices = register(folder / "onebar", count)
            measure_messages(report, folder / "onebar", devices[: 2 * PAIRS], pin=pin)
            measure_idle(report, folder / "onebar", devices[2 * PAIRS :], pin=pin)
    except (BenchError, OSError) as error:
        return report.fail(BenchError(f"{type(error).__name__}: {error}"))
    return report.finish()


# --- messages -------------------------------------------------------------------------------------


def measure_messages(report: Report, data: Path, devices: Sequence[RawDevice], *, pin: bool) -> None:
    """Measure the server and the floor in turn, at each window."""
    payload = len(msgspec.msgpack.encode([[2, 1000, 1000, 0, [[1 << 30, [[1 << 30, BODY]]]]]]))
    routed: dict[int, list[Cost]] = {window: [] for window in WINDOWS}
    echoed: dict[int, list[Cost]] = {window: [] for window in WINDOWS}
    with running("onebar", data, pin=pin) as server, running("echo", data, pin=pin) as floor:
        ends = pair_up(server.port, devices[:PAIRS], devices[PAIRS:])
        plain = with_echo.connect(floor.port, PAIRS, payload)
        with closing(Pairs(ends)) as traffic, closing(Pairs(plain)) as echoes:
            for number in range(ROUNDS):
                for window in WINDOWS:
                    cost = measure(server, traffic, window, ROUND_S)
                    routed[window].append(cost)
                    echoed[window].append(measure(floor, echoes, window, ECHO_S))
                    report.say(
                        f"round {number + 1} of {ROUNDS}, window {window}: {cost.us:.0f} us a message, "
                        f"{cost.per_s:.0f} messages a second, CPU of the server {cost.server_busy:.0%}, "
                        f"of the generator {cost.generator_busy:.0%}"
                    )
        close_ends([end for pair in (*ends, *plain) for end in pair])
    add_messages(report, routed, echoed)


def measure(server: MeasuredServer, pairs: Pairs, window: int, duration_s: float) -> Cost:
    """Let traffic run; return what it cost the server."""
    pairs.run(Window(window), WARM_S)
    cpu_s = server.cpu_s()
    sample = pairs.run(Window(window), duration_s)
    cpu_s = server.cpu_s() - cpu_s
    return Cost(cpu_s / sample.done * 1e6, sample.done / sample.took_s, cpu_s / sample.took_s, sample.busy)


def add_messages(report: Report, routed: dict[int, list[Cost]], echoed: dict[int, list[Cost]]) -> None:
    """Add the cost of a message, beside that of an echo."""
    for window in WINDOWS:
        ours: Rounds = summarize([cost.us for cost in routed[window]])
        floor: Rounds = summarize([cost.us for cost in echoed[window]])
        note = f"{ours}; {ratio(ours.median, floor.median)} the echo; {US_PEERS[window]}"
        report.add(f"us_window{window}", f"CPU for one message, window {window}", ours.median, "us", note)
        report.add(f"echo_us_window{window}", f"CPU for one echo, window {window}", floor.median, "us", str(floor))
        per_s = summarize([cost.per_s for cost in routed[window]])
        report.add(f"messages_per_s_window{window}", f"messages, window {window}", per_s.median, "/s", str(per_s))


# --- idle links -----------------------------------------------------------------------------------


def measure_idle(report: Report, data: Path, devices: Sequence[RawDevice], *, pin: bool) -> None:
    """Measure the memory of idle links, and that of the floor's."""
    count = len(devices) - IDLE_BEFORE
    report.say(f"{count} idle links")
    kb, connect_us = idle_cost("onebar", data, devices, pin=pin)
    report.say(f"{count} idle links of the floor")
    floor_kb, floor_us = idle_cost("echo", data, [None] * len(devices), pin=pin)
    note = f"at {count} links; {ratio(kb, floor_kb)} the floor; {KB_PEERS}"
    report.add("idle_kb", "memory of an idle, authenticated link", kb, "kB", note)
    report.add("floor_idle_kb", "memory of an idle link of the floor", floor_kb, "kB")
    note = f"signature, commit and Welcome; {ratio(connect_us, floor_us)} the floor"
    report.add("connect_us", "CPU for one link, upgrade to Welcome", connect_us, "us", note)


def idle_cost(kind: str, data: Path, devices: Sequence[RawDevice | None], *, pin: bool) -> tuple[float, float]:
    """Return the memory in kB, and the CPU in µs, that a link costs the server."""
    with running(kind, data, pin=pin) as server:
        before = connect_all(server.port, devices[:IDLE_BEFORE])
        time.sleep(SETTLE_S)
        resident, cpu_s = server.resident_bytes(), server.cpu_s()
        links = connect_all(server.port, devices[IDLE_BEFORE:])
        time.sleep(SETTLE_S)
        cost = (server.resident_bytes() - resident) / len(links) / 1000
        cpu_s = server.cpu_s() - cpu_s
        close_all([*before, *links])
    return cost, cpu_s / len(links) * 1e6


if __name__ == "__main__":
    sys.exit(main())
