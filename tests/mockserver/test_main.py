"""The real process: its line, its signals, its errors, and what a kill leaves."""

import asyncio
import errno
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from onebar.core import frames
from onebar.core.frames import Accepted, Ack, CaughtUp, Deliver, GoAway, Refused, Welcome
from onebar.core.questions import Bundle, FindBundle, Publish
from onebar_mockserver import MockServer
from onebar_mockserver.__main__ import main
from tests.mockserver.rawclient import PATIENCE_S, Keys, Phone, submit, welcomed
from tests.mockserver.rawclient import register as registered

pytestmark = pytest.mark.process


@dataclass
class Process:
    process: asyncio.subprocess.Process
    url: str

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


async def spawn(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *("env", "ONEBAR_RATED=false", sys.executable, "-m", "onebar_mockserver"),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def running(data: Path, port: int = 0, *more: str) -> AsyncIterator[Process]:
    process = await spawn("--port", str(port), "--data", str(data), *more)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"onebar-mockserver: listening on (http://127\.0\.0\.1:\d+), data in (.*)\n", line)
        assert found is not None, line
        assert found[2] == str(data)
        yield Process(process, found[1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def register(url: str, number: str, secrets: list[str] | None = None) -> Phone:
    """Register a device; `secrets` takes what nobody else may learn."""
    keys = Keys()
    async with httpx.AsyncClient(trust_env=False, base_url=url) as http:
        await http.post("/v1/codes", json={"phone": number})
        [sms] = (await http.get("/dev/sms", params={"phone": number})).json()
        answer = await http.post("/v1/devices", json={"phone": number, "code": sms["code"], **keys.body()})
    if secrets is not None:
        secrets += [sms["code"], *keys.body().values()]
    return Phone(url, answer.json()["account"], answer.json()["device"], keys)


async def failed(*arguments: str) -> str:
    process = await spawn(*arguments)
    async with asyncio.timeout(PATIENCE_S):
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().count("\n") == 1, "one sentence, no traceback"
    return said.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_politely(tmp_path: Path, number: signal.Signals) -> None:
    async with running(tmp_path / "data") as server:
        line = await (await register(server.url, "+4915112345671")).dial()
        await line.until(CaughtUp)
        ending = asyncio.create_task(server.end(number))
        assert await line.closed() == 1001
        assert [type(frame) for frame in line.waiting] == [GoAway]
        assert await ending == 0


async def test_it_stops_when_whoever_started_it_is_gone(tmp_path: Path) -> None:
    process = await spawn("--port", "0", "--data", str(tmp_path), "--while-stdin")
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert b"listening on" in await process.stdout.readline()
        process.stdin.write(b"what comes there means nothing")
        process.stdin.close()  # as the kernel does when its owner is killed
        assert await process.wait() == 0
        await process.communicate()


async def test_what_it_writes_is_for_nobody_else(tmp_path: Path) -> None:
    async with running(tmp_path):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert "onebar.sqlite3" in modes


async def test_one_process_a_folder(tmp_path: Path) -> None:
    async with running(tmp_path / "data"):
        assert "in use" in await failed("--port", "0", "--data", str(tmp_path / "data"))


async def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "taken" in await failed("--port", port, "--data", str(tmp_path / "data"))


async def test_a_damaged_database(tmp_path: Path) -> None:
    (tmp_path / "onebar.sqlite3").write_bytes(b"damaged" * 1000)
    assert "damaged" in await failed("--port", "0", "--data", str(tmp_path))


async def test_production_says_that_no_codes_are_sent(tmp_path: Path) -> None:
    async with running(tmp_path / "data", 0, "--production") as server:
        assert server.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            line = (await server.process.stderr.readline()).decode()
        assert "no SMS gateway" in line
        assert "codes are not sent" in line


async def test_the_log_says_nothing_of_a_person(tmp_path: Path) -> None:
    """A conversation, refusals and broken input: what was said in it is in no line of the log."""
    secrets: list[str] = []
    config = tmp_path / "onebar.toml"
    config.write_text('port = 0\ndata = "data"\n[log]\nformat = "json"\nlevel = "debug"\n[admin]\nport = 0\n')
    process = await spawn("--config", str(config))
    assert process.stdout is not None
    assert process.stderr is not None
    log = asyncio.create_task(process.stderr.read())
    url = (await process.stdout.readline()).decode().split()[3].rstrip(",")
    metrics = (await process.stdout.readline()).decode().split()[3]
    alice, bob = await register(url, "+4915112345671", secrets), await register(url, "+4915112345672", secrets)
    text = b"meet me at noon"
    reader, line = await welcomed(bob), await welcomed(alice)
    await line.send(submit(1, (bob.account, [(bob.device, text)])), submit(2))
    await line.until(Accepted)
    await reader.until(Deliver)
    await line.websocket.send(b"\xc1" + text)
    assert await line.closed() == 1002
    forger = Phone(url, alice.account, alice.device, Keys())
    await (await forger.dial()).until(Refused)
    async with httpx.AsyncClient(trust_env=False, base_url=url) as http:
        wrong = {"phone": "+4915112345671", "code": "999999", **Keys().body()}
        assert (await http.post("/v1/devices", json=wrong)).status_code == 403
        assert (await http.post("/v1/codes", content=b'{"phone": "+4915112345671')).status_code == 400
        assert (await http.get("/v1/codes/+4915112345671?code=999999")).status_code == 404
        figures = (await http.get(metrics)).text
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        said = (await log).decode()
        assert await process.wait() == 0
    assert {json.loads(one)["event"] for one in said.splitlines()} >= {"listening", "http request", "stopped"}
    for word in (*secrets, "4915112345671", "4915112345672", "999999", text.decode(), text.hex(), "127.0.0.1"):
        assert word not in said
        assert re.search(rf"\b{re.escape(word)}\b", figures) is None
    assert '"network": "127.0.0.0/24"' in said


async def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, copy, again = (str(tmp_path / name) for name in ("data", "copy", "again"))

    def command(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().out

    async with MockServer(tmp_path / "data") as server:
        await registered(server, "+4915112345671")
        said = f"onebar-mockserver: {copy} has accounts=1 devices=1 entries=0\n"
        assert command("backup", data, copy) == (0, said)
    assert command("restore", copy, again)[0] == 0
    assert command("check", again) == (0, "check: accounts=1 devices=1 entries=0 problems=0\n")
    with sqlite3.connect(tmp_path / "again" / "onebar.sqlite3") as connection:
        connection.execute("UPDATE positions SET floor = 1")
    connection.close()
    code, out = command("check", again)
    assert code == 1
    assert "wrong: a device's floor is above its mark" in out
    assert "check: accounts=1 devices=1 entries=0 problems=1" in out
    assert command("backup", again, data) == (1, "")
    assert main(("--port", "70000")) == 2
    said = capsys.readouterr().err
    assert said.startswith("onebar-mockserver: the command line: port = '70000' cannot be used")


async def test_a_kill_after_mail_was_sent_makes_no_new_epoch(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        port = int(server.url.rsplit(":", 1)[1])
        alice, bob = await register(server.url, "+4915112345671"), await register(server.url, "+4915112345672")
        reader = await bob.dial()
        await reader.until(CaughtUp)
        await alice.dial(submit(1, (bob.account, [(bob.device, b"x")])))
        assert (await reader.until(Deliver)).seq == 1
        await server.end(signal.SIGKILL)
    async with running(tmp_path / "data", port):
        line = await bob.dial(cursor=1)
        welcome = await line.take(Welcome)
        assert (welcome.epoch, welcome.cursor) == (1, 1)
        assert await line.take(CaughtUp) == CaughtUp(1)
        await line.close()


async def take_until_killed(asker: Phone, question: FindBundle, taken: list[bytes], killed: asyncio.Event) -> None:
    """Ask for one bundle after the other, until the link breaks or no prekey is left."""
    line = await welcomed(asker)
    try:
        while True:
            bundle = frames.decode_as(Bundle, (await line.ask(question)).result)
            if not bundle.one_time:
                await line.close()
                return
            taken.append(bundle.one_time)
            if len(taken) == 20:
                killed.set()
    except (ConnectionClosed, OSError):
        return


async def test_a_kill_hands_no_prekey_out_twice(tmp_path: Path) -> None:
    taken: list[bytes] = []
    killed = asyncio.Event()
    async with running(tmp_path / "data") as server:
        port = int(server.url.rsplit(":", 1)[1])
        bob = await register(server.url, "+4915112345672")
        askers = [await register(server.url, f"+491511234568{digit}") for digit in range(3)]
        line = await welcomed(bob)
        publish = Publish(signed=b"bundle", bundle_ms=1, one_time=tuple((no, b"%d" % no) for no in range(100)))
        await line.ask(publish)
        question = FindBundle(bob.account, bob.device)
        work = [asyncio.create_task(take_until_killed(asker, question, taken, killed)) for asker in askers]
        async with asyncio.timeout(PATIENCE_S):
            await killed.wait()
            await server.end(signal.SIGKILL)
            await asyncio.gather(*work)
    async with running(tmp_path / "data", port):
        line = await welcomed(bob)
        await line.ask(publish)  # as if its answer had been lost
        await line.close()
        for asker in askers:
            await take_until_killed(asker, question, taken, killed)
    assert 20 <= len(taken) == len(set(taken)) <= 100


async def submit_until_killed(phone: Phone, to: Phone, killed: asyncio.Event) -> int:
    """Submit one after the other; return the highest number that was accepted when the link broke."""
    line = await phone.dial()
    await line.until(CaughtUp)
    accepted = 0
    try:
        while True:
            await line.send(submit(accepted + 1, (to.account, [(to.device, b"%d" % (accepted + 1))])))
            accepted = (await line.until(Accepted)).mark
            if accepted == 50:
                killed.set()
    except (ConnectionClosed, OSError):
        return accepted


async def test_a_kill_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        port = int(server.url.rsplit(":", 1)[1])
        bob = await register(server.url, "+4915112345672")
        senders = [await register(server.url, f"+491511234568{digit}") for digit in range(3)]
        killed = asyncio.Event()
        work = [asyncio.create_task(submit_until_killed(sender, bob, killed)) for sender in senders]
        async with asyncio.timeout(PATIENCE_S):
            await killed.wait()
            await server.end(signal.SIGKILL)
            accepted = [await task for task in work]
    async with running(tmp_path / "data", port):
        marks = []
        for sender in senders:
            line = await sender.dial()
            marks.append((await line.take(Welcome)).mark)
            await line.close()
        assert all(mark >= known for mark, known in zip(marks, accepted, strict=True))
        got: dict[int, list[int]] = {sender.device: [] for sender in senders}
        reader = await bob.dial()
        while not isinstance(frame := await reader.next(), CaughtUp):
            if isinstance(frame, Deliver):
                got[frame.device].append(frame.out_no)
                await reader.send(Ack(1, frame.seq))
        assert got == {sender.device: list(range(1, mark + 1)) for sender, mark in zip(senders, marks, strict=True)}
        await reader.close()


@pytest.mark.parametrize("arguments", [("check", "a"), ("backup", "a", "b"), ("restore", "a", "b")])
def test_who_may_not_read_the_data_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    def forbidden(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", forbidden)  # tests may run as root, to whom nothing is forbidden
    assert main(arguments) == 1
    said = f"onebar-mockserver: a{os.sep}onebar.sqlite3: Permission denied; run this as the server's user\n"
    assert capsys.readouterr().err == said
