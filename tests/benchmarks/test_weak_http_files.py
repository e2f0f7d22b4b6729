"""Uploads and downloads of a peer's app, against a server that fails as networks do."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from benchmarks.weak import http_files
from benchmarks.weak.http_files import HttpFiles
from benchmarks.weak.with_socketio import SocketIoPeer

CONTENT = bytes(range(256)) * 16

if SocketIoPeer().missing():
    pytest.skip("aiohttp is not installed", allow_module_level=True)


class Server:
    """Answers from a list, one connection each; keeps what it was asked."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers, self.asked = answers, [b""] * 0
        self.hanging = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.asked.append(head + await reader.readexactly(length))
        answer = self.answers.pop(0)
        if answer:
            writer.write(answer)
        else:
            self.hanging.set()
            await reader.read()
        writer.close()


@pytest.fixture
async def files(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Server, HttpFiles]]:
    monkeypatch.setattr(http_files, "PAUSE_S", 0.0)
    server = Server([])
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        files = HttpFiles(listening.sockets[0].getsockname()[1])
        files.start()
        yield server, files
        await files.close()


def ok(content: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    declared = len(content) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {declared}\r\n\r\n".encode() + content


async def test_a_download_goes_on_where_it_was_cut(files: tuple[Server, HttpFiles]) -> None:
    server, phone = files
    server.answers += [ok(b"", "503 Busy"), ok(CONTENT[:1000], length=len(CONTENT)), ok(CONTENT[1000:], "206 Partial")]
    assert await phone.get("http://upload.localhost:1/a.jpg") == CONTENT
    assert [b"Range: bytes=1000-" in asked for asked in server.asked] == [False, False, True]


async def test_a_server_without_ranges_sends_all_again(files: tuple[Server, HttpFiles]) -> None:
    server, phone = files
    server.answers += [ok(CONTENT[:1000], length=len(CONTENT)), ok(CONTENT)]
    assert await phone.get("http://upload.localhost:1/a.jpg") == CONTENT


async def test_an_upload_says_whether_it_is_there(files: tuple[Server, HttpFiles]) -> None:
    server, phone = files
    server.answers += [ok(b"", "413 Too large"), ok(b"", "201 Created")]
    assert not await phone.put("http://upload.localhost:1/a.jpg", {"Authorization": "x"}, CONTENT)
    assert await phone.put("http://upload.localhost:1/a.jpg", {"Authorization": "x"}, CONTENT)
    assert server.asked[1].endswith(CONTENT)
    assert b"Authorization: x" in server.asked[1]


async def test_another_network_ends_a_try_at_once(files: tuple[Server, HttpFiles]) -> None:
    server, phone = files
    server.answers += [b"", ok(CONTENT)]
    getting = asyncio.ensure_future(phone.get("http://upload.localhost:1/a.jpg"))
    async with asyncio.timeout(20):
        await server.hanging.wait()
        phone.network_changed()
        assert await getting == CONTENT


async def test_closing_ends_what_is_under_way(files: tuple[Server, HttpFiles]) -> None:
    server, phone = files
    server.answers += [b""]

    async def fetch() -> None:
        await phone.get("http://upload.localhost:1/a.jpg")

    phone.run(fetch())
    async with asyncio.timeout(20):
        await server.hanging.wait()
        await phone.close()
    assert not phone._working
