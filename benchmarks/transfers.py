"""Uploads over weak networks: what kills cost, beside peers, and how long a text takes while one is on its way."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.mockserver.attachment_server import application, opened_blobs, serving

from benchmarks.report import ROOT, Report
from benchmarks.transfers_chart import Row
from onebar import Client, MessageReceived
from onebar.crypto.attachments import sealed_bytes
from onebar.models import TransferState
from onebar.testing import WeakNetwork, profile
from onebar_mockserver import MockServer
from onebar_mockserver.blobs import BlobLimits

ALICE, BOB = "+12025550101", "+12025550102"

NETWORKS: Final = ("edge", "3g-lossy", "tunnel")
"""Where files are sent."""

SENT_S: Final = 30.0
"""A file is as long as the network takes this time to carry it."""

FILE_BYTES_MAX: Final = 8_000_000
"""And no longer."""

KILLS_S: Final = (7.0, 16.0)
"""The first processes are killed after these times; the third one may finish."""

DONE_S: Final = 600.0
"""A sender that takes longer has failed."""

BESIDE_BYTES: Final = 5_000_000
"""The upload beside which texts are sent."""

TEXTS: Final = 40
"""Texts that are timed without it, and as many with it."""

EVERY_S: Final = 2.5
"""Mean pause between two texts, drawn evenly up to twice this: the upload goes on meanwhile."""

TEXT_S: Final = 60.0
"""A text that takes longer has failed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What it took to send a file."""

    took_s: float
    over_pct: float
    """Bytes that went up beyond the file's own, headers and everything else included."""


def measure_kills(report: Report, networks: Sequence[str] = NETWORKS) -> list[Row]:
    """Add the figures of uploads that are killed on the way; return them for the chart."""
    worst, rows = 0.0, []
    for name in networks:
        bytes_per_s = (profile(name).up_kbps or 10**6) * 1000 / 8
        size = min(FILE_BYTES_MAX, round(bytes_per_s * SENT_S))
        for kind in ("onebar", "tuspy", "httpx"):
            report.say(f"{size / 1000:.0f} kB over {name} by {kind}, killed {len(KILLS_S)} times")
            sent = asyncio.run(send_with_kills(kind, name, size))
            key = f"{kind}_{name.replace('-', '_')}"
            note = f"in {sent.took_s:.0f} s, kills after {' and '.join(f'{at:.0f}' for at in KILLS_S)} s"
            report.add(f"{key}_over_pct", f"{kind} over {name}: bytes beyond the file's", sent.over_pct, "%", note)
            worst = max(worst, sent.over_pct if kind == "onebar" else 0.0)
            rows.append(Row(name, kind, size, sent.took_s, sent.over_pct, size / bytes_per_s))
    report.add("resend_overhead_pct", "Onebar, the worst of these", worst, "%")
    return rows


def measure_texts(report: Report) -> tuple[list[float], list[float]]:
    """Add the figures of texts beside an upload; return how long they took alone and beside it, for the chart."""
    report.say(f"{TEXTS} texts over edge, and {TEXTS} beside an upload")
    alone, beside = asyncio.run(time_texts())
    note = f"alone: median {median(alone):.2f} s, p95 {p95(alone):.2f}; beside: {median(beside):.2f}, {p95(beside):.2f}"
    report.add("text_p95_ratio", "texts beside an upload of 5 MB, p95", p95(beside) / p95(alone), "x", note)
    return alone, beside


def p95(samples: list[float]) -> float:
    """Return the time that one of 20 samples exceeds."""
    return sorted(samples)[round(0.95 * (len(samples) - 1))]


# --- kills ----------------------------------------------------------------------------------------


