"""A server for attachments alone, in this process or as one of its own, with callers who need no keys."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import httpx
from starlette.applications import Starlette
from uvicorn.config import Config
from uvicorn.server import Server

from onebar.core.rates import Rate
from onebar_mockserver.app import listen, now_ms
from onebar_mockserver.attachment_answers import Guard
from onebar_mockserver.blob_files import FileBlobs
from onebar_mockserver.blobs import BlobLimits, Blobs
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.callers import Caller, UnauthenticatedError
from onebar_mockserver.downloads import Downloads
from onebar_mockserver.request_head import HeadDeadlineProtocol
from onebar_mockserver.uploads import Uploads

ALICE = {"Authorization": "Test 1.11"}
BOB = {"Authorization": "Test 2.22"}
TUS = {"Tus-Resumable": "1.0.0"}
BODY = {**TUS, "Content-Type": "application/offset+octet-stream"}


async def by_name(_host: str, authorization: str) -> Caller:
    """Believe whatever the caller says."""
    if not authorization.startswith("Test "):
        raise UnauthenticatedError("bad_token", "no token")
    account, device = authorization.removeprefix("Test ").split(".")
    return Caller(int(account), int(device))


def application(
    blobs: Blobs, limits: BlobLimits, now: Callable[[], int] = now_ms, rates: Mapping[str, Rate] = MappingProxyType({})
) -> Starlette:
    guard = Guard(by_name, now, lambda: None)
    uploads = Uploads(blobs, guard, limits, now, Buckets(rates))
    return Starlette(routes=[*uploads.routes(), *Downloads(blobs, guard).routes()])


@asynccontextmanager
async def opened_blobs(folder: Path, limits: BlobLimits | None = None) -> AsyncIterator[FileBlobs]:
    blobs = FileBlobs(folder, limits or BlobLimits(), lambda: secrets.token_hex(16))
    await blobs.open()
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def serving(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """Serve on this machine; yield the address of the attachments."""
    listener = listen("127.0.0.1", port)
    config = Config(app, http=HeadDeadlineProtocol, lifespan="off", log_config=None, access_log=False, ws="none")
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/attachments"
    finally:
        server.should_exit = True
        for connection in list(server.server_state.connections):
            connection.shutdown()
        await server.shutdown(sockets=[listener])


def files(folder: Path) -> list[Path]:
    """The files of blobs that are there."""
    return sorted(folder.glob("??/*"))


def checksum(name: str, data: bytes) -> str:
    """What the header Upload-Checksum says of data."""
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


async def create(client: httpx.AsyncClient, url: str, length: int, **headers: str) -> str:
    """Begin an upload; return its address."""
    answer = await client.post(url, headers={**ALICE, **TUS, "Upload-Length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return url.rpartition("/v1/")[0] + answer.headers["location"]


async def offset(client: httpx.AsyncClient, upload: str) -> int:
    """Ask how far an upload has come."""
    answer = await client.head(upload, headers={**ALICE, **TUS})
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


class Stalled:
    """A connection that has sent the head of a request and half of its body, and then nothing more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> bytes:
        """Return what the server said before it closed the connection."""
        said = await self.reader.read()
        self.cut()
        return said

    def cut(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()


async def stalled(upload: str, data: bytes, **headers: str) -> Stalled:
    """Begin to send data, and stall halfway."""
    address = httpx.URL(upload)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    lines = {**ALICE, **BODY, "Host": address.host, "Upload-Offset": "0", "Content-Length": str(len(data)), **headers}
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    writer.write(f"PATCH {address.path} HTTP/1.1\r\n{head}\r\n".encode() + data[: len(data) // 2])
    return Stalled(reader, writer)


async def main(folder: Path, port: int) -> None:
    """Serve until killed; say the address first."""
    async with opened_blobs(folder) as blobs, serving(application(blobs, BlobLimits()), port) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
