"""Blobs on files: what was committed is there, what was not does not count, and nothing else stays."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from onebar_mockserver.blob_files import FileBlobs, free_bytes
from onebar_mockserver.blobs import BlobGoneError, BlobLimits, BlobsLostError, DiskFullError, QuotaError, TakenError
from tests.mockserver.attachment_server import files, opened_blobs

UNKNOWN = "0" * 32


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FileBlobs]:
    async with opened_blobs(tmp_path) as opened:
        yield opened


async def content(blobs: FileBlobs, blob_id: str, start: int, end: int) -> bytes:
    return b"".join([part async for part in blobs.read(blob_id, start, end)])


async def test_what_is_written_and_committed_is_read_back(blobs: FileBlobs) -> None:
    data = os.urandom(200_000)
    blob = await blobs.create(1, len(data), 1, 0)
    await blobs.write(blob.id, 0, data[:150_000])
    await blobs.commit(blob.id, 150_000, 0)
    await blobs.write(blob.id, 150_000, data[150_000:])
    done = await blobs.commit(blob.id, len(data), 0)
    assert done.complete
    assert await blobs.find(blob.id) == done
    assert await content(blobs, blob.id, 0, len(data)) == data
    assert await content(blobs, blob.id, 70_000, 70_003) == data[70_000:70_003]


async def test_ids_are_new_and_unguessable(blobs: FileBlobs) -> None:
    ids = {(await blobs.create(1, 1, 1, 0)).id for _ in range(50)}
    assert len(ids) == 50
    assert all(len(bytes.fromhex(blob_id)) == 16 for blob_id in ids)


async def test_a_chosen_id_is_created_once(blobs: FileBlobs) -> None:
    blob = await blobs.create(1, 10, 1, 0, "5e" * 16)
    await blobs.write(blob.id, 0, b"12345")
    stands = await blobs.commit(blob.id, 5, 0)
    assert await blobs.create(1, 10, 7, 99, "5e" * 16) == stands
    for owner, length in ((2, 10), (1, 11)):
        with pytest.raises(TakenError):
            await blobs.create(owner, length, 1, 0, "5e" * 16)


async def test_what_was_not_committed_does_not_count_after_a_restart(tmp_path: Path) -> None:
    async with opened_blobs(tmp_path) as blobs:
        blob = await blobs.create(1, 10, 1, 0)
        await blobs.write(blob.id, 0, b"durable")
        await blobs.commit(blob.id, 7, 0)
        await blobs.write(blob.id, 7, b"!!")
    async with opened_blobs(tmp_path) as blobs:
        found = await blobs.find(blob.id)
        assert found
        assert found.offset == 7
        await blobs.write(blob.id, 7, b"ly.")
        await blobs.commit(blob.id, 10, 0)
        assert await content(blobs, blob.id, 0, 10) == b"durablely."


async def test_files_without_a_row_are_removed_at_the_start(tmp_path: Path) -> None:
    async with opened_blobs(tmp_path) as blobs:
        kept = await blobs.create(1, 10, 1, 0)
    orphan = tmp_path / "ab" / ("ab" + "0" * 30)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"left by a crash between file and row")
    async with opened_blobs(tmp_path):
        assert [path.name for path in files(tmp_path)] == [kept.id]


async def test_a_file_that_a_failing_disk_cut_goes_on_from_there(tmp_path: Path) -> None:
    async with opened_blobs(tmp_path) as blobs:
        blob = await blobs.create(1, 10, 1, 0)
        await blobs.write(blob.id, 0, b"0123456789")
        await blobs.commit(blob.id, 10, 0)
        (path,) = files(tmp_path)
        os.truncate(path, 4)
        found = await blobs.find(blob.id)
        assert found
        assert (found.offset, found.complete) == (4, False)
        with pytest.raises(BlobsLostError, match="shorter than its row says"):
            await content(blobs, blob.id, 0, 10)
        path.unlink()
        assert await blobs.find(blob.id) is None


async def test_removed_downloaded_and_expired_blobs_leave_no_file(tmp_path: Path) -> None:
    async with opened_blobs(tmp_path, BlobLimits(unfinished_s=7)) as blobs:
        ids = [(await blobs.create(1, 10, 1, 1000)).id for _ in range(3)]
        await blobs.remove(ids[0])
        await blobs.downloaded(ids[1], 22)
        assert await blobs.sweep(7_999) == 0
        assert await blobs.sweep(8_000) == 1
        assert files(tmp_path) == []
        await blobs.remove(ids[0])
        for blob_id in ids:
            with pytest.raises(BlobGoneError):
                await blobs.write(blob_id, 0, b"late")


async def test_a_blob_that_is_dropped_is_read_to_its_end(blobs: FileBlobs) -> None:
    blob = await blobs.create(1, 200_000, 1, 0)
    await blobs.write(blob.id, 0, bytes(200_000))
    await blobs.commit(blob.id, 200_000, 0)
    reading = blobs.read(blob.id, 0, 200_000)
    first = await anext(reading)
    await blobs.remove(blob.id)
    assert len(first) + len(b"".join([part async for part in reading])) == 200_000
    with pytest.raises(BlobGoneError):
        await content(blobs, blob.id, 0, 1)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "..", UNKNOWN + "/", UNKNOWN[:-1] + "G", "ÄÖ"])
async def test_no_name_from_outside_becomes_a_path(blobs: FileBlobs, name: str) -> None:
    assert await blobs.find(name) is None
    for attempt in (blobs.write(name, 0, b"x"), blobs.remove(name), content(blobs, name, 0, 1)):
        with pytest.raises(BlobGoneError):
            await attempt


async def test_a_full_disk_takes_no_new_upload_and_counts_those_going_on(tmp_path: Path) -> None:
    room = [1000]
    limits = BlobLimits(disk_reserve_bytes=100)
    blobs = FileBlobs(tmp_path, limits, lambda: os.urandom(16).hex(), lambda folder: room[0])
    await blobs.open()
    with pytest.raises(DiskFullError, match="no room for 901 bytes"):
        await blobs.create(1, 901, 1, 0)
    await blobs.create(1, 900, 1, 0)
    with pytest.raises(DiskFullError):
        await blobs.create(1, 1, 1, 0)
    assert len(files(tmp_path)) == 1
    await blobs.close()
    assert free_bytes(tmp_path) > 0


async def test_a_refused_quota_leaves_no_file(tmp_path: Path) -> None:
    async with opened_blobs(tmp_path, BlobLimits(quota_bytes=10)) as blobs:
        with pytest.raises(QuotaError):
            await blobs.create(1, 11, 1, 0)
        assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "named"), [(errno.ENOSPC, DiskFullError), (errno.EDQUOT, DiskFullError), (errno.EIO, BlobsLostError)]
)
@pytest.mark.parametrize("call", ["pwrite", "fsync"])
async def test_a_failing_disk_has_a_name_and_counts_nothing(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, number: int, named: type[Exception], call: str
) -> None:
    blob = await blobs.create(1, 10, 1, 0)

    def fails(*args: Any) -> int:
        raise OSError(number, os.strerror(number))

    async def write_and_commit() -> None:
        await blobs.write(blob.id, 0, b"x")
        await blobs.commit(blob.id, 1, 0)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        with pytest.raises(named):
            await write_and_commit()
    found = await blobs.find(blob.id)
    assert found
    assert found.offset == 0


async def test_many_at_once_do_not_meet(blobs: FileBlobs) -> None:
    async def one(number: int) -> None:
        data = bytes([number]) * 70_000
        blob = await blobs.create(number, len(data), 1, 0)
        await blobs.write(blob.id, 0, data)
        await blobs.commit(blob.id, len(data), 0)
        assert await content(blobs, blob.id, 0, len(data)) == data

    await asyncio.gather(*(one(number) for number in range(20)))


async def test_closed_blobs_say_so(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path, BlobLimits(), lambda: UNKNOWN)
    await blobs.close()
    with pytest.raises(BlobsLostError, match="closed"):
        await blobs.find(UNKNOWN)
    await blobs.close()
