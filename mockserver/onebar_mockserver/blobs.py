"""Attachments on the server: the port `Blobs`, what can go wrong with it, and its limits.

A blob is ciphertext of a known length that arrives in pieces, perhaps over days, and leaves to every recipient device
once. The server knows its length, its owner's account, and how many devices are to fetch it: no name, no kind, no key.
The embedded engine is `onebar_mockserver.blob_files`; a cluster has an object store behind the same port.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from onebar_mockserver.limits import DAY_S

BLOB_BYTES_MAX: Final = 2 * 1024**3 + 1024**2
"""Longest blob: a file of 2 GiB, and what sealing adds to it."""

QUOTA_BYTES: Final = 4 * 1024**3
"""Most bytes that one account may have waiting, announced lengths of uploads included: two of the longest files."""

UPLOADS_MAX: Final = 256
"""Most blobs of one account that are not complete: an album of 200 photos, chosen in a tunnel."""

BLOBS_MAX: Final = 20_000
"""Most blobs of one account, complete or not: 650 a day for as long as one waits. Empty and tiny ones use up files and
time where they use up no quota."""

DOWNLOADS_MAX: Final = 5_000
"""Most devices that a blob may wait for: a group of 1,000 people with five devices each."""

KEPT_S: Final = 30 * DAY_S
"""Time that a complete blob waits for its recipients: as long as mail does."""

UNFINISHED_S: Final = 7 * DAY_S
"""Time after its last byte that an incomplete blob waits for more: a week's holiday without a network."""

DISK_RESERVE_BYTES: Final = 256 * 1024**2
"""Free space that uploads leave for everything else, such as the mailboxes."""

SWEEP_BLOBS_MAX: Final = 256
"""Blobs dropped in one step of the sweep."""


class BlobError(Exception):
    """A blob cannot be stored or read; the text says why and what to do."""


class QuotaError(BlobError):
    """The account has too much waiting; `limit` is the name of what it has used up."""

    def __init__(self, limit: str, detail: str) -> None:
        super().__init__(detail)
        self.limit = limit


class TakenError(BlobError):
    """The id that the client chose belongs to another blob."""


class DiskFullError(BlobError):
    """The server's disk is full; trying again later may help."""


class BlobsLostError(BlobError):
    """The storage failed; what was committed before is still there."""


class BlobGoneError(BlobError):
    """There is no such blob, or not any more."""


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """The limits that a test or an operator may set."""

    blob_bytes_max: int = BLOB_BYTES_MAX
    quota_bytes: int = QUOTA_BYTES
    uploads_max: int = UPLOADS_MAX
    blobs_max: int = BLOBS_MAX
    kept_s: int = KEPT_S
    unfinished_s: int = UNFINISHED_S
    disk_reserve_bytes: int = DISK_RESERVE_BYTES


class Blob(NamedTuple):
    """Where a blob stands."""

    id: str
    """32 hexadecimal digits, unguessable: who knows it may fetch it, since nobody else was told."""
    owner: int
    """The account that may go on with the upload or end it."""
    length: int
    """Bytes that it has when it is complete."""
    offset: int
    """Bytes that are durable: the next one expected."""
    expected: int
    """Devices that are to fetch it."""
    expires_ms: int
    """When it is dropped, in milliseconds since 1970."""

    @property
    def complete(self) -> bool:
        """Whether it can be fetched."""
        return self.offset == self.length


class BlobSizes(NamedTuple):
    """What all blobs take together."""

    blobs: int = 0
    """How many there are."""
    bytes: int = 0
    """What has arrived of them."""
    unfinished: int = 0
    """How many are not complete."""
    awaited_bytes: int = 0
    """What is still to come of those."""


class Blobs(Protocol):
    """Where attachments wait."""

    async def create(self, owner: int, length: int, expected: int, now_ms: int, blob_id: str = "") -> Blob:
        """Make room for a blob that `expected` devices will fetch.

        With an id that the client chose, a repeated call returns the blob as it stands: the first answer was lost.

        Raises:
            TakenError: There is another blob of this id.
            QuotaError: The account has too much waiting.
            DiskFullError: There is no room for it.
            BlobsLostError: The storage failed.
        """

    async def find(self, blob_id: str) -> Blob | None:
        """Return where a blob stands, or None if there is no such blob.

        Raises:
            BlobsLostError: The storage failed.
        """

    async def write(self, blob_id: str, at: int, data: bytes) -> None:
        """Put bytes at a place; they count only when `commit` says so.

        Raises:
            BlobGoneError: It was dropped meanwhile.
            DiskFullError: They do not fit.
            BlobsLostError: The storage failed.
        """

    async def commit(self, blob_id: str, offset: int, now_ms: int) -> Blob:
        """Make everything that was written up to `offset` durable, and only then count it.

        Raises:
            BlobGoneError: It was dropped meanwhile.
            DiskFullError: The disk filled up; what was durable before still is.
            BlobsLostError: The storage failed.
        """

    def read(self, blob_id: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end`; a blob dropped meanwhile is still read to its end.

        Raises:
            BlobGoneError: It was dropped before the first byte.
            BlobsLostError: The storage failed.
        """

    async def expect(self, blob_id: str, more: int) -> Blob:
        """Let `more` further devices fetch it, because it was forwarded.

        Raises:
            BlobGoneError: It was dropped; upload it again.
            QuotaError: Too many devices.
            BlobsLostError: The storage failed.
        """

    async def downloaded(self, blob_id: str, device: int) -> None:
        """Note that a device has it, any number of times; after the last one expected, drop it.

        Raises:
            BlobsLostError: The storage failed.
        """

    async def remove(self, blob_id: str) -> None:
        """Drop it, if it is there.

        Raises:
            BlobsLostError: The storage failed.
        """

    async def sizes(self) -> BlobSizes:
        """Return what all blobs take, for the metrics.

        Raises:
            BlobsLostError: The storage failed.
        """

    async def sweep(self, now_ms: int) -> int:
        """Drop some of what has expired; return how many were dropped, 0 when nothing is left to drop.

        Raises:
            BlobsLostError: The storage failed.
        """
