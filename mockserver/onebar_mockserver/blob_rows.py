"""What the embedded engine knows about its blobs: rows of an SQLite file of their own, each call one transaction."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from onebar_mockserver.blobs import (
    DOWNLOADS_MAX,
    SWEEP_BLOBS_MAX,
    Blob,
    BlobGoneError,
    BlobLimits,
    BlobSizes,
    BlobsLostError,
    DiskFullError,
    QuotaError,
)

FILE_NAME: Final = "blobs.sqlite3"
"""The database's name in the blobs' folder."""

VERSION: Final = 1
"""Of the schema."""

APPLICATION_ID: Final = 0x4F4E4552
"""Marks the file as ours ("ONER"), so that another program's database is not taken for it."""

_MS: Final = 1000

_UNFINISHED: Final = "CREATE INDEX IF NOT EXISTS blobs_unfinished ON blobs (length, durable) WHERE durable < length"
"""Came after the first version, which works with it as well."""


class BlobRows:
    """The rows, for one thread."""

    def __init__(self, folder: Path, limits: BlobLimits) -> None:
        """Open or create the database.

        Raises:
            BlobsLostError: It is damaged, not ours, or of another version; it is left as it is.
        """
        self._limits = limits
        path = folder / FILE_NAME
        with _named():
            self._connection = sqlite3.connect(path, isolation_level=None)
            try:
                self._prepare(path)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def ids(self) -> set[str]:
        """Return the ids of all blobs."""
        with _named():
            return {row[0] for row in self._connection.execute("SELECT id FROM blobs")}

    def insert(self, blob: Blob) -> None:
        """Add a blob, if the owner's quota allows it.

        Raises:
            QuotaError: It does not.
        """
        limits = self._limits
        with self._transaction() as execute:
            count, used, unfinished = execute(
                "SELECT count(*), coalesce(sum(length), 0), coalesce(sum(durable < length), 0) FROM blobs"
                " WHERE owner = ?",
                (blob.owner,),
            ).fetchone()
            if count >= limits.blobs_max:
                raise QuotaError(
                    "blobs_max",
                    f"this account has BLOBS_MAX = {limits.blobs_max} attachments waiting; wait until recipients have"
                    " fetched some, or end uploads",
                )
            if used + blob.length > limits.quota_bytes:
                raise QuotaError(
                    "quota_bytes",
                    f"{used} bytes of this account are waiting, and {blob.length} more would pass QUOTA_BYTES ="
                    f" {limits.quota_bytes}; wait until recipients have fetched some, or end uploads",
                )
            if unfinished >= limits.uploads_max:
                raise QuotaError(
                    "uploads_max", f"this account has UPLOADS_MAX = {limits.uploads_max} uploads going on; end some"
                )
            execute("INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?)", tuple(blob))

    def find(self, blob_id: str) -> Blob | None:
        """Return a blob."""
        with _named():
            row = self._connection.execute("SELECT * FROM blobs WHERE id = ?", (blob_id,)).fetchone()
        return None if row is None else Blob(*row)

    def move(self, blob_id: str, offset: int, now_ms: int) -> Blob:
        """Count the bytes up to `offset` as durable, and let the time until it expires begin anew.

        Raises:
            BlobGoneError: There is no such blob.
        """
        with self._transaction() as execute:
            blob = self._known(blob_id)
            life_s = self._limits.kept_s if offset == blob.length else self._limits.unfinished_s
            blob = blob._replace(offset=offset, expires_ms=now_ms + life_s * _MS)
            execute("UPDATE blobs SET durable = ?, expires_ms = ? WHERE id = ?", (offset, blob.expires_ms, blob_id))
        return blob

    def expect(self, blob_id: str, more: int) -> Blob:
        """Let further devices fetch it.

        Raises:
            BlobGoneError: There is no such blob.
            QuotaError: Too many devices.
        """
        with self._transaction() as execute:
            blob = self._known(blob_id)
            blob = blob._replace(expected=blob.expected + more)
            if blob.expected > DOWNLOADS_MAX:
                detail = f"{blob.expected} devices are more than DOWNLOADS_MAX = {DOWNLOADS_MAX}; upload again"
                raise QuotaError("downloads_max", detail)
            execute("UPDATE blobs SET expected = ? WHERE id = ?", (blob.expected, blob_id))
        return blob

    def downloaded(self, blob_id: str, device: int) -> bool:
        """Note a download; return whether it was the last one, in which case the row is gone."""
        with self._transaction() as execute:
            if (blob := self.find(blob_id)) is None:
                return False
            execute("INSERT OR IGNORE INTO downloads VALUES (?, ?)", (blob_id, device))
            (count,) = execute("SELECT count(*) FROM downloads WHERE id = ?", (blob_id,)).fetchone()
            if count >= blob.expected:
                self._drop(blob_id)
            return bool(count >= blob.expected)

    def remove(self, blob_id: str) -> None:
        """Forget a blob."""
        with self._transaction():
            self._drop(blob_id)

    def expired(self, now_ms: int) -> list[str]:
        """Forget some of what has expired, and return the ids."""
        with self._transaction() as execute:
            rows = execute("SELECT id FROM blobs WHERE expires_ms <= ? LIMIT ?", (now_ms, SWEEP_BLOBS_MAX)).fetchall()
            for (blob_id,) in rows:
                self._drop(blob_id)
        return [row[0] for row in rows]

    def awaited_bytes(self) -> int:
        """Return what is still to come of all blobs, by looking only at those."""
        with _named():
            row = self._connection.execute(
                "SELECT coalesce(sum(length - durable), 0) FROM blobs WHERE durable < length"
            ).fetchone()
        return int(row[0])

    def sizes(self) -> BlobSizes:
        """Return what all blobs take together."""
        with _named():
            row = self._connection.execute(
                "SELECT count(*), coalesce(sum(durable), 0), coalesce(sum(durable < length), 0),"
                " coalesce(sum(length - durable), 0) FROM blobs"
            ).fetchone()
        return BlobSizes(*row)

    def _prepare(self, path: Path) -> None:
        execute = self._connection.execute
        version, owner = (int(execute(f"PRAGMA {name}").fetchone()[0]) for name in ("user_version", "application_id"))
        tables = execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if (tables or version) and (owner != APPLICATION_ID or version != VERSION):
            raise BlobsLostError(
                f"{path} is not of version {VERSION}, or not ours; restore it or choose another --data"
            )
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")  # an offset that was told to a client is on the disk
        if not tables:
            script = resources.files(__package__).joinpath("blobs.sql").read_text(encoding="utf-8")
            self._connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {APPLICATION_ID};"
                f"PRAGMA user_version = {VERSION};\nCOMMIT;"
            )
        execute(_UNFINISHED)

    def _known(self, blob_id: str) -> Blob:
        if (blob := self.find(blob_id)) is None:
            raise BlobGoneError("there is no such attachment, or not any more")
        return blob

    def _drop(self, blob_id: str) -> None:
        self._connection.execute("DELETE FROM blobs WHERE id = ?", (blob_id,))
        self._connection.execute("DELETE FROM downloads WHERE id = ?", (blob_id,))

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with _named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFullError("the server's disk is full; try again later") from error
        raise BlobsLostError(f"the blobs' database failed ({type(error).__name__}: {error})") from error
