"""The world of a round: a backend, two phones, a cutter before each phone, and the ledger."""

import asyncio
import functools
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos.cutter import CutKind, Cutter
from tests.chaos.gifts import Gift, Gifts
from tests.chaos.ledger import Entry, Ledger
from tests.chaos.processes import ROOT, Child
from tests.chaos.schedule import Action

BACKEND: Final = "backend"
"""Name of the backend's process."""

NUMBERS: Final = {"alice": "+12025550101", "bob": "+12025550102"}
"""The phones' names and numbers."""

PHONES: Final = ("alice", "bob")
"""The phones' names."""

READY_S: Final = 20.0
"""Longest wait for a process to be ready, on a slow machine with two cores."""

RUNNING_S: Final = 10.0
"""Longest wait for a process that is to be killed to be running: it stays down for less than a second."""


class ChaosError(Exception):
    """The round cannot go on; the text says which process did what."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill that happened."""

    name: str
    """The process."""
    at_s: float
    """When, from the start of the round."""
    in_flight: int
    """Texts that it had to do with and that were not known to be delivered at that moment."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut that happened."""

    name: str
    """The phone whose link it was."""
    at_s: float
    """When, from the start of the round."""
    kind: CutKind
    """How."""
    connections: int
    """How many connections it hit."""


