"""`MockServer`: starts fast, restarts in place, leaves nothing behind."""

import time
from pathlib import Path

import pytest

import onebar_mockserver
from onebar.core.frames import Accepted, Deliver, Welcome
from onebar_mockserver import MockServer
from onebar_mockserver.sqlite import DatabaseError
from tests.mockserver.rawclient import post, register, submit


def test_public_names() -> None:
    assert all(hasattr(onebar_mockserver, name) for name in onebar_mockserver.__all__)
    with pytest.raises(AttributeError, match="absent"):
        _ = onebar_mockserver.absent


async def test_it_starts_fast() -> None:
    async with MockServer():
        pass  # imports and first use are not what is measured
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        server = MockServer()
        await server.start()
        spent.append(time.perf_counter() - began)
        await server.close()
    assert min(spent) < 0.05


async def test_it_stops_fast() -> None:
    spent = []
    for _ in range(5):
        server = MockServer()
        await server.start()
        assert (await post(server.url, "/v1/codes", {"phone": "+4915112345678"})).status_code == 202
        began = time.perf_counter()
        await server.close()
        spent.append(time.perf_counter() - began)
    assert min(spent) < 0.05


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_it_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with MockServer():
        assert contents(tmp_path)
    assert not contents(tmp_path)


async def test_a_restart_keeps_port_and_data(tmp_path: Path) -> None:
    async with MockServer(tmp_path / "data") as server:
        url = server.url
        alice, bob = await register(server, "+4915112345671"), await register(server, "+4915112345672")
        line = await alice.dial(submit(1, (bob.account, [(bob.device, b"x")])))
        await line.until(Accepted)
        await server.restart()
        assert server.url == url
        again = await alice.dial()
        assert (await again.take(Welcome)).mark == 1
        reader = await bob.dial()
        assert (await reader.until(Deliver)).ciphertext == b"x"
        await line.closed()
        await again.close()
        await reader.close()


async def test_two_servers_cannot_share_a_folder(server: MockServer, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="in use"):
        await MockServer(tmp_path / "data").start()


async def test_no_sms_was_sent(server: MockServer) -> None:
    with pytest.raises(LookupError):
        server.sms("+4915112345678")
    await post(server.url, "/v1/codes", {"phone": "+4915112345678"})
    assert len(server.sms("+4915112345678")) == 6