async def send_with_kills(kind: str, network: str, size: int) -> Sent:
    """Send a file by processes that are killed, over a network."""
    async with AsyncExitStack() as stack:
        folder = Path(await stack.enter_async_context(scratch()))
        path = folder / "file"
        path.write_bytes(random.Random(size).randbytes(size))
        if kind == "onebar":
            server = await stack.enter_async_context(MockServer())
            await introduce(server, folder, stack)
            port, total = server.port, sealed_bytes(size)
        else:
            blobs = await stack.enter_async_context(opened_blobs(folder / "blobs"))
            url = await stack.enter_async_context(serving(application(blobs, BlobLimits())))
            port, total = int(url.split(":")[2].partition("/")[0]), size
        weak = await stack.enter_async_context(WeakNetwork(profile(network), ("127.0.0.1", port), seed=size))
        way = f"http://{weak.host}:{weak.port}"
        last = [str(folder / "alice.db"), way, BOB, str(path)]
        arguments = last if kind == "onebar" else [f"{way}/v1/attachments", str(path)]
        began_s = time.monotonic()
        async with asyncio.timeout(DONE_S):
            for kill_s in (*KILLS_S, None):
                await run_sender([kind, *arguments], kill_s)
        took_s = time.monotonic() - began_s
        return Sent(took_s, 100 * (weak.figures.up_bytes / total - 1))


async def run_sender(arguments: list[str], kill_s: float | None) -> None:
    """Run a sender until it is done, or kill it after a time."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.uploading", *arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        assert (await process.stdout.readline()).strip() == b"begun", "the sender failed"
        async with asyncio.timeout(kill_s):
            assert b"done" in await process.stdout.read(), "the sender failed"
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


# --- texts ----------------------------------------------------------------------------------------


async def time_texts() -> tuple[list[float], list[float]]:
    """Return how long texts took over edge, without an upload and beside one."""
    async with AsyncExitStack() as stack:
        folder = Path(await stack.enter_async_context(scratch()))
        server = await stack.enter_async_context(MockServer())
        bob = await introduce(server, folder, stack)
        weak = await stack.enter_async_context(WeakNetwork(profile("edge"), ("127.0.0.1", server.port), seed=1))
        way = f"http://{weak.host}:{weak.port}"
        alice = await stack.enter_async_context(Client.open(folder / "alice.db", server=way))
        dice, heard = random.Random(5), bob.events("bench")
        await timed(alice, heard, "the first one, which begins a session")
        alone = [await timed(alice, heard, f"alone {number}", dice) for number in range(TEXTS)]
        path = folder / "file"
        path.write_bytes(os.urandom(BESIDE_BYTES))
        upload = (await alice.chat(BOB).send_file(path)).file
        async for at in upload.progress():
            if at.bytes_done > BESIDE_BYTES // 100:
                break
        beside = []
        for number in range(TEXTS):
            beside.append(await timed(alice, heard, f"beside {number}", dice))
            assert (await upload.look()).state is TransferState.WAITING, "the upload was over too soon"
        return alone, beside


async def timed(alice: Client, heard: AsyncIterator[object], text: str, dice: random.Random | None = None) -> float:
    """Send a text after a random pause, and return how long it took to its reader."""
    await asyncio.sleep(dice.uniform(0, 2 * EVERY_S) if dice else 0)
    began_s = time.monotonic()
    await alice.chat(BOB).send(text)
    async with asyncio.timeout(TEXT_S):
        async for event in heard:
            if isinstance(event, MessageReceived) and event.text == text:
                break
    return time.monotonic() - began_s


# --- what both need -------------------------------------------------------------------------------


async def introduce(server: MockServer, folder: Path, stack: AsyncExitStack) -> Client:
    """Register both, and return the reader, who is on a network without weather."""
    async with Client.open(folder / "alice.db", server=server.url) as alice:
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        while await unpublished(alice):  # 31 kB of prekeys, which a phone uploads once
            await asyncio.sleep(0.1)
    bob = await stack.enter_async_context(Client.open(folder / "bob.db", server=server.url))
    await bob.register(BOB, code=lambda: server.sms(BOB))
    return bob


async def unpublished(client: Client) -> bool:
    """Return whether the server lacks prekeys of a phone."""
    home = client._opened()
    return bool(await home.read(lambda store: store.prekeys.unpublished(1)))


@asynccontextmanager
async def scratch() -> AsyncIterator[str]:
    """Make a folder for a run."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        yield folder
