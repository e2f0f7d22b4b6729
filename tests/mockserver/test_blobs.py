"""The limits of blobs fit each other and what the SDK sends."""

from onebar.crypto.attachments import FILE_BYTES_MAX, sealed_bytes
from onebar_mockserver import blobs
from onebar_mockserver.blobs import Blob, BlobLimits


def test_a_blob_is_complete_when_its_last_byte_is_durable() -> None:
    begun = Blob("0" * 32, 1, 10, 9, 1, 0)
    assert not begun.complete
    assert begun._replace(offset=10).complete


def test_the_longest_file_fits_sealed_and_twice_into_the_quota() -> None:
    assert sealed_bytes(FILE_BYTES_MAX) <= blobs.BLOB_BYTES_MAX
    assert blobs.BLOB_BYTES_MAX <= blobs.QUOTA_BYTES
    assert BlobLimits().blob_bytes_max == blobs.BLOB_BYTES_MAX


def test_a_blob_waits_as_long_as_mail() -> None:
    assert BlobLimits().kept_s == 30 * 24 * 3600 > BlobLimits().unfinished_s
