"""Clients that others wrote upload through cuts and kills of the server, and every byte arrives as it was."""

import asyncio
import hashlib
import os
import random
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from tusclient import client as tus

from onebar_mockserver.blob_rows import FILE_NAME
from onebar_mockserver.blobs import BlobLimits
from tests.interop.with_libsignal import MissingError
from tests.interop.with_tus_js import upload_with_cuts
from tests.mockserver.attachment_server import ALICE, BOB, BODY, TUS, application, opened_blobs, serving

ROOT = Path(__file__).resolve().parents[2]
PIECE_BYTES = 100_000
KILLS = 4


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with opened_blobs(tmp_path / "blobs") as blobs, serving(application(blobs, BlobLimits())) as address:
        yield address


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def fetched(address: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return sha256((await client.get(address, headers=BOB)).content)


@pytest.mark.parametrize("checksums", [False, True])
async def test_tuspy_uploads_and_resumes(url: str, tmp_path: Path, checksums: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1_000_000))

    def work() -> str:
        client = tus.TusClient(url, headers=dict(ALICE))
        options = {"chunk_size": PIECE_BYTES, "upload_checksum": checksums}
        with path.open("rb") as file:
            first = client.uploader(file_stream=file, **options)
            first.upload(stop_at=400_000)
            second = client.uploader(file_stream=file, url=first.url, **options)
            assert second.offset == 400_000
            second.upload()
            return str(second.url)

    assert await fetched(await asyncio.to_thread(work)) == sha256(path.read_bytes())


async def test_tus_js_client_uploads_and_resumes(url: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1_000_000))
    try:
        address = await upload_with_cuts(url, path, [250_000, 650_000])
    except MissingError as error:
        pytest.skip(str(error))
    assert await fetched(address) == sha256(path.read_bytes())


@contextmanager
def server_process(folder: Path, port: int = 0) -> Iterator[str]:
    """A server that ends by kill -9."""
    command = [sys.executable, "-m", "tests.mockserver.attachment_server", str(folder), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def begin_to_send(upload: str, at: int, data: bytes, sent: int) -> socket.socket:
    """Begin a request for all the rest of the data, and send so many bytes of it."""
    address = httpx.URL(upload)
    connection = socket.create_connection((address.host, address.port or 80))
    lines = {**ALICE, **BODY, "Host": address.host, "Upload-Offset": str(at), "Content-Length": str(len(data) - at)}
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    connection.sendall(f"PATCH {address.path} HTTP/1.1\r\n{head}\r\n".encode() + data[at : at + sent])
    return connection


def offset(upload: str) -> int:
    answer = httpx.head(upload, headers={**ALICE, **TUS}, trust_env=False)
    return int(answer.headers["upload-offset"])


def counted(folder: Path) -> int:
    """How many bytes of the one upload are durable, read beside the server."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as rows:
        return int(rows.execute("SELECT durable FROM blobs").fetchone()[0])


@pytest.mark.process
def test_kills_of_the_server_lose_nothing_that_it_told(tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    path, folder, dice = tmp_path / "file", tmp_path / "blobs", random.Random(5)
    path.write_bytes(data)
    with server_process(folder) as url:
        port = httpx.URL(url).port or 0
        with path.open("rb") as file:
            upload = str(tus.TusClient(url, headers=dict(ALICE)).uploader(file_stream=file).create_url())
    told = 0
    for _ in range(KILLS):
        with server_process(folder, port):
            at = offset(upload)
            assert at >= told
            with begin_to_send(upload, at, data, dice.randrange(1_200_000, 4_000_000)):
                while (told := counted(folder)) <= at:  # killed at any moment after it has counted something
                    pass
    with server_process(folder, port) as url, path.open("rb") as file:
        uploader = tus.TusClient(url, headers=dict(ALICE)).uploader(file_stream=file, url=upload, chunk_size=5_000_000)
        assert uploader.offset >= told
        uploader.upload()
        answer = httpx.get(upload, headers=BOB, trust_env=False)
        assert sha256(answer.content) == sha256(data)
