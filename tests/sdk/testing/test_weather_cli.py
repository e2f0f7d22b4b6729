import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onebar.testing import PROFILES, NetworkProfile, Trace, WeakNetwork, profile
from onebar.testing.weather_cli import Look, describe, line_of, main
from tests.sdk.testing.sockets import PATIENCE_S, Listener


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onebar.testing.weather_cli", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            await process.stdout.readline()
            line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"onebar-weather: listening on 127\.0\.0\.1:(\d+), to 127\.0\.0\.1:\d+\n", line)
        assert found is not None, line
        yield process, int(found[1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def test_list_names_every_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == list(PROFILES)


def test_a_profile_is_told_in_a_line() -> None:
    assert describe(profile("perfect")) == "perfect: up unlimited, down unlimited, round trip 0 ms"
    assert describe(profile("2g-rural")) == "2g-rural: up 18 kbit/s, down 20 kbit/s, round trip 1300 ms, loss 2.0%"
    assert describe(profile("captive")).endswith(", nat timeout 900 s, captive portal")
    assert "up drive.up, down unlimited" in describe(NetworkProfile(name="d", up_trace=Trace("drive.up", (5,))))


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ([], "--to HOST:PORT is missing"),
        (["--to", "8080"], "'8080' is no HOST:PORT"),
        (["--to", "127.0.0.1:99999"], "no HOST:PORT"),
        (["--to", "a:1", "--profile", "5g"], "there is no network profile '5g'; there are: perfect"),
        (["--to", "a:1", "--script", "rain"], "'rain' is no step"),
        (["--to", "a:1", "--up-trace", "absent.up"], "absent.up"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], wrong: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert wrong in capsys.readouterr().err


def test_an_address_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--to", "127.0.0.1:1", "--listen", f"127.0.0.1:{port}"]) == 1
    assert f"onebar-weather: cannot listen on 127.0.0.1:{port}: " in capsys.readouterr().err


async def test_a_line_has_rates_since_the_look_before_and_totals(listener: Listener) -> None:
    async with WeakNetwork(profile("edge"), listener.to) as network:
        network.figures.connections, network.figures.resets = 3, 1
        line = line_of(network, Look(1.0, 1000, 0), Look(3.0, 2000, 500))
        assert line == (
            "   3.0 s  edge, signal: 0 open of 3, up 4 kbit/s (2000 B), down 2 kbit/s (500 B), "
            "0 refused, 1 reset, 0 silent"
        )
        network.blackout(60)
        assert "edge, no signal:" in line_of(network, Look(1.0, 0, 0), Look(network.now_s(), 0, 0))


@pytest.mark.process
async def test_the_command_forwards_until_it_is_told_to_stop(listener: Listener, tmp_path: Path) -> None:
    trace = tmp_path / "drive.down"
    trace.write_text("1\n2\n")
    arguments = ("--profile", "perfect", "--to", f"127.0.0.1:{listener.to[1]}", "--down-trace", str(trace))
    async with running(*arguments) as (process, port):
        client, server = await listener.pair(("127.0.0.1", port))
        client.says(b"hello")
        await server.hears(b"hello")
        server.says(b"welcome")
        await client.hears(b"welcome")
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            rest = (await process.stdout.read()).decode()
            assert await process.wait() == 0
    assert "(5 B), down" in rest
    assert await client.is_cut()
