"""How many uploads an account may begin, and how many are going on."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from onebar.core.rates import Rate
from onebar_mockserver.attachment_answers import Guard
from onebar_mockserver.blob_files import FileBlobs
from onebar_mockserver.blobs import BlobLimits
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.uploads import Uploads
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

NOW_MS = 1_800_000_000_000


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FileBlobs]:
    async with opened_blobs(tmp_path) as opened:
        yield opened


async def test_uploads_are_begun_at_a_rate(blobs: FileBlobs) -> None:
    app = application(blobs, BlobLimits(), lambda: NOW_MS, {"uploads": Rate(2, 2.0)})
    async with serving(app) as url, httpx.AsyncClient(trust_env=False) as client:
        upload = await create(client, url, 5, **{"Onebar-Upload": "0" * 32})
        for _ in range(3):
            assert await create(client, url, 5, **{"Onebar-Upload": "0" * 32}) == upload, "the same one costs nothing"
        await create(client, url, 5)
        answer = await client.post(url, headers={**ALICE, **TUS, "Upload-Length": "5"})
        assert (answer.status_code, answer.json()["error"], answer.json()["limit"]) == (429, "rate_limited", "uploads")
        assert answer.headers["Retry-After"] == "2"
        assert answer.json()["retry_after_s"] == 2
        going = await client.patch(upload, headers={**ALICE, **BODY, "Upload-Offset": "0"}, content=b"12345")
        assert going.status_code == 204, "what was begun goes on"
        other = await client.post(url, headers={**BOB, **TUS, "Upload-Length": "5"})
        assert other.status_code == 201


async def test_those_that_are_going_on_are_counted(blobs: FileBlobs) -> None:
    made = Uploads(blobs, Guard(by_name, lambda: NOW_MS, lambda: None), BlobLimits(), lambda: NOW_MS, Buckets({}))
    async with made._alone("one"), made._alone("two"):
        assert made.running == 2
    assert made.running == 0
