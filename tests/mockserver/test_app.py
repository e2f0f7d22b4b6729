"""The whole server in one process."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from onebar.crypto.http_tokens import authorization
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver import MockServer, app
from onebar_mockserver.app import AddressError, Backend, fresh_seed, listen, now_ms
from onebar_mockserver.blob_files import FileBlobs
from onebar_mockserver.blobs import BlobLimits, BlobsLostError, DiskFullError
from onebar_mockserver.ports import BatchFailedError
from onebar_mockserver.sqlite import DatabaseError
from onebar_mockserver.sqlite.codes import SEED_BYTES
from tests.mockserver.attachment_server import BODY, files, stalled
from tests.mockserver.rawclient import PATIENCE_S, Phone, register


def test_a_taken_port_is_named() -> None:
    first = listen("127.0.0.1", 0)
    with pytest.raises(AddressError, match=str(first.getsockname()[1])):
        listen("127.0.0.1", first.getsockname()[1])
    first.close()


def test_a_host_that_is_not_ours() -> None:
    with pytest.raises(AddressError, match="cannot listen"):
        listen("192.0.2.1", 0)
    with pytest.raises(AddressError, match="no host has such a name"):
        listen("a" * 64, 0)


def test_seeds_of_codes_never_come_twice() -> None:
    seeds = {fresh_seed() for _ in range(100)}
    assert {len(seed) for seed in seeds} == {SEED_BYTES}
    assert len(seeds) == 100


async def test_production_has_no_development_pages(tmp_path: Path) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    backend = Backend(tmp_path, development=False)
    await backend.start(listener)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/dev/sms?phone=%2B4915112345678")
        assert answer.status_code == 404
    await backend.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def signed_in(phone: Phone) -> httpx.AsyncClient:
    host = phone.url.removeprefix("http://")
    token = authorization(DeviceKeys(bytes(phone.keys.signing), bytes(32)), host, phone.account, phone.device, now_ms())
    return httpx.AsyncClient(base_url=phone.url, trust_env=False, headers={"Authorization": token, **BODY})


async def test_an_attachment_outlives_a_restart_and_leaves_with_its_last_download(tmp_path: Path) -> None:
    async with MockServer(tmp_path, blob_limits=BlobLimits(quota_bytes=10)) as server:
        alice, bob = [await register(server, f"+491511234567{n}") for n in (1, 2)]
        assert not (tmp_path / "blobs").exists(), "a server without attachments has no folder for them"
        async with signed_in(alice) as http:
            made = await http.post("/v1/attachments", headers={"Upload-Length": "5"}, content=b"12345")
            assert made.status_code == 201
            full = await http.post("/v1/attachments", headers={"Upload-Length": "6"}, content=b"123456")
            assert (full.status_code, full.json()["error"]) == (403, "quota_exceeded")
        await server.restart()
        async with signed_in(bob) as http:
            assert (await http.get(made.headers["location"])).content == b"12345"
            assert (await http.post(made.headers["location"] + "/downloaded")).status_code == 204
        assert not files(tmp_path / "blobs")


async def test_what_has_arrived_of_an_upload_outlives_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "STOP_S", 0.05)
    async with MockServer(tmp_path) as server, signed_in(await register(server, "+4915112345671")) as http:
        made = await http.post("/v1/attachments", headers={"Upload-Length": "10", "Content-Type": ""})
        sign = {"Host": f"127.0.0.1:{server.port}", "Authorization": http.headers["Authorization"]}
        cut = await stalled(server.url + made.headers["location"], b"1234567890", **sign)
        async with asyncio.timeout(PATIENCE_S):
            while not (server._backend and server._backend._uploads.running):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0)
        await server.restart()
        cut.cut()
        assert (await http.head(made.headers["location"])).headers["upload-offset"] == "5"
    assert "Exception in ASGI application" not in caplog.text


async def test_what_expired_is_swept(tmp_path: Path) -> None:
    async with MockServer(tmp_path, blob_limits=BlobLimits(unfinished_s=0)) as server:
        async with signed_in(await register(server, "+4915112345671")) as http:
            await http.post("/v1/attachments", headers={"Upload-Length": "5"}, content=b"123")
        assert files(tmp_path / "blobs")
        await server.restart()  # sweeps at once
        assert server._backend
        await server._backend._engine.sweep(now_ms())
        for _ in range(1000):
            if not files(tmp_path / "blobs"):
                break
            await server._backend._blobs.find("0" * 32)  # a turn of its thread
        assert not files(tmp_path / "blobs")


@pytest.mark.parametrize("failure", [DiskFullError("full"), BlobsLostError("damaged"), BatchFailedError("defect")])
async def test_a_sweep_that_fails_is_not_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    swept: list[int] = []
    again = asyncio.Event()

    async def sweep(_blobs: FileBlobs, now: int) -> int:
        swept.append(now)
        if len(swept) == 1:
            raise failure
        again.set()
        return 0

    monkeypatch.setattr(FileBlobs, "sweep", sweep)
    monkeypatch.setattr(app, "SWEEP_EVERY_S", 0.01)
    async with MockServer(tmp_path), asyncio.timeout(PATIENCE_S):
        await again.wait()
    assert "a sweep failed" in caplog.text


async def test_a_folder_of_blobs_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"no folder")
    with pytest.raises(DatabaseError, match="attachments"):
        await MockServer(tmp_path).start()
