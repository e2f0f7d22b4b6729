"""The `onebar` command as its users run it: real processes against a backend in this one."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from onebar import cli
from onebar.cli_arguments import parse
from onebar.client import Client
from onebar.events import MessageReceived
from onebar_mockserver import MockServer

pytestmark = pytest.mark.slow

ALICE, BOB, NOBODY = "+12025550101", "+12025550102", "+12025550199"

# For one step of one process on a busy machine with two cores; only a hang reaches it.
PATIENCE_S = 20.0

# Nothing listens here: port 9 of the loopback interface is privileged and nobody's.
DEAD_SERVER = "http://127.0.0.1:9"


@dataclass
class Done:
    code: int
    output: str
    errors: str

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]


class World:
    """A backend, Bob in this process, and Alice's home for the command."""

    def __init__(self, server: MockServer, bob: Client, home: Path) -> None:
        self.server, self.bob, self.home = server, bob, home
        self._started: list[asyncio.subprocess.Process] = []

    async def start(self, *arguments: str, stdout: int = asyncio.subprocess.PIPE) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "onebar.cli", *arguments),
            env={**os.environ, "ONEBAR_HOME": str(self.home), "ONEBAR_SERVER": self.server.url},
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        self._started.append(process)
        return process

    async def close(self) -> None:
        """End what a failed test left behind."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def run(self, *arguments: str, stdin: bytes = b"") -> Done:
        process = await self.start(*arguments)
        output, errors = await asyncio.wait_for(process.communicate(stdin), PATIENCE_S)
        assert process.returncode is not None
        return Done(process.returncode, output.decode(), errors.decode())

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await self.start("listen", "--json")
        yield process
        process.kill()
        await process.communicate()

    async def bob_texts(self, count: int) -> list[str]:
        texts: list[str] = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in self.bob.events(consumer="test"):
                if isinstance(event, MessageReceived):
                    texts.append(event.text)
                    if len(texts) == count:
                        break
        return texts


async def next_event(process: asyncio.subprocess.Process, name: str) -> dict[str, Any]:
    assert process.stdout is not None
    while True:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert line, "the process ended"
        event: dict[str, Any] = json.loads(line)
        if event["event"] == name:
            return event


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    home = tmp_path / "alice"
    home.mkdir()
    async with MockServer() as server, Client.open(tmp_path / "bob.db", server=server.url) as bob:
        await bob.register(BOB, code=lambda: server.sms(BOB))
        async with Client.open(home / cli.DATABASE_NAME, server=server.url) as alice:
            await alice.register(ALICE, code=lambda: server.sms(ALICE))
        world = World(server, bob, home)
        yield world
        await world.close()


@pytest.mark.process
async def test_register_reads_the_code_from_standard_input(world: World) -> None:
    world.home = world.home.parent / "carol"
    await world.bob.request_code(NOBODY)  # a code that is asked for again within its life stays the same
    code = world.server.sms(NOBODY)
    refused = await world.run("register", NOBODY, "--code", "1" if code != "1" else "2")
    assert (refused.code, refused.output) == (cli.ExitCode.NOT_REGISTERED, "")
    assert "wrong_code" in refused.errors
    assert await world.run("register", NOBODY, stdin=code.encode() + b"\n") == Done(0, f"registered as {NOBODY}\n", "")
    assert await world.run("whoami") == Done(0, f"{NOBODY}\n", "")
    (who,) = (await world.run("whoami", "--json")).records()
    assert who == {"phone": NOBODY, "registered": True, "home": str(world.home)}


@pytest.mark.process
async def test_send_waits_until_delivered_and_history_tells(world: World) -> None:
    sent = await world.run("send", BOB, "on my way", "--wait", "delivered")
    assert (sent.code, sent.errors) == (0, "")
    assert re.fullmatch(r"message \d+ delivered\n", sent.output)
    assert await world.bob_texts(1) == ["on my way"]
    await (await world.bob.chat(ALICE).send("good")).sent(PATIENCE_S)
    await world.run("send", BOB, "see you")
    assert [
        (record["outgoing"], record["text"]) for record in (await world.run("history", BOB, "--json")).records()
    ] in (
        [(True, "on my way"), (False, "good"), (True, "see you")],
        [(True, "on my way"), (True, "see you"), (False, "good")],
    )


@pytest.mark.process
async def test_send_works_while_listen_runs_on_the_same_home(world: World) -> None:
    async with world.listening() as listener:
        await (await world.bob.chat(ALICE).send("are you there?")).delivered(PATIENCE_S)
        assert (await next_event(listener, "MessageReceived"))["text"] == "are you there?"
        sent = await world.run("send", BOB, "yes", "--wait", "delivered")
        assert (sent.code, sent.errors) == (0, "")
        delivered = await next_event(listener, "MessageDelivered")
        assert sent.output == f"message {delivered['message_no']} delivered\n"
    assert await world.bob_texts(1) == ["yes"]


@pytest.mark.process
async def test_standard_input_gives_one_message_a_line_and_a_key_makes_repeating_safe(world: World) -> None:
    lines = b"one\n\n   \n" + b"x" * 5000 + b"\n  two\r\n\xff\nthree"
    for _ in range(2):
        done = await world.run("send", BOB, "--key", "log", "--wait", "delivered", stdin=lines)
        assert done.code == cli.ExitCode.USAGE
        assert done.output.count(" delivered\n") == 3
        assert [line.split(":")[1] for line in done.errors.splitlines()] == [
            " line 4 is left out",
            " line 6 is left out",
        ]
    await world.run("send", BOB, "end", "--wait", "delivered")
    assert await world.bob_texts(4) == ["one", "  two", "three", "end"]


@pytest.mark.process
async def test_without_a_server_everything_stays_in_the_outbox(world: World) -> None:
    offline = ("--server", DEAD_SERVER)
    queued = await world.run(*offline, "send", BOB, "one", "--timeout", "0")
    assert (queued.code, queued.output) == (0, "")
    assert "queued" in queued.errors
    late = await world.run(*offline, "send", BOB, "two", "--wait", "sent", "--timeout", "0")
    assert late.code == cli.ExitCode.NO_NETWORK
    outbox = (await world.run(*offline, "outbox", "--json")).records()
    assert [(record["text"], record["state"]) for record in outbox] == [("one", "queued"), ("two", "queued")]
    assert (await world.run(*offline, "history", BOB, "--limit", "1", "--json")).records() == outbox[1:]
    assert (await world.run(*offline, "register", NOBODY)).code == cli.ExitCode.USAGE
    assert (await world.run("send", BOB, "three", "--wait", "delivered")).code == 0
    assert await world.bob_texts(3) == ["one", "two", "three"]
    assert (await world.run(*offline, "outbox")).output == ""


@pytest.mark.process
async def test_a_message_to_nobody_is_code_1(world: World) -> None:
    failed = await world.run("send", NOBODY, "hello?", "--wait", "sent")
    assert (failed.code, failed.output) == (cli.ExitCode.FAILED, "")
    assert re.search(r"message \d+: the message is \w+: \w+", failed.errors)


@pytest.mark.process
async def test_whole_history_is_paged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Client.open(world.home / cli.DATABASE_NAME, server=world.server.url) as alice:
        for number in range(23):
            message = await alice.chat(BOB).send(f"text {number}")
        await message.delivered(PATIENCE_S)
        monkeypatch.setattr(cli, "PAGE_MESSAGES", 5)
        args = parse(["history", BOB])
        whole = await cli.history_lines(alice, args)
        args.limit = 12
        newest = await cli.history_lines(alice, args)
    assert [line.rsplit(": ", 1)[1] for line in whole] == [f"text {number}" for number in range(23)]
    assert newest == whole[-12:]


@pytest.mark.process
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, cli.ExitCode.INTERRUPTED), (signal.SIGTERM, cli.ExitCode.TERMINATED)],
)
@pytest.mark.parametrize("command", [("listen", "--json"), ("send", BOB)], ids=["listen", "send"])
async def test_signals_end_it_cleanly(
    world: World, command: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    process = await world.start(*command)
    assert process.stdin is not None
    process.stdin.write(b"first line\n")
    if command[0] == "listen":
        await (await world.bob.chat(ALICE).send("hi")).delivered(PATIENCE_S)
        await next_event(process, "MessageReceived")
    else:
        assert await world.bob_texts(1) == ["first line"]  # it has read a line and waits for the next one
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert (process.returncode, errors) == (code, b"")


@pytest.mark.process
async def test_killed_listen_shows_again_what_it_had_not_written(world: World) -> None:
    texts = [f"{number} {'x' * 4000}" for number in range(40)]  # more than a pipe holds
    reading, writing = os.pipe()
    listener = await world.start("listen", "--json", stdout=writing)
    os.close(writing)
    for text in texts:
        message = await world.bob.chat(ALICE).send(text)
    await message.delivered(PATIENCE_S)
    listener.kill()
    await listener.communicate()
    with os.fdopen(reading, encoding="utf-8") as pipe:
        written = pipe.read().splitlines(keepends=True)
    first = [json.loads(line) for line in written if line.endswith("\n")]
    assert 0 < len(first) < len(texts)
    async with world.listening() as again:
        second = [await next_event(again, "MessageReceived")]
        while second[-1]["text"] != texts[-1]:
            second.append(await next_event(again, "MessageReceived"))
    events = {event["event_no"]: event for event in [*first, *second] if event["event"] == "MessageReceived"}
    assert [events[number]["text"] for number in sorted(events)] == texts
    assert second[0]["event_no"] <= first[-1]["event_no"] + 1


@pytest.mark.process
async def test_a_reader_that_went_away_is_no_traceback(world: World) -> None:
    await world.run("send", BOB, "hi", "--wait", "sent")
    for command in (("history", BOB), ("listen",)):
        reading, writing = os.pipe()
        os.close(reading)
        process = await world.start(*command, stdout=writing)
        os.close(writing)
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert (process.returncode, errors) == (cli.ExitCode.PIPE_CLOSED, b"")


@pytest.mark.process
async def test_log_says_nothing_of_numbers_and_texts(world: World) -> None:
    done = await world.run("send", BOB, "a secret", "--wait", "delivered", "--log")
    assert done.code == 0
    assert "secret" not in done.errors
    assert BOB.removeprefix("+") not in done.errors


@pytest.mark.process
async def test_both_sides_compare_a_safety_number(world: World) -> None:
    early = await world.run("safety", BOB)
    assert early.code == cli.ExitCode.USAGE
    assert "send a message" in early.errors
    await world.run("send", BOB, "hi", "--wait", "delivered")
    await world.bob_texts(1)
    digits = (await world.bob.chat(ALICE).safety_number()).digits
    shown = await world.run("safety", BOB)
    assert (shown.code, shown.errors) == (0, "")
    *groups, trust = shown.output.splitlines()
    assert ("".join(groups).replace(" ", ""), trust) == (digits, "unverified")
    wrong = await world.run("safety", BOB, "--verified", digits[::-1])
    assert wrong.code == cli.ExitCode.USAGE
    (record,) = (await world.run("safety", BOB, "--json", "--verified", " ".join(groups))).records()
    assert record == {"chat": BOB, "digits": digits, "trust": "verified"}


@pytest.mark.process
async def test_reading_is_told_to_the_author(world: World) -> None:
    message = await world.bob.chat(ALICE).send("read this")
    async with world.listening() as listener:
        await next_event(listener, "MessageReceived")
        busy = await world.run("read", BOB)
        assert busy.code == cli.ExitCode.DATABASE
        assert "another process" in busy.errors
    assert await world.run("accept", BOB) == Done(0, "", "")
    assert await world.run("read", BOB) == Done(0, "", "")
    async with world.listening():
        await message.read(PATIENCE_S)


@pytest.mark.process
async def test_a_further_device_is_approved_joins_and_is_removed(world: World) -> None:
    tablet = ("--home", str(world.home.parent / "tablet"))
    request = (await world.run(*tablet, "request-device")).output.strip()
    approved = await world.run("approve", request)
    assert (approved.code, approved.errors) == (0, "")
    joined = await world.run(*tablet, "join", approved.output.strip())
    assert joined == Done(0, f"joined {ALICE}\n", "")
    sent = await world.run(*tablet, "send", BOB, "from the tablet", "--wait", "delivered")
    assert (sent.code, sent.errors) == (0, "")
    first, second = (await world.run("devices", "--json")).records()
    assert (first["this"], second["this"]) == (True, False)
    assert (await world.run(*tablet, "remove-device", str(first["number"]))).code == cli.ExitCode.USAGE
    assert await world.run("remove-device", str(second["number"])) == Done(0, "", "")
    async with world.listening():
        gone = await world.run(*tablet, "listen")
    assert gone.code == cli.ExitCode.NOT_REGISTERED
    assert len((await world.run("devices", "--json")).records()) == 1
