"""Pieces over HTTP: against the backend's own handlers, and against servers that fail in every way."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onebar.core.files import File
from onebar.core.rates import Rate
from onebar.core.turn import Abort, CheckFile, Download, Hold, Inform, TransferAnswer, TransferOutput, Upload
from onebar.drivers import http
from onebar.drivers.address import parse_address
from onebar.drivers.transfers import TransferDriver
from onebar.store.files import SealedFiles
from onebar_mockserver.blobs import BlobLimits
from tests.mockserver.attachment_server import application, files, opened_blobs, serving

ALICE, BOB = "Test 1.11", "Test 2.22"
DATA = os.urandom(100_000)


@dataclass
class Hand:
    """A driver, and what it says."""

    driver: TransferDriver
    shelf: SealedFiles
    answers: "asyncio.Queue[TransferAnswer]"
    number: int = 0

    async def run(self, output: TransferOutput) -> tuple[int, str]:
        self.driver.carry_out(output)
        async with asyncio.timeout(10):
            answer = await self.answers.get()
        return answer.offset, answer.problem

    def upload(self, step: str, file: File, offset: int, size: int, expected: int = 1) -> Upload:
        self.number += 1
        total = file.secret.cipher_bytes
        return Upload(self.number, file.blob.hex(), ALICE, step, file.digest, offset, size, total, expected)

    def download(self, file: File, offset: int, size: int) -> Download:
        self.number += 1
        return Download(self.number, file.blob.hex(), BOB, file.digest, offset, size, file.secret.cipher_bytes)

    def inform(self, file: File, what: str, more: int = 0, who: str = BOB) -> Inform:
        self.number += 1
        return Inform(self.number, file.blob.hex(), who, what, more)


@asynccontextmanager
async def hand(folder: Path, url: str) -> AsyncIterator[Hand]:
    answers: asyncio.Queue[TransferAnswer] = asyncio.Queue()
    shelf = SealedFiles(folder, bool)
    driver = TransferDriver(parse_address(url.removesuffix("/v1/attachments")), shelf, answers.put_nowait)
    try:
        yield Hand(driver, shelf, answers)
    finally:
        await driver.close()


async def test_what_the_server_puts_off_says_for_how_long(tmp_path: Path) -> None:
    async with (
        opened_blobs(tmp_path / "blobs") as blobs,
        serving(application(blobs, BlobLimits(), rates={"uploads": Rate(1, 7.0)})) as url,
        hand(tmp_path / "alice", url) as alice,
    ):
        file = File(os.urandom(16), alice.shelf.seal([DATA]), "file")
        assert await alice.run(alice.upload("create", file, 0, 1_000)) == (1_000, "")
        alice.driver.carry_out(alice.upload("create", replace_blob(file), 0, 1_000))
        async with asyncio.timeout(10):
            answer = await alice.answers.get()
        assert (answer.problem, answer.limit) == ("rate_limited", "uploads")
        assert 6 <= answer.retry_after_s <= 7


def replace_blob(file: File) -> File:
    return msgspec.structs.replace(file, blob=os.urandom(16))


async def test_up_and_down_again(tmp_path: Path) -> None:
    async with (
        opened_blobs(tmp_path / "blobs") as blobs,
        serving(application(blobs, BlobLimits())) as url,
        hand(tmp_path / "alice", url) as alice,
        hand(tmp_path / "bob", url) as bob,
    ):
        file = File(os.urandom(16), alice.shelf.seal([DATA]), "file")
        total = file.secret.cipher_bytes
        assert await alice.run(alice.upload("ask", file, 0, 0)) == (-1, "not_found")
        assert await alice.run(alice.upload("create", file, 0, 30_000)) == (30_000, "")
        assert await alice.run(alice.upload("append", file, 20_000, 10_000)) == (-1, "wrong_offset")
        assert await alice.run(alice.upload("ask", file, 0, 0)) == (30_000, "")
        assert await bob.run(bob.download(file, 0, 1000)) == (0, "not_found")
        assert await alice.run(alice.upload("append", file, 30_000, total - 30_000)) == (total, "")
        assert await alice.run(alice.inform(file, "recipients", 1, ALICE)) == (-1, "")
        assert await bob.run(bob.download(file, 0, 40_000)) == (40_000, "")
        assert await bob.run(bob.download(file, 0, 40_000)) == (40_000, ""), "what is on the disk counts"
        assert await bob.run(bob.download(file, 40_000, 10**6)) == (total, "")
        assert await bob.run(CheckFile(77, file)) == (-1, "")
        assert b"".join(bob.shelf.opened(file.secret)) == DATA
        assert await bob.run(bob.inform(file, "downloaded")) == (-1, "")
        assert len(files(tmp_path / "blobs")) == 1
        assert await alice.run(alice.inform(file, "downloaded", 0, ALICE)) == (-1, "")
        assert not files(tmp_path / "blobs")
        assert await bob.run(bob.inform(file, "recipients", 1)) == (-1, "not_found")


async def test_an_upload_waits_for_a_text_in_the_middle_and_goes_on(tmp_path: Path) -> None:
    came, begun = bytearray(), asyncio.Event()

    async def take(request: Request) -> Response:
        begun.set()
        async for part in request.stream():
            came.extend(part)
        return Response(status_code=204, headers={"Upload-Offset": str(len(came))})

    routes = [Route("/{path:path}", take, methods=["PATCH"])]
    async with serving(Starlette(routes=routes)) as url, hand(tmp_path, url) as alice:
        file = File(bytes(16), alice.shelf.seal([DATA]), "file")
        upload = replace(alice.upload("append", file, 0, 60_000), bytes_per_s=1_000_000)
        alice.driver.carry_out(upload)
        alice.driver.carry_out(Hold(upload.request_no, held=True))
        async with asyncio.timeout(10):
            await begun.wait()
        assert not came, "its head is out, and its body waits"
        assert alice.answers.empty()
        alice.driver.carry_out(Hold(upload.request_no, held=False))
        async with asyncio.timeout(10):
            assert (await alice.answers.get()).offset == 60_000


async def test_an_upload_is_ended_and_limits_are_named(tmp_path: Path) -> None:
    limits = BlobLimits(blob_bytes_max=200_000, quota_bytes=150_000)
    async with (
        opened_blobs(tmp_path / "blobs", limits) as blobs,
        serving(application(blobs, limits)) as url,
        hand(tmp_path / "alice", url) as alice,
    ):
        first, second = [File(os.urandom(16), alice.shelf.seal([DATA]), "file") for _ in range(2)]
        huge = File(os.urandom(16), alice.shelf.seal([DATA * 3]), "file")
        assert await alice.run(alice.upload("create", first, 0, 10)) == (10, "")
        assert await alice.run(alice.upload("create", second, 0, 10)) == (-1, "quota_exceeded")
        assert await alice.run(alice.upload("create", huge, 0, 10)) == (-1, "too_large")
        taken = File(first.blob, huge.secret, "file")
        assert await alice.run(alice.upload("create", taken, 0, 10)) == (-1, "too_large")
        assert await alice.run(alice.inform(first, "ended", who=ALICE)) == (-1, "")
        assert not files(tmp_path / "blobs")
        gone = File(bytes(16), first.secret, "file")
        (tmp_path / "alice" / first.digest).unlink()
        assert await alice.run(alice.upload("create", gone, 0, 10)) == (-1, "file_lost")


@pytest.mark.parametrize(("status", "problem"), [
    (200, "unavailable"), (204, "unavailable"), (401, "unavailable"), (404, "not_found"), (409, "wrong_offset"),
    (503, "unavailable"), (507, "unavailable"),
])  # fmt: skip
async def test_what_a_status_means(tmp_path: Path, status: int, problem: str) -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=status, headers={"Upload-Offset": "much"})

    routes = [Route("/{path:path}", answer, methods=["GET", "HEAD", "POST", "PATCH"])]
    async with serving(Starlette(routes=routes)) as url, hand(tmp_path, url) as alice:
        file = File(bytes(16), alice.shelf.seal([DATA]), "file")
        elsewhere = File(bytes(16), SealedFiles(tmp_path / "b", bool).seal([DATA]), "file")
        assert await alice.run(alice.upload("append", file, 0, 10)) == (-1, problem)
        assert await alice.run(alice.download(elsewhere, 0, 10)) == (0, problem)


async def test_no_network_and_a_download_that_is_cut_keeps_what_came(tmp_path: Path) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000\r\n\r\n" + DATA[:300])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, hand(tmp_path, f"http://127.0.0.1:{port}") as alice:
        file = File(bytes(16), SealedFiles(tmp_path / "b", bool).seal([DATA]), "file")
        assert await alice.run(alice.download(file, 0, 1000)) == (300, "no_network")
    async with hand(tmp_path, "http://127.0.0.1:9") as alice:
        assert await alice.run(alice.download(file, 300, 1000)) == (300, "no_network")
        assert await alice.run(alice.inform(file, "ended")) == (-1, "no_network")


async def test_a_defect_is_answered_and_the_file_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_client(*_: object) -> None:
        raise ImportError("a SOCKS proxy, and no library for it")

    monkeypatch.setattr(http, "open_client", no_client)
    async with hand(tmp_path / "alice", "http://127.0.0.1:9") as alice:
        file = File(os.urandom(16), alice.shelf.seal([DATA]), "file", "text/plain")
        assert (await alice.run(alice.upload("create", file, 0, 1000)))[1] == "unavailable"
        assert (await alice.run(alice.inform(file, "ended")))[1] == "unavailable"


async def test_what_is_given_up_says_nothing(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        writer.close()

    heard = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, hand(tmp_path, f"http://127.0.0.1:{port}") as alice:
        file = File(bytes(16), alice.shelf.seal([DATA]), "file")
        for given_up in (1, 0):
            heard.clear()
            alice.driver.carry_out(Inform(1, file.blob.hex(), ALICE, "ended", 0))
            async with asyncio.timeout(10):
                await heard.wait()
            alice.driver.carry_out(Abort(given_up))
        await alice.driver.close()
        assert alice.answers.empty()
