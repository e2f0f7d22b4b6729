"""`make bench-app`: frames while scrolling 5,000 messages, opening a chat, typing while mail comes in, start, memory.

Everything is drawn offscreen by the processor. Beside it, as the floor, Kivy's own RecycleView with one label a row.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.app.stage import Stage, prepare

from onebar import Client
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits

ALICE: Final = "+12025550101"
BOB: Final = "+12025550102"
MESSAGES: Final = int(os.environ.get("MESSAGES") or 5000)
STEP_DP: Final = 40  # a quick flick, 2,400 dp a second
FRAMES_MAX: Final = int(os.environ.get("FRAMES") or 3000)
LINES: Final = (
    "On my way", "The train is late again, and the signal here is awful 🙈", "Ok", "👍🏽",
    "See you at eight. Bring the good cheese, two loaves of bread and whatever is left of the cake, please!",
    "مرحبا! كيف حالك؟", "Wo bist du gerade?", "你好，世界", "https://example.org/huts/greenstone",
)  # fmt: skip


async def furnish(server: MockServer, folder: Path) -> None:
    """Let Bob send Alice a long chat."""
    async with (
        Client.open(folder / "alice.db", server=server.url) as alice,
        Client.open(folder / "bob.db", server=server.url) as bob,
    ):
        for client, phone in ((alice, ALICE), (bob, BOB)):
            await client.register(phone, code=lambda phone=phone: server.sms(phone))  # type: ignore[misc]
        chat = bob.chat(ALICE)
        for number in range(MESSAGES - 1):
            await chat.send(f"{LINES[number % len(LINES)]} {number}")
        await (await chat.send("That was the last one")).delivered(timeout_s=300)
        await alice.chat(BOB).accept()
        (last,) = await alice.chat(BOB).history(limit=1)
        await alice.chat(BOB).mark_read(last)


def figures(seconds: Sequence[float]) -> str:
    """Return median, 95th and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return f"median {cuts[49] * 1000:5.1f} ms   p95 {cuts[94] * 1000:5.1f} ms   p99 {cuts[98] * 1000:5.1f} ms"


def memory_mb() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def start(url: str, folder: Path) -> None:
    """Measure in this process how long it takes until the chats can be used."""
    begun_s = float(os.environ["BEGUN_S"])
    prepare()

    async def run() -> None:
        database = folder / "alice.db"
        async with Client.open(database, server=url) as client, Stage(client, database) as stage:
            await stage.until(lambda: stage.shell.chats.loaded and stage.screen.list._shown)
            await stage.frames(2)
            print(json.dumps({"start_s": time.time() - begun_s, "memory_mb": memory_mb()}))

    asyncio.run(run())


async def measure(url: str, folder: Path) -> None:
    """Measure the app."""
    database = folder / "alice.db"
    async with Client.open(database, server=url) as client, Stage(client, database) as stage:
        await stage.until(lambda: stage.shell.chats.loaded and stage.screen.list._shown)
        stage.finishing = True
        opened = [await open_chat(stage) for _ in range(5)]
        middle, worst = statistics.median(opened) * 1000, max(opened) * 1000
        print(f"open a chat of {MESSAGES:,}      {middle:5.0f} ms, at most {worst:.0f} ms")
        before_mb = memory_mb()
        print(f"scroll through all of it  {figures(await scroll(stage))}")
        print(f"memory, opened / scrolled {before_mb:5.0f} MB / {memory_mb():.0f} MB")
        frames = await type_while_mail_comes(stage, url, folder)
        print(f"type while mail comes in  {figures(frames)}")
        print(f"memory                    {memory_mb():5.0f} MB")


async def open_chat(stage: Stage) -> float:
    """Return how long it takes from the tap to the messages on the screen."""
    from onebar_app.ui.screens.chats import open_chat as go

    while stage.shell.back():
        pass
    await stage.frames(3)
    begun = time.perf_counter()
    go(stage.shell, BOB)
    await stage.until(lambda: stage.screen.chat.loaded and stage.screen.list._shown)
    await stage.frames(1)
    return time.perf_counter() - begun


async def scroll(stage: Stage) -> list[float]:
    """Return the frames of scrolling to the begin of the chat, page by page."""
    from kivy.clock import Clock

    from onebar_app.ui.look import look

    rows, chat, begun = stage.screen.list, stage.screen.chat, len(stage.frames_s)
    finger = Clock.schedule_interval(lambda _: rows.scroll_by(-look.dp(STEP_DP)), 0)  # inside the frame, as a finger is
    await stage.until(
        lambda: len(stage.frames_s) - begun >= FRAMES_MAX or (chat.begin_reached and rows.offset <= 0), timeout_s=400
    )
    finger.cancel()
    return stage.frames_s[begun:]


async def type_while_mail_comes(stage: Stage, url: str, folder: Path) -> list[float]:
    """Return the frames of typing while the SDK commits a stream of messages."""
    await stage.screen.chat.newest()
    stage.screen.list.scroll_to_end()
    entry, begun = stage.screen.composer.entry, len(stage.frames_s)
    async with Client.open(folder / "bob.db", server=url) as bob:
        for number in range(200):
            if number % 2 == 0:
                await bob.chat(ALICE).send(f"and another one {number}")
            entry.insert_text("typing "[number % 7])
            await stage.frames(1)
    return stage.frames_s[begun:]


async def floor() -> None:
    """Measure Kivy's own list: a RecycleView of labels, as its documentation has it."""
    prepare()
    from kivy.base import EventLoop
    from kivy.core.window import Window
    from kivy.graphics.opengl import glFinish
    from kivy.lang import Builder

    view: Any = Builder.load_string("""
RecycleView:
    viewclass: 'Label'
    RecycleBoxLayout:
        default_size: None, dp(56)
        default_size_hint: 1, None
        size_hint_y: None
        height: self.minimum_height
        orientation: 'vertical'
""")
    view.data = [{"text": f"{LINES[number % len(LINES)]} {number}"} for number in range(MESSAGES)]
    Window.add_widget(view)
    EventLoop.start()
    for _ in range(5):
        EventLoop.idle()
    frames, step = [], STEP_DP / (MESSAGES * 56 - view.height)
    for _ in range(min(FRAMES_MAX, int(1 / step))):
        begun = time.perf_counter()
        view.scroll_y = max(0.0, view.scroll_y - step)
        EventLoop.idle()
        glFinish()
        frames.append(time.perf_counter() - begun)
    print(f"Kivy's RecycleView        {figures(frames)}   {memory_mb():.0f} MB")


async def main() -> None:
    """Furnish a backend, and measure in processes of their own: Kivy has one window."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        async with MockServer(folder / "server", limits=ServerLimits(rates={})) as server:
            await furnish(server, folder)
            starts = []
            for _ in range(3):
                found = json.loads(await child("start", server.url, str(folder)))
                starts.append(found["start_s"])
            print(
                f"start to usable chats     {statistics.median(starts):5.2f} s, at most {max(starts):.2f} s", flush=True
            )
            print(f"memory after the start    {found['memory_mb']:5.0f} MB", flush=True)
            print(await child("measure", server.url, str(folder)), end="", flush=True)
            print(await child("floor"), end="", flush=True)


async def child(*arguments: str) -> str:
    """Return what a measurement in another process prints."""
    environment = {**os.environ, "BEGUN_S": str(time.time())}
    command = [sys.executable, "-m", "benchmarks.app", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start", url, folder]:
            start(url, Path(folder))
        case ["measure", url, folder]:
            prepare()
            asyncio.run(measure(url, Path(folder)))
        case ["floor"]:
            asyncio.run(floor())
        case _:
            asyncio.run(main())
