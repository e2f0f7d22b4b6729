"""Uploads by tus 1.0.0: every rule of the protocol that is offered, and what bad networks and hostile clients do."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from onebar_mockserver import uploads
from onebar_mockserver.blob_files import FileBlobs
from onebar_mockserver.blobs import BlobLimits, BlobsLostError, DiskFullError
from tests.mockserver.attachment_server import (
    ALICE,
    BOB,
    BODY,
    TUS,
    application,
    checksum,
    create,
    files,
    offset,
    opened_blobs,
    serving,
    stalled,
)

LIMITS = BlobLimits(blob_bytes_max=3_000_000, quota_bytes=5_000_000, uploads_max=3, unfinished_s=7)
NOW_MS = 1_800_000_000_000


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FileBlobs]:
    async with opened_blobs(tmp_path, LIMITS) as opened:
        yield opened


@pytest.fixture
async def url(blobs: FileBlobs) -> AsyncIterator[str]:
    async with serving(application(blobs, LIMITS, lambda: NOW_MS)) as address:
        yield address


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, verify=False) as opened:
        yield opened


async def patch(client: httpx.AsyncClient, upload: str, at: int, data: bytes, **headers: str) -> httpx.Response:
    return await client.patch(
        upload, headers={**ALICE, **BODY, "Upload-Offset": str(at), **headers}, content=data, timeout=20
    )


# --- the protocol ---------------------------------------------------------------------------------


async def test_it_says_what_it_can(client: httpx.AsyncClient, url: str) -> None:
    for address in (url, f"{url}/any"):
        answer = await client.options(address)
        assert answer.status_code == 204
        assert answer.headers["tus-resumable"] == answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,creation-with-upload,expiration,termination,checksum"
        assert answer.headers["tus-max-size"] == "3000000"
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"


async def test_an_upload_in_three_pieces(client: httpx.AsyncClient, url: str, blobs: FileBlobs) -> None:
    data = os.urandom(300_000)
    upload = await create(client, url, len(data))
    assert await offset(client, upload) == 0
    for at in range(0, len(data), 100_000):
        answer = await patch(client, upload, at, data[at : at + 100_000])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at + 100_000))
        assert answer.headers["tus-resumable"] == "1.0.0"
    found = await blobs.find(upload.rpartition("/")[2])
    assert found
    assert found.complete
    assert (await client.get(upload, headers=BOB)).content == data


async def test_head_tells_where_it_stands_and_is_not_cached(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.head(await create(client, url, 1000), headers={**ALICE, **TUS})
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("0", "1000")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["upload-expires"] == "Fri, 15 Jan 2027 08:00:07 GMT"


async def test_creation_with_upload(client: httpx.AsyncClient, url: str) -> None:
    for sent in (1000, 400):
        headers = {**ALICE, **BODY, "Upload-Length": "1000"}
        answer = await client.post(url, headers=headers, content=bytes(sent))
        assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(sent))


async def test_an_empty_upload_is_complete_at_once(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 0)
    assert (await client.get(upload, headers=ALICE)).content == b""


async def test_a_creation_whose_answer_was_lost_is_repeated(client: httpx.AsyncClient, url: str) -> None:
    chosen = {**ALICE, **BODY, "Upload-Length": "1000", "Onebar-Upload": "5e" * 16}
    for body, stands in ((b"", "0"), (bytes(400), "400"), (bytes(1000), "400")):
        answer = await client.post(url, headers=chosen, content=body)
        assert (answer.status_code, answer.headers["upload-offset"]) == (201, stands)
        assert answer.headers["location"].endswith("/" + "5e" * 16)
    for other in ({"Upload-Length": "999"}, BOB):
        answer = await client.post(url, headers={**chosen, **other})
        assert (answer.status_code, answer.json()["error"]) == (409, "id_taken")
    assert (await client.post(url, headers={**chosen, "Onebar-Upload": "../x"})).status_code == 400


async def test_a_creation_that_fails_leaves_nothing(client: httpx.AsyncClient, url: str, tmp_path: Path) -> None:
    headers = {**ALICE, **BODY, "Upload-Length": "10"}
    assert (await client.post(url, headers=headers, content=bytes(11))).status_code == 413
    wrong = {"Upload-Checksum": checksum("sha256", b"other")}
    assert (await client.post(url, headers={**headers, **wrong}, content=bytes(10))).status_code == 460
    assert files(tmp_path) == []


async def test_termination(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 1000)
    assert (await client.delete(upload, headers={**ALICE, **TUS})).status_code == 204
    assert (await client.head(upload, headers={**ALICE, **TUS})).status_code == 404
    assert (await client.delete(upload, headers={**ALICE, **TUS})).status_code == 404


@pytest.mark.parametrize("name", ["sha1", "sha256"])
async def test_a_checksum_that_is_right_and_one_that_is_not(client: httpx.AsyncClient, url: str, name: str) -> None:
    upload = await create(client, url, 200_000)
    data = os.urandom(200_000)
    wrong = await patch(client, upload, 0, data, **{"Upload-Checksum": checksum(name, b"other")})
    assert (wrong.status_code, wrong.json()["error"]) == (460, "bad_checksum")
    assert await offset(client, upload) == 0
    right = await patch(client, upload, 0, data, **{"Upload-Checksum": checksum(name, data)})
    assert (right.status_code, right.headers["upload-offset"]) == (204, "200000")


@pytest.mark.parametrize("text", ["md5 AAAA", "sha256", "sha256 !!!", ""])
async def test_a_checksum_of_an_unknown_kind(client: httpx.AsyncClient, url: str, text: str) -> None:
    upload = await create(client, url, 10)
    answer = await patch(client, upload, 0, bytes(10), **{"Upload-Checksum": text})
    assert answer.status_code == 400
    assert await offset(client, upload) == 0


async def test_methods_may_be_overridden(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 5)
    headers = {**ALICE, **BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await client.post(upload, headers=headers, content=b"hello")).status_code == 204
    assert (await client.post(upload, headers={**ALICE, **TUS})).status_code == 405


async def test_another_version_is_refused(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 5)
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        answer = await client.head(upload, headers={**ALICE, **headers})
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


async def test_a_wrong_offset_is_a_conflict(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 10)
    await patch(client, upload, 0, b"12345")
    for at in (0, 4, 6):
        answer = await patch(client, upload, at, b"x")
        assert (answer.status_code, answer.json()["error"]) == (409, "wrong_offset")
    assert await offset(client, upload) == 5


async def test_a_body_of_another_type_is_refused(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 10)
    headers = {**ALICE, **TUS, "Upload-Offset": "0", "Content-Type": "text/plain"}
    assert (await client.patch(upload, headers=headers, content=b"x")).status_code == 415


# --- limits and privacy ---------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "9" * 19, "٣"])
async def test_a_length_that_is_none(client: httpx.AsyncClient, url: str, length: str) -> None:
    headers = {**ALICE, **TUS, "Upload-Length": length}
    raw = [(name.encode(), text.encode()) for name, text in headers.items()]
    answer = await client.post(url, headers=raw)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_too_long_too_much_and_too_many(client: httpx.AsyncClient, url: str) -> None:
    headers = {**ALICE, **TUS}
    answer = await client.post(url, headers={**headers, "Upload-Length": "3000001"})
    assert answer.status_code == 413
    assert "BLOB_BYTES_MAX = 3000000" in answer.json()["detail"]
    await create(client, url, 3_000_000)
    answer = await client.post(url, headers={**headers, "Upload-Length": "2000001"})
    assert (answer.status_code, answer.json()["error"]) == (403, "quota_exceeded")
    assert (await client.post(url, headers={**BOB, **TUS, "Upload-Length": "2000001"})).status_code == 201
    await create(client, url, 1)
    await create(client, url, 1)
    answer = await client.post(url, headers={**headers, "Upload-Length": "1"})
    assert (answer.status_code, "UPLOADS_MAX = 3" in answer.json()["detail"]) == (403, True)


async def test_bytes_behind_the_announced_length_are_refused(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 10)
    assert (await patch(client, upload, 0, bytes(11))).status_code == 413
    assert await offset(client, upload) == 0


@pytest.mark.parametrize("header", ["Upload-Metadata", "Upload-Concat", "Upload-Defer-Length"])
async def test_names_and_kinds_of_files_are_not_taken(client: httpx.AsyncClient, url: str, header: str) -> None:
    answer = await client.post(url, headers={**ALICE, **TUS, "Upload-Length": "5", header: "filename aG9saWRheQ=="})
    assert (answer.status_code, "secret" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("downloads", ["0", "5001", "x"])
async def test_how_many_will_fetch_it_has_bounds(client: httpx.AsyncClient, url: str, downloads: str) -> None:
    headers = {**ALICE, **TUS, "Upload-Length": "5", "Onebar-Downloads": downloads}
    assert (await client.post(url, headers=headers)).status_code == 400


async def test_for_another_account_an_upload_does_not_exist(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 10)
    other = {**BOB, **BODY, "Upload-Offset": "0"}
    for answer in (
        await client.head(upload, headers=other),
        await client.patch(upload, headers=other, content=b"x"),
        await client.delete(upload, headers=other),
    ):
        assert answer.status_code == 404
    assert await offset(client, upload) == 0


async def test_a_stranger_gets_nothing(client: httpx.AsyncClient, url: str) -> None:
    upload = await create(client, url, 10)
    answers = [
        await client.post(url, headers={**TUS, "Upload-Length": "1"}),
        await client.head(upload, headers=TUS),
        await client.delete(upload, headers=TUS),
        await client.get(upload),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert answers[0].json() == {"error": "bad_token", "detail": "no token", "server_time_ms": NOW_MS}


@pytest.mark.parametrize("name", ["0" * 32, "x", "..%2f..%2fetc%2fpasswd", "%00"])
async def test_unknown_ids(client: httpx.AsyncClient, url: str, name: str) -> None:
    assert (await client.head(f"{url}/{name}", headers={**ALICE, **TUS})).status_code == 404


# --- bad networks ---------------------------------------------------------------------------------


@pytest.fixture
def commits(blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], "asyncio.Future[None]"]:
    """Tells when so much has been written."""
    waiting: list[tuple[int, asyncio.Future[None]]] = []
    written, write = [0], blobs.write

    async def watched(blob_id: str, at: int, data: bytes) -> None:
        await write(blob_id, at, data)
        written[0] = at + len(data)
        for size, future in waiting:
            if written[0] >= size and not future.done():
                future.set_result(None)

    monkeypatch.setattr(blobs, "write", watched)

    def reached(size: int) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append((size, future))
        if written[0] >= size:
            future.set_result(None)
        return future

    return reached


Reached = Callable[[int], "asyncio.Future[None]"]


async def test_a_cut_keeps_what_has_arrived(url: str, client: httpx.AsyncClient, commits: Reached) -> None:
    data = os.urandom(200_000)
    upload = await create(client, url, len(data))
    connection = await stalled(upload, data)
    await commits(100_000)
    connection.cut()
    assert await offset(client, upload) == 100_000
    await patch(client, upload, 100_000, data[100_000:])
    assert (await client.get(upload, headers=ALICE)).content == data


async def test_a_cut_with_a_checksum_keeps_nothing_unchecked(
    url: str, client: httpx.AsyncClient, commits: Reached
) -> None:
    data = os.urandom(200_000)
    upload = await create(client, url, len(data))
    connection = await stalled(upload, data, **{"Upload-Checksum": checksum("sha256", data)})
    await commits(100_000)
    connection.cut()
    assert await offset(client, upload) == 0


async def test_a_newer_request_ends_an_older_one_whose_network_is_gone(
    url: str, client: httpx.AsyncClient, commits: Reached
) -> None:
    data = os.urandom(200_000)
    upload = await create(client, url, len(data))
    old = await stalled(upload, data)
    await commits(100_000)
    assert await offset(client, upload) == 100_000, "the older one's bytes count"
    assert (await patch(client, upload, 100_000, data[100_000:])).status_code == 204
    assert b'"interrupted"' in await old.answer()
    assert (await client.get(upload, headers=ALICE)).content == data


async def test_another_account_cannot_end_a_request(url: str, client: httpx.AsyncClient, commits: Reached) -> None:
    data = os.urandom(200_000)
    upload = await create(client, url, len(data))
    old = await stalled(upload, data)
    await commits(100_000)
    assert (await client.head(upload, headers={**BOB, **TUS})).status_code == 404
    assert not old.reader.at_eof()
    old.cut()


async def test_silence_ends_a_request(
    url: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, commits: Reached
) -> None:
    monkeypatch.setattr(uploads, "IDLE_S", 0.05)
    data = os.urandom(200_000)
    upload = await create(client, url, len(data))
    old = await stalled(upload, data)
    assert b'"interrupted"' in await old.answer()
    assert await offset(client, upload) in (0, 65_536, 100_000), "whole parts"


async def test_long_bodies_count_on_the_way(
    url: str, client: httpx.AsyncClient, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, commits: Reached
) -> None:
    monkeypatch.setattr(uploads, "COMMIT_BYTES", 100_000)
    data = os.urandom(2_000_000)
    upload = await create(client, url, len(data))
    old = await stalled(upload, data)
    await commits(1_000_000)
    blob = await blobs.find(upload.rpartition("/")[2])  # as it is on the disk, while the request goes on
    assert blob
    assert 800_000 <= blob.offset <= 1_000_000
    old.cut()


async def test_slow_bodies_count_every_second(
    url: str, client: httpx.AsyncClient, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, commits: Reached
) -> None:
    monkeypatch.setattr(uploads, "COMMIT_S", 0.0)
    data = os.urandom(2_000)
    upload = await create(client, url, len(data))
    old = await stalled(upload, data)
    await commits(1_000)
    blob = await blobs.find(upload.rpartition("/")[2])
    while blob and not blob.offset:  # its commit follows the write at once
        blob = await blobs.find(upload.rpartition("/")[2])
    assert blob
    assert blob.offset == 1_000
    old.cut()


async def test_a_disk_that_fills_up_keeps_what_fitted(
    url: str, client: httpx.AsyncClient, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await create(client, url, 300_000)
    await patch(client, upload, 0, bytes(100_000))

    async def full(*args: object) -> None:
        raise DiskFullError("the server's disk is full; try again later")

    with monkeypatch.context() as patched:
        patched.setattr(blobs, "write", full)
        answer = await patch(client, upload, 100_000, bytes(50_000))
        assert (answer.status_code, answer.json()["error"]) == (507, "disk_full")
        patched.setattr(blobs, "create", full)
        answer = await client.post(url, headers={**ALICE, **TUS, "Upload-Length": "1"})
        assert answer.status_code == 507
    assert await offset(client, upload) == 100_000
    assert (await patch(client, upload, 100_000, bytes(200_000))).status_code == 204


async def test_a_storage_that_fails_says_try_again(
    url: str, client: httpx.AsyncClient, blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*args: object) -> None:
        raise BlobsLostError("the disk is on fire")

    upload = await create(client, url, 10)
    with monkeypatch.context() as patched:
        patched.setattr(blobs, "find", lost)
        answer = await client.patch(upload, headers={**ALICE, **BODY, "Upload-Offset": "0"}, content=b"x")
    assert (answer.status_code, "fire" in answer.text) == (503, False)
    assert await offset(client, upload) == 0
