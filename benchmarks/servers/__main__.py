"""`make bench-server`: Onebar's server beside ejabberd, prosody, mosquitto and nats, each pinned to one core.

The generator, the same for all, has the other core. Every text is counted: accepted, delivered, acknowledged by both
sides; else the run fails. The floor is an echo of websockets' Sans-I/O core. A server that is not installed is named
and left out. `ONLY=onebar,nats` runs those whose names begin so; `ROUND_S=1` shortens the rounds.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.goals import SERVERS
from benchmarks.measured_server import pinned, raise_file_limit, running
from benchmarks.phones import scratch_folder
from benchmarks.report import REPORTS, BenchError, Report
from benchmarks.rounds import ratio, summarize
from benchmarks.servers import with_echo, with_onebar
from benchmarks.servers.chart import draw
from benchmarks.servers.measure import LOADS, PAIRS, Row, measure_idle, measure_loads, measure_texts, seats_of
from benchmarks.servers.pairs import Pairs, Window
from benchmarks.servers.peers import Peer
from benchmarks.servers.profile import Share, find_py_spy, record, shares
from benchmarks.servers.tables import markdown
from benchmarks.servers.with_mqtt import MqttPeer
from benchmarks.servers.with_nats import JetStreamPeer, NatsPeer
from benchmarks.servers.with_onebar import OnebarPeer
from benchmarks.servers.with_xmpp import EjabberdPeer, ProsodyPeer
from benchmarks.weak.children import install

ROUNDS: Final = 3
"""How often each load is put on each server."""

ROUND_S: Final = 2.0
"""Time of one measurement, unless the environment's ROUND_S says otherwise."""

FILES_BESIDE: Final = 200
"""Open files of a process beside its links."""

PROFILE_S: Final = 5
"""How long py-spy looks."""

FLOOR: Final = "WebSocket echo"
"""The floor's name."""

SYNCED: Final = "JetStream, synced"
"""The one peer that keeps what Onebar keeps: a text is on the disk before its acknowledgement."""

LAST_LINE: Final = (
    *("us_window1", "us_window8", "us_open", "p99_ms_open", "over_synced_window1", "over_synced_window8"),
    *("store_us", "drain_per_s", "idle_kb", "login_us"),
)
"""Keys of the last line, where they were measured."""

PEERS: Final[Sequence[Peer]] = (
    OnebarPeer(),
    JetStreamPeer(synced=True),
    JetStreamPeer(synced=False),
    NatsPeer(),
    MqttPeer(1),
    MqttPeer(2),
    EjabberdPeer(archive=False),
    EjabberdPeer(archive=True),
    ProsodyPeer(archive=False),
    ProsodyPeer(archive=True),
)
"""The servers, Onebar first; what keeps as much as Onebar next."""


def main(environment: dict[str, str]) -> int:
    """Measure everything; return the exit code."""
    only = [name for name in environment.get("ONLY", "").split(",") if name]
    round_s = float(environment.get("ROUND_S") or ROUND_S)
    peers = [peer for peer in PEERS if not only or any(peer.facts.name.lower().startswith(name) for name in only)]
    report = Report(SERVERS, "Onebar's server, pinned to one core", LAST_LINE)
    try:
        pin = pinned()
        if not pin:
            report.say("CPU 0 and CPU 1 are not both there: server and generator are not pinned")
        peers, left_out = complete(report, peers)
        rows = [measure_floor(report, round_s, pin=pin)]
        for peer in peers:
            try:
                rows.append(measure_peer(report, peer, round_s, pin=pin))
            except BenchError as error:
                if peer.facts is with_onebar.FACTS:
                    raise
                left_out.append(f"{peer.facts.name} ({error})")
                report.say(f"{peer.facts.name} is left out: {error}")
        profile = profiled(report, pin=pin)
        write(report, rows, left_out, profile)
    except (BenchError, OSError) as error:
        return report.fail(BenchError(f"{type(error).__name__}: {error}"))
    return report.finish()


def complete(report: Report, peers: Sequence[Peer]) -> tuple[list[Peer], list[str]]:
    """Install what is missing if this machine allows it; return who can take part, and why others cannot."""
    wanted = {peer.missing() for peer in peers} - {""}
    packages = [
        each.removeprefix("apt-get install ").partition(",")[0] for each in wanted if each.startswith("apt-get")
    ]
    if packages:
        report.say(f"installing {', '.join(packages)}")
        if not install(packages):
            report.say("not root, or no apt-get: nothing was installed")
    found, left_out = [], []
    for peer in peers:
        if missing := peer.missing():
            left_out.append(f"{peer.facts.name} ({missing})")
            report.say(f"{peer.facts.name} is left out: {missing}")
        else:
            found.append(peer)
    return found, left_out


