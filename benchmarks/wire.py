"""`make bench-wire`: bytes on the wire, and round trips until the first queued message is acknowledged.

Real clients and a real server, with a proxy between them that keeps every byte. Where frames share a message, each
counts as if it had travelled alone: the ack of a tick waits for the next text, and costs 5 bytes there. The round trips
are measured over a way of 500 ms, from the moment when TCP stands.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.goals import WIRE
from benchmarks.phones import ALICE, BOB, PATIENCE_S, reached, registered, scratch_folder
from benchmarks.report import BenchError, Report
from benchmarks.rounds import summarize
from benchmarks.tap import Tap, Tapped
from benchmarks.wire_messages import sized_frames, split_head
from onebar import Client
from onebar.core.frames import Accepted, Ack, Deliver, Delivered, Submit
from onebar.models import Reach
from onebar_mockserver import MockServer
from onebar_mockserver.flight import HEADER, decode_header, open_flight
from onebar_mockserver.limits import ServerLimits

TEXTS: Final = {"short_text": 32, "text_100": 100, "text_1k": 1000}
"""Lengths of the texts, in bytes: the longest short one, and two more."""

PROSE: Final = (Path(__file__).parent / "prose.txt").read_text(encoding="ascii").split()
"""What people write, for texts: a line of the same letter would shrink to nothing when it is compressed."""

REPEATS: Final = 7
"""How often each text is sent."""

HISTORY: Final = 300
"""Messages of a pair that has written for a while: its numbers take three bytes each, not one."""

ROUND_TRIP_S: Final = 0.5
"""A weak mobile network's."""

ROUNDS: Final = 5
"""How often a queued message is acknowledged, in each way to start."""

PEERS: Final = "WhatsApp 127-164, Signal 217-250, XMPP 296, Matrix 602-789"
"""What others need for a short text, measured before this project began."""


async def main() -> int:
    """Measure everything; return the exit code."""
    report = Report(
        WIRE, "On the wire", ("short_text_up", "short_text_down", "ack", "tick", "rtt_to_ack", "rtt_to_ack_fresh")
    )
    try:
        with scratch_folder() as folder:
            async with MockServer(folder / "server", limits=ServerLimits(rates={})) as server:
                await measure_bytes(report, server, folder)
            async with MockServer(folder / "far-server", limits=ServerLimits(rates={})) as server:
                await measure_round_trips(report, server, folder)
    except BenchError as error:
        return report.fail(error)
    return report.finish()


# --- bytes ----------------------------------------------------------------------------------------


async def measure_bytes(report: Report, server: MockServer, folder: Path) -> None:
    """Send texts of each length, to a new acquaintance and to an old one, and count."""
    async with (
        Tap(server.port) as near,
        Tap(server.port) as far,
        Client.open(folder / "alice.db", server=near.url) as alice,
        Client.open(folder / "bob.db", server=far.url) as bob,
    ):
        report.say("two phones register")
        await registered(alice, server, ALICE)
        await registered(bob, server, BOB)
        await deliver(alice, "hello")
        for key, length in TEXTS.items():
            report.say(f"{REPEATS} texts of {length} bytes")
            up, down = await count(alice, near, far, length)
            peers = PEERS if key == "short_text" else ""
            report.add(f"{key}_up", f"text of {length} B, up", up, "B", peers)
            report.add(f"{key}_down", f"text of {length} B, down", down, "B")
        add_small_frames(report, near.link, far.link, "", "new pair")
        report.say(f"{HISTORY} more texts, so that the numbers grow")
        await asyncio.gather(*(deliver(alice, f"text {number}") for number in range(HISTORY)))
        up, down = await count(alice, near, far, TEXTS["short_text"])
        note = f"after {HISTORY} messages: numbers above 255 take three bytes each, not one"
        report.add("old_pair_short_text_up", "text of 32 B, up, old pair", up, "B", note)
        report.add("old_pair_short_text_down", "text of 32 B, down, old pair", down, "B")
        add_small_frames(report, near.link, far.link, "old_pair_", "old pair")
        await count_resume(report, alice, near)


async def deliver(client: Client, text: str) -> None:
    """Send a text and wait for its tick."""
    await (await client.chat(BOB).send(text)).delivered(PATIENCE_S)


async def count(alice: Client, near: Tap, far: Tap, length: int) -> tuple[float, float]:
    """Send texts of one length; return the bytes of the Submit and of the Deliver."""
    for number in range(REPEATS):
        await deliver(alice, prose(length, number))
    up = [size for frame, size in sized_frames(body(near.link.up), from_client=True) if isinstance(frame, Submit)]
    down = [size for frame, size in sized_frames(body(far.link.down), from_client=False) if isinstance(frame, Deliver)]
    if min(len(up), len(down)) < REPEATS:
        raise BenchError(f"of {REPEATS} texts {len(up)} were seen going up and {len(down)} coming down")
    return median(up[-REPEATS:]), median(down[-REPEATS:])


def prose(length: int, number: int) -> str:
    """Return a text of this length, another one for each number."""
    begins = number * len(PROSE) // REPEATS
    return " ".join(PROSE[begins:] + PROSE[:begins])[:length]


def add_small_frames(report: Report, near: Tapped, far: Tapped, prefix: str, pair: str) -> None:
    """Add the acknowledgements of both sides and the tick: the last ones that came."""
    accepted = last(near.down, Accepted)
    acks = last(far.up, Ack)
    note = f"the longer of two: the server's to the sender {accepted:.0f}, the recipient's to the server {acks:.0f}"
    report.add(f"{prefix}ack", f"ack, {pair}", max(accepted, acks), "B", note)
    report.add(f"{prefix}tick", f"tick, {pair}", last(near.down, Delivered), "B")


