"""Downloads: any range of a complete attachment, by whoever knows its id, until the last one has it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from onebar_mockserver.attachment_answers import Guard
from onebar_mockserver.blobs import BlobLimits
from onebar_mockserver.downloads import Downloads
from tests.mockserver.attachment_server import (
    ALICE,
    BOB,
    BODY,
    TUS,
    application,
    by_name,
    create,
    opened_blobs,
    serving,
)

DATA = os.urandom(200_000)
CAROL = {"Authorization": "Test 3.33"}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with opened_blobs(tmp_path) as blobs, serving(application(blobs, BlobLimits())) as address:
        yield address


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, verify=False) as opened:
        yield opened


async def uploaded(client: httpx.AsyncClient, url: str, data: bytes = DATA, downloads: int = 1) -> str:
    headers = {**ALICE, **BODY, "Upload-Length": str(len(data)), "Onebar-Downloads": str(downloads)}
    answer = await client.post(url, headers=headers, content=data)
    assert answer.status_code == 201
    return url.rpartition("/v1/")[0] + answer.headers["location"]


async def test_the_whole(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(await uploaded(client, url), headers=BOB)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == "200000"
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-", 0, 200_000),
        ("bytes=0-0", 0, 1),
        ("bytes=65536-", 65_536, 200_000),
        ("bytes=100-199999", 100, 200_000),
        ("bytes=199999-999999", 199_999, 200_000),
        ("bytes=-5", 199_995, 200_000),
        ("bytes=-999999", 0, 200_000),
    ],
)
async def test_a_range(client: httpx.AsyncClient, url: str, wanted: str, start: int, end: int) -> None:
    answer = await client.get(await uploaded(client, url), headers={**BOB, "Range": wanted})
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/200000"


@pytest.mark.parametrize("wanted", ["bytes=200000-", "bytes=5-3", "bytes=-0"])
async def test_a_range_behind_the_end(client: httpx.AsyncClient, url: str, wanted: str) -> None:
    answer = await client.get(await uploaded(client, url), headers={**BOB, "Range": wanted})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */200000")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=x-", "bytes=٣-"])
async def test_what_is_no_single_range_gets_the_whole(client: httpx.AsyncClient, url: str, wanted: str) -> None:
    answer = await client.get(await uploaded(client, url), headers=[*BOB.items(), (b"Range", wanted.encode())])  # type: ignore[arg-type]
    assert (answer.status_code, answer.content) == (200, DATA)


async def test_a_range_of_something_else_gets_the_whole(client: httpx.AsyncClient, url: str) -> None:
    upload = await uploaded(client, url)
    tag = (await client.get(upload, headers=BOB)).headers["etag"]
    same = await client.get(upload, headers={**BOB, "Range": "bytes=5-", "If-Range": tag})
    other = await client.get(upload, headers={**BOB, "Range": "bytes=5-", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_what_is_not_complete_cannot_be_fetched(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 10)
    assert (await client.get(upload, headers=ALICE)).status_code == 404
    assert (await client.get(f"{url}/{'0' * 32}", headers=ALICE)).status_code == 404


async def test_it_goes_when_every_device_has_it(client: httpx.AsyncClient, url: str) -> None:
    upload = await uploaded(client, url, downloads=2)
    for who in (BOB, BOB):
        assert (await client.post(f"{upload}/downloaded", headers=who)).status_code == 204
    assert (await client.get(upload, headers=CAROL)).status_code == 200
    assert (await client.post(f"{upload}/downloaded", headers=CAROL)).status_code == 204
    assert (await client.get(upload, headers=CAROL)).status_code == 404
    assert (await client.head(upload, headers={**ALICE, **TUS})).status_code == 404
    assert (await client.post(f"{upload}/downloaded", headers=CAROL)).status_code == 204, "an answer may be lost"


async def test_forwarding_lets_more_devices_fetch_it(client: httpx.AsyncClient, url: str) -> None:
    upload = await uploaded(client, url)
    assert (await client.post(f"{upload}/recipients?more=1", headers=BOB)).status_code == 204
    await client.post(f"{upload}/downloaded", headers=BOB)
    assert (await client.get(upload, headers=CAROL)).content == DATA
    await client.post(f"{upload}/downloaded", headers=CAROL)
    gone = await client.post(f"{upload}/recipients?more=1", headers=BOB)
    assert (gone.status_code, gone.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("more", ["0", "-1", "x", "", "5001", "99999"])
async def test_how_many_more_has_bounds(client: httpx.AsyncClient, url: str, more: str) -> None:
    upload = await uploaded(client, url, b"x")
    assert (await client.post(f"{upload}/recipients?more={more}", headers=BOB)).status_code == 400
    many = await uploaded(client, url, b"x", downloads=5000)
    assert (await client.post(f"{many}/recipients?more=1", headers=BOB)).status_code == 403


async def test_strangers_fetch_nothing(client: httpx.AsyncClient, url: str) -> None:
    upload = await uploaded(client, url)
    for answer in (
        await client.get(upload),
        await client.post(f"{upload}/downloaded"),
        await client.post(f"{upload}/recipients?more=1"),
    ):
        assert answer.status_code == 401


async def test_those_that_are_going_on_are_counted(tmp_path: Path) -> None:
    async def rest() -> AsyncIterator[bytes]:
        yield b"rest"

    async with opened_blobs(tmp_path) as blobs:
        downloads = Downloads(blobs, Guard(by_name, lambda: 0, lambda: None))
        whole, cut = downloads._continued(b"first", rest()), downloads._continued(b"first", rest())
        assert await anext(whole) == await anext(cut) == b"first"
        assert downloads.running == 2
        await cut.aclose()
        assert downloads.running == 1
        assert [part async for part in whole] == [b"rest"]
        assert downloads.running == 0
