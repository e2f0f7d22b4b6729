import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.report import BenchError
from benchmarks.weak.children import free_port, install, running

LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


@pytest.mark.process
async def test_a_server_is_there_inside_the_block_and_gone_after_it(tmp_path: Path) -> None:
    port = free_port()
    async with running("listener", [sys.executable, "-c", LISTEN, str(port)], port, tmp_path) as served:
        assert served == port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.process
async def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such setting')"]
    with pytest.raises(BenchError, match="exit code 1: no such setting"):
        async with running("broken", command, free_port(), tmp_path):
            pass


def test_nothing_is_installed_on_a_machine_that_is_not_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was installed"))
    assert not install(["prosody"])


def test_an_installation_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess(["apt-get"], 100, "", "Unable to locate package")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(BenchError, match="apt-get update -qq failed: Unable to locate package"):
        install(["prosody"])