def last(stream: bytearray, kind: type) -> float:
    """Return the median size of the last frames of this kind."""
    sizes = [size for frame, size in sized_frames(body(stream), from_client=kind is Ack) if isinstance(frame, kind)]
    if not sizes:
        raise BenchError(f"no {kind.__name__} was seen")
    return median(sizes[-REPEATS:])


def body(stream: bytearray) -> bytes:
    """Return what came after the upgrade."""
    return split_head(bytes(stream))[1]


async def count_resume(report: Report, alice: Client, near: Tap) -> None:
    """Cut the link and count what it takes to be back, with nothing waiting."""
    report.say("a cut, and the resume")
    before = len(near.tapped)
    near.cut()
    await reached(alice, Reach.WAITING, Reach.CONNECTING)
    alice.network_changed()
    await reached(alice, Reach.OPEN)
    await asyncio.sleep(0.1)
    if len(near.tapped) == before:
        raise BenchError("the phone did not connect again")
    for key, what, stream in (("up", "upgrade and flight", near.link.up), ("down", "101 and Welcome", near.link.down)):
        head, rest = split_head(bytes(stream))
        note = f"{what}: {len(head)} B of HTTP, {len(rest)} B of frames"
        report.add(f"resume_{key}", f"a resumed link, {key}", len(stream), "B", note)


# --- round trips ----------------------------------------------------------------------------------


async def measure_round_trips(report: Report, server: MockServer, folder: Path) -> None:
    """Acknowledge a queued message over a long way, after three kinds of start."""
    database = folder / "far-alice.db"
    async with Tap(server.port) as tap, Client.open(folder / "far-bob.db", server=server.url) as bob:
        await registered(bob, server, BOB)
        async with Client.open(database, server=tap.url) as alice:
            await registered(alice, server, ALICE)
            await deliver(alice, "hello")
            report.say(f"{ROUNDS} cuts over a way of {ROUND_TRIP_S * 1000:.0f} ms, a message queued in each")
            warm = [await warm_start(alice, tap) for _ in range(ROUNDS)]
        report.say("new processes, a message sealed before")
        sealed = [await fresh_start(database, tap, f"sealed {number}", queue_sealed) for number in range(ROUNDS)]
        report.say("new processes, a message that was never sealed")
        drafts = [await fresh_start(database, tap, f"draft {number}", queue_draft) for number in range(ROUNDS)]
    note = "the message leaves in the first flight; Signal 2, centrifuge-python 3, XMPP 3-6"
    report.add("rtt_to_ack", "TCP to ack, process welcomed before", median(warm), "RTT", f"{summarize(warm)}; {note}")
    note = f"{summarize(sealed)}; in the first flight too: its bytes were fixed before the process ended"
    report.add("rtt_to_ack_sealed", "TCP to ack, new process, sealed before", median(sealed), "RTT", note)
    note = f"{summarize(drafts)}; it is sealed only after the Welcome"
    report.add("rtt_to_ack_fresh", "TCP to ack, new process, draft", median(drafts), "RTT", note)


async def warm_start(alice: Client, tap: Tap) -> float:
    """Cut, queue a message, let the phone connect; return the round trips until the ack."""
    await go_offline(alice, tap)
    message = await alice.chat(BOB).send("queued")
    come_back(tap)
    alice.network_changed()
    await message.sent(PATIENCE_S)
    took_s = asyncio.get_running_loop().time() - tap.link.accepted_s
    if not submits_in_flight(tap.link):
        raise BenchError("the queued message did not leave in the first flight")
    return took_s / ROUND_TRIP_S


async def fresh_start(database: Path, tap: Tap, key: str, queue: Callable[[Path, Tap, str], object]) -> float:
    """Queue a message in this process, let a new one send it; return the round trips until the ack."""
    await queue(database, tap, key)  # type: ignore[misc]
    come_back(tap)
    command = ("-m", "benchmarks.fresh_phone", "acked", str(database), tap.url, BOB, key, "queued")
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"a phone in a new process ended with exit code {process.returncode}")
    if submits_in_flight(tap.link) != (queue is queue_sealed):
        raise BenchError("a new process sent its queued message at another time than expected")
    return (float(said) - tap.link.accepted_s) / ROUND_TRIP_S


async def queue_sealed(database: Path, tap: Tap, key: str) -> None:
    """Leave a message that was sealed, because its process had been welcomed."""
    tap.refusing, tap.one_way_s = False, 0.0
    async with Client.open(database, server=tap.url) as alice:
        await reached(alice, Reach.OPEN)
        await go_offline(alice, tap)
        await alice.chat(BOB).send("queued", key=key)


async def queue_draft(database: Path, tap: Tap, key: str) -> None:
    """Leave a message that was never sealed, because its process found no network."""
    tap.refusing = True
    async with Client.open(database, server=tap.url) as alice:
        await alice.chat(BOB).send("queued", key=key)


async def go_offline(alice: Client, tap: Tap) -> None:
    """Cut the link and refuse new ones."""
    tap.refusing = True
    tap.cut()
    await reached(alice, Reach.WAITING, Reach.CONNECTING)


def come_back(tap: Tap) -> None:
    """Let connections through, over a long way."""
    tap.refusing, tap.one_way_s = False, ROUND_TRIP_S / 2


def submits_in_flight(link: Tapped) -> bool:
    """Whether a link's upgrade request carried a message."""
    head = split_head(bytes(link.up))[0].decode("latin-1")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
    return any(isinstance(frame, Submit) for frame in open_flight(decode_header(lines[HEADER])).behind)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