class Harness:
    """Runs the processes and does to them what a schedule says."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in this folder."""
        self.folder = folder
        self.host = "127.0.0.1"
        self.kills: list[Kill] = []
        self.cuts: list[Cut] = []
        self.ledger = Ledger(folder / "ledger.jsonl", PHONES)
        self.gifts = Gifts(folder / "files.jsonl")
        self.last = "starting"
        self._started_s = time.monotonic()
        self._moved = asyncio.Event()
        self.url = ""
        self._cutters = {name: Cutter(self._backend_port) for name in PHONES}
        self._backend_ready = asyncio.Event()
        self._children: dict[str, Child] = {}
        self._open = {name: asyncio.Event() for name in PHONES}
        self._registered = {name: asyncio.Event() for name in PHONES}
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def now_s(self) -> float:
        """Return the time since the round began."""
        return time.monotonic() - self._started_s

    async def start(self) -> None:
        """Start all processes and register both phones."""
        backend = ["--host", self.host, "--port", "0", "--data", str(self.folder / BACKEND)]
        await self._start(BACKEND, "tests.chaos.backend", backend, self._backend_said)
        await self._wait_for(self._backend_ready, BACKEND)
        for name in PHONES:
            await self.lay_way(name)
            home = self.home(name)
            home.mkdir()
            arguments = ["--database", str(home / "onebar.db"), "--server", self.server(name)]
            await self._start(name, "tests.chaos.phone", arguments, functools.partial(self._phone_said, name))
        for name in PHONES:
            await self._wait_for(self._open[name], name)
            self._tell(name, do="register", phone=NUMBERS[name])
        for name in PHONES:
            await self._wait_for(self._registered[name], name)
        self._started_s = time.monotonic()

    async def lay_way(self, name: str) -> None:
        """Prepare a phone's way to the server: its cutter."""
        await self._cutters[name].start()

    def pid(self, name: str) -> int:
        """Return the process id of a process that was started."""
        return self._children[name].pid

    def home(self, name: str) -> Path:
        """Return a phone's home directory, as the `onebar` command takes it."""
        return self.folder / name

    def server(self, name: str) -> str:
        """Return the server's URL for a phone: its cutter."""
        return f"http://127.0.0.1:{self._cutters[name].port}"

    def within(self, name: str) -> Callable[..., list[str]]:
        """Return what makes a process's command line of its words: where it runs."""
        return lambda *words: [*words]

    async def fetch(self, url: str) -> bytes:
        """Get a page of the backend."""

        def fetch() -> bytes:
            with urllib.request.urlopen(url, timeout=READY_S) as answer:
                return bytes(answer.read())

        return await asyncio.to_thread(fetch)

    async def run(self, actions: list[Action], texts: list[str]) -> None:
        """Do what the schedule says; each phone sends all texts, in order."""
        waiting = {name: iter(texts) for name in PHONES}
        for action in actions:
            await self._pause_until(action.at_s)
            match action.kind:
                case "tell":
                    for _ in range(action.count):
                        self._send(action.target, next(waiting[action.target]))
                case "kill":
                    self._background(self._kill(action))
                case "cut":
                    self._cut(action)
        if self._tasks:
            restarts = asyncio.wait(set(self._tasks))
            await self._or_complaint(restarts, RUNNING_S + READY_S, "the last restarts took too long")
        self.last = "all sent; settling"

    async def settle(self, timeout_s: float) -> None:
        """Wait until everything is delivered, by what both phones report, or the time is up."""
        deadline_s = self.now_s() + timeout_s
        while not (self.ledger.settled() and self.gifts.settled()) and (left_s := deadline_s - self.now_s()) > 0:
            self._moved.clear()
            try:
                await self._or_complaint(self._moved.wait(), left_s)
            except TimeoutError:
                break

    async def stop(self) -> None:
        """End both phones and then the backend, which must end cleanly."""
        for name in (*PHONES, BACKEND):
            code = await self._children[name].stop(by_signal=name == BACKEND)
            if code:
                raise ChaosError(f"{name} did not end cleanly: exit code {code}")

    async def history(self, name: str) -> list[dict[str, Any]]:
        """Read a stopped phone's history with the other one, by the `onebar` command, without a network."""
        (other,) = (NUMBERS[phone] for phone in PHONES if phone != name)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "onebar.cli", "--home", str(self.home(name))),
            *("--server", self.server(name), "history", other, "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        output, errors = await process.communicate()
        if process.returncode:
            raise ChaosError(f"onebar history of {name}: exit code {process.returncode}\n{errors.decode()}")
        return [json.loads(line) for line in output.splitlines()]

    async def close(self) -> None:
        """End every process and every connection, whatever state they are in."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in self._children.values():
            await child.kill()
        for cutter in self._cutters.values():
            await cutter.close()
        self.ledger.close()

    def _send(self, name: str, text: str) -> None:
        """Write a text down, then tell the phone, if it is there; otherwise it hears of it later."""
        (other,) = (phone for phone in PHONES if phone != name)
        entry = self.ledger.log(name, other, text, self.now_s())
        if self._open[name].is_set():
            self._tell_entry(entry)

    async def give(self, files: list[tuple[str, Path]], within_s: float) -> None:
        """Let each phone send these files, as (kind, path), evenly over this time from now."""
        for place, (kind, path) in enumerate(files):
            for name in PHONES:
                await self._pause_until(within_s * place / len(files))
                (other,) = (phone for phone in PHONES if phone != name)
                gift = self.gifts.log(name, other, kind, path)
                if self._open[name].is_set():
                    self._tell_gift(gift)

    def _tell_gift(self, gift: Gift) -> None:
        to = NUMBERS[gift.recipient]
        self._tell(gift.sender, do="send_file", kind=gift.kind, key=gift.key, to=to, path=gift.path)

    def _tell_entry(self, entry: Entry) -> None:
        entry.told = True
        self._tell(entry.sender, do="send", key=entry.key, to=NUMBERS[entry.recipient], text=entry.text)

    def _tell(self, name: str, **command: str) -> None:
        self._children[name].tell(json.dumps(command))

    async def _start(self, name: str, module: str, arguments: list[str], said: Callable[[str], None]) -> None:
        child = Child(name, module, arguments, self.folder, said, self._complain, self.within(name))
        self._children[name] = child
        await self._children[name].start()

    async def _kill(self, action: Action) -> None:
        child = self._children[action.target]
        await asyncio.wait_for(child.running.wait(), RUNNING_S)
        if action.target in self._open:
            self._open[action.target].clear()
        self.kills.append(Kill(action.target, self.now_s(), self.ledger.in_flight(action.target)))
        self.last = f"killed {action.target}"
        await child.kill()
        await asyncio.sleep(action.pause_s)
        await child.start()

    def _cut(self, action: Action) -> None:
        cutter = self._cutters[action.target]
        if cutter.connections:  # otherwise there is nothing to cut, and it does not count
            self.cuts.append(Cut(action.target, self.now_s(), action.cut, cutter.connections))
            self.last = f"cut {action.target} ({action.cut})"
            cutter.cut(action.cut, action.pause_s)

    def _phone_said(self, name: str, line: str) -> None:
        report = json.loads(line)
        match report["is"]:
            case "open":
                self._open[name].set()
                for entry in self.ledger.undelivered_of(name):  # the same keys again: nothing goes twice
                    self._tell_entry(entry)
                for gift in self.gifts.untold(name):
                    self._tell_gift(gift)
            case "file_queued":
                self.gifts.stored(report["key"], report["sha256"])
            case "file":
                self.gifts.arrived(name, report["message_no"], report["sha256"])
            case "code_wanted":
                self._background(self._tell_code(name))
            case "registered":
                self._registered[name].set()
            case "queued":
                self.ledger.queued(name, report["key"], report["message_no"], self.now_s())
            case "event" if report["event"] != "MessageReceived" or report["text"]:  # files have no captions here
                self.ledger.event(name, report, self.now_s())
        self._moved.set()

    def _backend_said(self, line: str) -> None:
        if found := re.search(r"listening on (http://\S+:\d+)", line):
            self.url = found[1]
            self._backend_ready.set()

    def _backend_port(self) -> int:
        return urllib.parse.urlsplit(self.url).port or 0

    async def _tell_code(self, name: str) -> None:
        page = await self.fetch(f"{self.url}/dev/sms?{urllib.parse.urlencode({'phone': NUMBERS[name]})}")
        self._tell(name, do="code", code=json.loads(page)[-1]["code"])

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                self._complain(f"{type(error).__name__}: {error}")

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(ended)

    def _complain(self, text: str) -> None:
        if not self._broken.done():
            self._broken.set_result(text)

    async def _wait_for(self, event: asyncio.Event, name: str) -> None:
        await self._or_complaint(event.wait(), READY_S, f"{name} was not ready after {READY_S:g} s")

    async def _pause_until(self, at_s: float) -> None:
        left_s = at_s - self.now_s()
        if left_s > 0:
            await self._or_complaint(asyncio.sleep(left_s), left_s + READY_S)
        else:
            await asyncio.sleep(0)

    async def _or_complaint(self, work: Coroutine[Any, Any, Any], timeout_s: float, late: str = "") -> None:
        """Await the work, unless a process ends by itself or a task in the background fails.

        Raises:
            ChaosError: One did, or the work was late and `late` says what that means.
            TimeoutError: The work was late, and that is no error by itself.
        """
        task = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({task, self._broken}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        if self._broken.done():
            raise ChaosError(self._broken.result())
        if task not in done:
            raise ChaosError(late) if late else TimeoutError()
        task.result()
