"""The rows keep quotas, count downloads once, and refuse files that are not theirs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from onebar_mockserver.blob_rows import FILE_NAME, BlobRows
from onebar_mockserver.blobs import (
    DOWNLOADS_MAX,
    SWEEP_BLOBS_MAX,
    Blob,
    BlobGoneError,
    BlobLimits,
    BlobSizes,
    BlobsLostError,
    QuotaError,
)

LIMITS = BlobLimits(quota_bytes=1000, uploads_max=3, kept_s=30, unfinished_s=7)


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[BlobRows]:
    opened = BlobRows(tmp_path, LIMITS)
    yield opened
    opened.close()


def blob(name: str, length: int = 100, owner: int = 1, expected: int = 1) -> Blob:
    return Blob(name, owner, length, 0, expected, 7_000)


def test_a_row_moves_on_and_lives_longer_when_it_is_complete(rows: BlobRows) -> None:
    rows.insert(blob("a"))
    assert rows.find("a") == blob("a")
    assert rows.move("a", 60, 1_000) == Blob("a", 1, 100, 60, 1, 8_000)
    assert rows.sizes() == BlobSizes(1, 60, 1, 40)
    done = rows.move("a", 100, 1_000)
    assert (done.complete, done.expires_ms) == (True, 31_000)
    assert rows.find("a") == done
    assert rows.sizes() == BlobSizes(1, 100, 0, 0)
    assert rows.find("b") is None


def test_quotas_count_announced_bytes_of_one_account(rows: BlobRows) -> None:
    rows.insert(blob("a", 600))
    with pytest.raises(QuotaError, match="600 bytes of this account are waiting, and 401 more"):
        rows.insert(blob("b", 401))
    rows.insert(blob("b", 400))
    rows.insert(blob("c", 1000, owner=2))
    rows.remove("a")
    rows.insert(blob("d", 600))


def test_too_many_uploads_at_once_are_refused(rows: BlobRows) -> None:
    for name in "abc":
        rows.insert(blob(name))
    with pytest.raises(QuotaError, match="UPLOADS_MAX = 3"):
        rows.insert(blob("d"))
    rows.move("a", 100, 0)
    rows.insert(blob("d"))


def test_a_blob_goes_with_the_last_download_and_repeats_count_once(rows: BlobRows) -> None:
    rows.insert(blob("a", expected=2))
    assert not rows.downloaded("a", 5)
    assert not rows.downloaded("a", 5)
    assert rows.expect("a", 1).expected == 3
    assert not rows.downloaded("a", 6)
    assert rows.downloaded("a", 7)
    assert rows.find("a") is None
    assert not rows.downloaded("a", 8), "it is gone already"
    with pytest.raises(BlobGoneError):
        rows.expect("a", 1)
    with pytest.raises(BlobGoneError):
        rows.move("a", 1, 0)


def test_there_is_a_most_of_recipients(rows: BlobRows) -> None:
    rows.insert(blob("a", expected=DOWNLOADS_MAX))
    with pytest.raises(QuotaError, match=f"{DOWNLOADS_MAX + 1} devices"):
        rows.expect("a", 1)
    assert rows.find("a") == blob("a", expected=DOWNLOADS_MAX), "nothing was changed"


def test_the_expired_go_in_steps(tmp_path: Path) -> None:
    rows = BlobRows(tmp_path, BlobLimits(uploads_max=1000))
    for number in range(SWEEP_BLOBS_MAX + 1):
        rows.insert(blob(f"{number}"))
    rows.insert(blob("later")._replace(expires_ms=7_001))
    assert rows.expired(6_999) == []
    assert [len(rows.expired(7_000)) for _ in range(3)] == [SWEEP_BLOBS_MAX, 1, 0]
    assert rows.ids() == {"later"}
    rows.close()


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    rows = BlobRows(tmp_path, LIMITS)
    rows.insert(blob("a", expected=2))
    rows.downloaded("a", 5)
    rows.close()
    again = BlobRows(tmp_path, LIMITS)
    assert again.ids() == {"a"}
    assert again.downloaded("a", 6)
    again.close()


def test_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (note TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(BlobsLostError, match="not ours"):
        BlobRows(tmp_path, LIMITS)
    assert path.read_bytes() == before
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(BlobsLostError, match="database failed"):
        BlobRows(tmp_path, LIMITS)


def test_a_full_disk_has_its_own_name(rows: BlobRows, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.close()
    with pytest.raises(BlobsLostError):
        rows.ids()


def test_empty_blobs_are_counted_too(tmp_path: Path) -> None:
    rows = BlobRows(tmp_path, BlobLimits(blobs_max=2))
    for name in "ab":
        rows.insert(blob(name, 0))
    with pytest.raises(QuotaError, match=r"BLOBS_MAX = 2 attachments waiting; wait until") as caught:
        rows.insert(blob("c", 0))
    assert caught.value.limit == "blobs_max"
    rows.remove("a")
    rows.insert(blob("c", 0))
    rows.close()


def test_what_is_awaited_is_found_without_looking_at_what_is_there(rows: BlobRows, tmp_path: Path) -> None:
    assert rows.awaited_bytes() == 0
    rows.insert(blob("a"))
    rows.insert(blob("b"))
    rows.move("a", 60, 1_000)
    rows.move("b", 100, 1_000)
    assert rows.awaited_bytes() == rows.sizes().awaited_bytes == 40
    statement = "SELECT sum(length - durable) FROM blobs WHERE durable < length"
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        connection.execute("DROP INDEX blobs_unfinished")  # as an earlier server left it
    assert "blobs_unfinished" in plan[-1]
    rows.close()
    again = BlobRows(tmp_path, LIMITS)
    assert again.awaited_bytes() == 40
    again.close()
