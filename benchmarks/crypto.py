"""`make bench-crypto`: what sealing costs, beside vodozemac, python-doubleratchet and libsignal in the same run.

All times are CPU time, medians of rounds in which the implementations take turns: a busy machine meets them all.
Ours are those of the product's calls, `sessions.start`, `seal` and `open_envelope`, with its associated data.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from tests.interop.with_libsignal import MissingError

from benchmarks.crypto_peers import Peer, doubleratchet, libsignal, vodozemac
from benchmarks.crypto_sides import TEXT, OurDevice, cpu_us, message_us, our_pair, our_setup_us
from benchmarks.goals import CRYPTO
from benchmarks.report import BenchError, Report
from benchmarks.rounds import ratio, summarize
from onebar.crypto import sessions
from onebar.crypto.kem import Kem, find_kem
from onebar.crypto.padding import pad

ROUNDS: Final = 15
"""How often each is measured."""

MESSAGES: Final = 400
"""Messages of a round: 10 to 60 ms of work for most."""

SETUPS: Final = 40
"""Sessions of a round."""

OURS: Final = ("chain_us", "dh_step_us", "added_bytes")
"""Keys of the last line; those of a peer have its name before them."""

Measure = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure that is measured in rounds."""

    key: str
    what: str
    measure: Measure
    count: int
    peer_of: str = ""
    """The key of our figure that this one stands beside."""
    note: str = ""


def main(rounds: int = ROUNDS, messages: int = MESSAGES, setups: int = SETUPS) -> int:
    """Measure everything; return the exit code."""
    with ExitStack() as open_peers:
        peers, missing = found_peers(open_peers)
        keys = OURS + tuple(f"{peer.key}_{key}" for peer in peers for key in OURS)
        report = Report(CRYPTO, "Sealing and opening 100 bytes: CPU, and what is added", keys)
        for text in missing:
            report.say(f"not measured: {text}")
        try:
            kem = find_kem()
            rows = [*our_rows(kem, messages, setups), *(row for it in peers for row in peer_rows(it, messages, setups))]
            measure(report, rows, rounds)
            add_sizes(report, peers, kem)
        except BenchError as error:
            return report.fail(error)
        return report.finish()


def found_peers(open_peers: ExitStack) -> tuple[list[Peer], list[str]]:
    """Return the peers that are installed, and say of the others why they are not measured."""
    peers, missing = [], []
    for name, find in (("vodozemac", vodozemac), ("doubleratchet", doubleratchet)):
        try:
            peers.append(find())
        except ModuleNotFoundError as error:
            missing.append(f"{name}: {error.name} is not installed")
    try:
        peers.append(open_peers.enter_context(libsignal()))
    except MissingError as error:
        missing.append(f"libsignal: {error}")
    return peers, missing


def our_rows(kem: Kem | None, messages: int, setups: int) -> list[Row]:
    """Return what is measured of ours."""
    first = "until the first text is open: bundle verified, both handshakes, sealed, opened"
    rows = [
        Row("chain_us", "seal + open, same chain", lambda n: message_us(our_pair(kem), n, turns=False), messages),
        Row("dh_step_us", "seal + open, DH step", lambda n: message_us(our_pair(kem), n, turns=True), messages),
        Row("setup_us", "session set-up, X3DH", lambda n: our_setup_us(None, n), setups, note=first),
        Row("state_us", "sessions to bytes and back", lambda n: cpu_us(round_trip(our_pair(kem).first), n), messages),
    ]
    if kem is not None:
        rows.append(Row("setup_pq_us", f"session set-up, PQXDH ({kem.name})", lambda n: our_setup_us(kem, n), setups))
    return rows


def peer_rows(peer: Peer, messages: int, setups: int) -> list[Row]:
    """Return what is measured of a peer."""
    rows = [
        Row(f"{peer.key}_chain_us", f"{peer.name}, same chain", peer.chain_us, messages, "chain_us", peer.note),
        Row(f"{peer.key}_dh_step_us", f"{peer.name}, DH step", peer.dh_step_us, messages, "dh_step_us"),
    ]
    if peer.setup_us is not None:
        rows.append(Row(f"{peer.key}_setup_us", f"{peer.name}, session set-up", peer.setup_us, setups, "setup_us"))
    return rows


def round_trip(side: object) -> Callable[[], None]:
    """Return what writes our side's sessions down and reads them, as the store does around each message."""
    assert isinstance(side, OurDevice)

    def once() -> None:
        if sessions.from_bytes(sessions.to_bytes(side.sessions)) != side.sessions:
            raise BenchError("sessions did not come back as they were written")

    return once


def measure(report: Report, rows: list[Row], rounds: int) -> None:
    """Measure all rows in each round, once before to warm up, and add their medians."""
    values: dict[str, list[float]] = {row.key: [] for row in rows}
    for row in rows:
        row.measure(max(1, row.count // 10))
    for number in range(1, rounds + 1):
        for row in rows:
            values[row.key].append(row.measure(row.count))
        if number % 5 == 0 or number == rounds:
            report.say(f"{number} of {rounds} rounds")
    found = {key: summarize(measured) for key, measured in values.items()}
    for row in rows:
        rounds_of = found[row.key]
        beside = f"{ratio(rounds_of.median, found[row.peer_of].median)} of ours" if row.peer_of else ""
        note = "; ".join(part for part in (beside, row.note, str(rounds_of)) if part)
        report.add(row.key, row.what, rounds_of.median, "µs", note)


def add_sizes(report: Report, peers: list[Peer], kem: Kem | None) -> None:
    """Add what sealing adds to a text of 100 bytes, without and with our padding, and how long our state is."""
    alice = our_pair(kem).first
    assert isinstance(alice, OurDevice)
    added = len(alice.seal(TEXT)) - len(TEXT)
    padded = len(alice.seal(pad(TEXT))) - len(TEXT)
    report.add("added_bytes", "added to 100 bytes", added, "B", "by sealing alone: no padding, no compression")
    report.add("added_padded_bytes", "added with our padding", padded, "B", "padded to the bucket of 112 bytes")
    for peer in peers:
        beside = f"{ratio(peer.added_bytes, added)} of ours; without padding, but for AES-CBC's own"
        if peer.key == "doubleratchet":
            beside = "its format is the caller's, and is ours here"
        report.add(f"{peer.key}_added_bytes", f"{peer.name}, added", peer.added_bytes, "B", beside)
    state = len(sessions.to_bytes(alice.sessions))
    report.add("state_bytes", "sessions with one device, written down", state, "B", "one session, nothing missing")


if __name__ == "__main__":
    sys.exit(main())
