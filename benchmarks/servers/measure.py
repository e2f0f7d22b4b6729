"""What one server costs: texts under three loads, mail for readers who are away, idle links, syncs."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.measured_server import MeasuredServer
from benchmarks.servers.pairs import End, Load, Pairs, Rate, Sample, Window
from benchmarks.servers.peers import Facts, Peer
from benchmarks.servers.syncs import count_syncs
from benchmarks.weak.ledger import percentile

PAIRS: Final = 50
"""Senders, each with a reader of its own."""

LOADS: Final[Mapping[str, Callable[[], Load]]] = {
    "window 1": lambda: Window(1),
    "window 8": lambda: Window(8),
    "1,000/s": lambda: Rate(1000),
}
"""One text of each pair under way, eight, and a thousand texts a second over all pairs whatever the server does."""

WARM_S: Final = 0.3
"""Traffic before each measurement."""

SETTLE_S: Final = 0.7
"""What a server still has to do after the last answer is done in this time."""

IDLE_BEFORE: Final = 100
"""Links that are there before memory is first looked at: what is imported and allocated once does not count."""

STORE_UNDER_WAY: Final = 4
"""Texts of each sender under way while the readers are away."""

SYNC_RATE: Final = 200
"""Texts a second while a server's syncs are counted: few enough that each could have its own."""

SYNC_S: Final = 1.0
"""How long that is."""

LIMITED: Final = 1.0
"""The generator used as much CPU as the server: with a faster one, texts would meet in larger batches."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one measurement under a load found."""

    us: float
    """CPU of the server for one text."""
    per_s: float
    p50_ms: float
    """From the sender to the reader."""
    p99_ms: float
    acked_p50_ms: float
    """From the sender to the server and back."""
    server_busy: float
    generator_busy: float
    disk_bytes: float
    """What the server sent to the disk for one text."""


@dataclass
class Row:
    """All figures of one server; what was not measured is None."""

    name: str
    facts: Facts | None
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    store_us: float | None = None
    drain_us: float | None = None
    drain_per_s: float | None = None
    idle_links: int = 0
    idle_kb: float | None = None
    login_us: float | None = None
    syncs: float | None = None
    """Syncs for one text, at 200 a second."""

    def value(self, load: str, name: str) -> float:
        """Return the median over the rounds of one value under a load."""
        return float(statistics.median(getattr(cost, name) for cost in self.costs[load]))

    def limited(self, load: str) -> bool:
        """Whether the generator may have held the server back: then the cost is an upper bound."""
        return load.startswith("window") and self.value(load, "generator_busy") >= LIMITED * self.value(
            load, "server_busy"
        )


def measure_loads(server: MeasuredServer, pairs: Pairs, rounds: int, round_s: float) -> dict[str, list[Cost]]:
    """Put each load on a server, in turn."""
    costs: dict[str, list[Cost]] = {name: [] for name in LOADS}
    for _, name in itertools.product(range(rounds), LOADS):
        costs[name].append(measure(server, pairs, LOADS[name](), round_s))
    return costs


def measure(server: MeasuredServer, pairs: Pairs, load: Load, round_s: float) -> Cost:
    """Put one load on a server, warm, and see what it costs."""
    pairs.run(load, WARM_S)
    cpu_s, written = server.cpu_s(), server.written_bytes()
    sample = pairs.run(load, round_s)
    return cost_of(sample, server.cpu_s() - cpu_s, server.written_bytes() - written)


def cost_of(sample: Sample, cpu_s: float, written_bytes: int) -> Cost:
    """Divide what was spent by what was done."""
    delivered_s = sorted(sample.delivered_s)
    return Cost(
        us=cpu_s / sample.done * 1e6,
        per_s=sample.done / sample.took_s,
        p50_ms=percentile(delivered_s, 50) * 1000,
        p99_ms=percentile(delivered_s, 99) * 1000,
        acked_p50_ms=percentile(sorted(sample.acked_s), 50) * 1000,
        server_busy=cpu_s / sample.took_s,
        generator_busy=sample.busy,
        disk_bytes=written_bytes / sample.done,
    )


def seats_of(senders: Iterable[int], readers: Iterable[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return who talks to whom, once for the senders and once for the readers."""
    there = list(zip(senders, readers, strict=True))
    return there, [(reader, sender) for sender, reader in there]


def measure_texts(peer: Peer, row: Row, folder: Path, rounds: int, round_s: float, *, pin: bool) -> None:
    """Start a server and measure everything that has to do with texts."""
    with peer.serving(folder, 4 * PAIRS, pin=pin) as server:
        senders, readers = seats_of(range(PAIRS), range(PAIRS, 2 * PAIRS))
        ends = peer.connect(server.port, [*senders, *readers])
        with closing(Pairs(list(zip(ends[:PAIRS], ends[PAIRS:], strict=True)))) as pairs:
            row.costs = measure_loads(server, pairs, rounds, round_s)
            row.syncs = count_syncs(server, lambda: pairs.run(Rate(SYNC_RATE), SYNC_S).done)
        peer.leave(ends)
        if peer.facts.offline_texts:
            measure_offline(peer, row, server)


def measure_offline(peer: Peer, row: Row, server: MeasuredServer) -> None:
    """Let readers go, store texts for them, and let them come back."""
    texts = peer.facts.offline_texts
    senders, readers = seats_of(range(2 * PAIRS, 3 * PAIRS), range(3 * PAIRS, 4 * PAIRS))
    peer.leave(peer.connect(server.port, readers))
    said = peer.connect(server.port, senders)
    time.sleep(SETTLE_S)
    with closing(Pairs([(end, end) for end in said])) as pairs:
        cpu_s = server.cpu_s()
        pairs.say(texts, STORE_UNDER_WAY)
        row.store_us = (server.cpu_s() - cpu_s) / (texts * PAIRS) * 1e6
    time.sleep(SETTLE_S)
    heard = peer.come_back(server.port, readers)
    time.sleep(SETTLE_S)
    with closing(Pairs(list(zip(said, heard, strict=True)))) as pairs:
        cpu_s = server.cpu_s()
        sample = pairs.drain(texts)
        row.drain_us = (server.cpu_s() - cpu_s) / (texts * PAIRS) * 1e6
        row.drain_per_s = texts * PAIRS / sample.took_s
    close_ends([*said, *heard])


def measure_idle(peer: Peer, row: Row, folder: Path, links: int, *, pin: bool) -> None:
    """Measure the memory of idle links, and the CPU of a login."""
    users = IDLE_BEFORE + links
    with peer.serving(folder, users, pin=pin) as server:
        seats = [(user, (user + 1) % users) for user in range(users)]
        before = peer.connect(server.port, seats[:IDLE_BEFORE])
        time.sleep(SETTLE_S)
        resident, cpu_s = server.resident_bytes(), server.cpu_s()
        ends = peer.connect(server.port, seats[IDLE_BEFORE:])
        time.sleep(SETTLE_S)
        row.idle_links = links
        row.idle_kb = (server.resident_bytes() - resident) / links / 1000
        row.login_us = (server.cpu_s() - cpu_s) / links * 1e6
        close_ends([*before, *ends])


def close_ends(ends: Sequence[End]) -> None:
    """Close the links, without a word."""
    for end in ends:
        end.sock.close()