def measure_floor(report: Report, round_s: float, *, pin: bool) -> Row:
    """Measure an echo of as many bytes as Onebar's frame has, under the same loads."""
    length = len(msgspec.msgpack.encode([[2, 1000, 1000, 0, [[1 << 30, [[1 << 30, with_onebar.BODY]]]]]]))
    row = Row(FLOOR, None)
    with scratch_folder() as folder, running("echo", folder, pin=pin) as server:
        ends = with_echo.connect(server.port, PAIRS, length)
        with closing(Pairs(ends)) as pairs:
            row.costs = measure_loads(server, pairs, ROUNDS, min(1.0, round_s))
    tell(report, row)
    return row


def measure_peer(report: Report, peer: Peer, round_s: float, *, pin: bool) -> Row:
    """Measure one server."""
    row = Row(peer.facts.name, peer.facts)
    report.say(f"{row.name}: texts, and mail for readers who are away")
    with scratch_folder() as folder:
        measure_texts(peer, row, folder, ROUNDS, round_s, pin=pin)
    links = min(peer.facts.idle_links, raise_file_limit() - FILES_BESIDE)
    report.say(f"{row.name}: {links} idle links")
    with scratch_folder() as folder:
        measure_idle(peer, row, folder, links, pin=pin)
    tell(report, row)
    return row


def tell(report: Report, row: Row) -> None:
    """Say on the way what a server costs."""
    said = [
        f"{name}: {'<= ' if row.limited(name) else ''}{row.value(name, 'us'):.1f} us"
        f" (server {row.value(name, 'server_busy'):.0%}, generator {row.value(name, 'generator_busy'):.0%})"
        for name in LOADS
    ]
    report.say(f"{row.name}: {'; '.join(said)}")


def profiled(report: Report, *, pin: bool) -> list[Share]:
    """Look where Onebar's time goes at window 8, in a run of its own: py-spy slows the server down."""
    if not find_py_spy():
        report.say("no profile: pip install 'onebar[bench]' brings py-spy")
        return []
    peer = OnebarPeer()
    with scratch_folder() as folder, peer.serving(folder, 2 * PAIRS, pin=pin) as server:
        senders, readers = seats_of(range(PAIRS), range(PAIRS, 2 * PAIRS))
        ends = peer.connect(server.port, [*senders, *readers])
        with closing(Pairs(list(zip(ends[:PAIRS], ends[PAIRS:], strict=True)))) as pairs:
            path = folder / "profile.txt"
            try:
                record(server.pid, path, PROFILE_S, lambda: pairs.run(Window(8), PROFILE_S + 1))
            except BenchError as error:
                report.say(f"no profile: {error}")
                return []
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / f"{SERVERS}-profile.txt").write_text(raw := path.read_text(encoding="utf-8"), encoding="utf-8")
        return shares(raw)


def write(report: Report, rows: Sequence[Row], left_out: Sequence[str], profile: Sequence[Share]) -> None:
    """Add Onebar's figures to the report, and write the table, the chart and all rows."""
    named = {row.name: row for row in rows}
    own, floor, synced = named[with_onebar.FACTS.name], named[FLOOR], named.get(SYNCED)
    for load, key in zip(LOADS, ("window1", "window8", "open"), strict=True):
        us = summarize([cost.us for cost in own.costs[load]])
        beside = f"{ratio(us.median, floor.value(load, 'us'))} the echo"
        if synced:
            over = us.median / synced.value(load, "us")
            beside += f"; {over:.2f} x JetStream, synced"
        report.add(f"us_{key}", f"CPU for one text, {load}", us.median, "us", f"{us}; {beside}")
        note = f"p50 {own.value(load, 'p50_ms'):.2f}; acknowledged, p50 {own.value(load, 'acked_p50_ms'):.2f}"
        report.add(f"p99_ms_{key}", f"sender to reader, p99, {load}", own.value(load, "p99_ms"), "ms", note)
        if synced:
            report.add(f"over_synced_{key}", f"CPU beside JetStream, synced, {load}", over, "x")
    measured = {
        "store_us": ("CPU to store one text for a reader who is away", own.store_us, "us"),
        "drain_us": ("CPU to drain one", own.drain_us, "us"),
        "drain_per_s": ("texts drained", own.drain_per_s, "/s"),
        "idle_kb": (f"memory of an idle, authenticated link, at {own.idle_links}", own.idle_kb, "kB"),
        "login_us": ("CPU of a login", own.login_us, "us"),
        "syncs": ("syncs for a text, at 200/s", own.syncs, ""),
    }
    for key, (what, value, unit) in measured.items():
        if value is not None:
            report.add(key, what, value, unit)
    REPORTS.mkdir(parents=True, exist_ok=True)
    text = markdown(rows, left_out, profile, own.value("window 8", "us"))
    (REPORTS / f"{SERVERS}.md").write_text(text, encoding="utf-8")
    everything = {"rows": rows, "left_out": left_out, "profile": profile}
    (REPORTS / f"{SERVERS}-rows.json").write_bytes(msgspec.json.format(msgspec.json.encode(everything)))
    draw(rows, Path(REPORTS / f"{SERVERS}.png"))
    report.say(f"the tables are in {REPORTS / SERVERS}.md, the chart beside it")


if __name__ == "__main__":
    sys.exit(main(dict(os.environ)))
