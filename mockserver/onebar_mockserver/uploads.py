"""Uploads of attachments: tus 1.0.0 (https://tus.io/protocols/resumable-upload) as a streaming handler.

With the extensions creation, creation-with-upload, expiration, termination and checksum. An upload belongs to the
account that made it; for anybody else it does not exist. What has arrived counts as soon as it is durable, whatever
becomes of the request; a newer request for the same upload ends an older one, because that one's connection may be
long dead without the server knowing.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from onebar_mockserver.attachment_answers import PATH, Guard, RefusedError
from onebar_mockserver.blobs import DOWNLOADS_MAX, Blob, BlobLimits, Blobs, DiskFullError
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.callers import Caller
from onebar_mockserver.ports import RateLimitedError

VERSION: Final = "1.0.0"
"""Of the tus protocol."""

EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination,checksum"
"""What this server can beyond the core."""

COMMIT_BYTES: Final = 1024 * 1024
"""Bytes after which those that have arrived are made durable: a kill costs the sender no more than that."""

COMMIT_S: Final = 1.0
"""Time after which they are, on links that take longer: so a kill costs a second of sending at most."""

IDLE_S: Final = 60.0
"""Silence in the middle of a request after which it is ended: bad networks stall for 30 s and recover."""

CONTENT_TYPE: Final = "application/offset+octet-stream"
"""Of every body, by the protocol."""

_ALGORITHMS: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}  # sha1: the protocol demands it
_ID: Final = re.compile("[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)
_CHECKSUM_MISMATCH: Final = 460

Handler = Callable[[Request, Caller], Awaitable[Response]]


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(slots=True)
class _Turn:
    """One request's time with an upload."""

    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _InterruptedError(Exception):
    """The request has to end before its body has."""


class Uploads:
    """The tus side of a server."""

    def __init__(
        self, blobs: Blobs, guard: Guard, limits: BlobLimits, now_ms: Callable[[], int], buckets: Buckets
    ) -> None:
        """Serve these blobs; `guard` knows who is asking, `buckets` how many uploads an account has begun."""
        self._blobs = blobs
        self._guard = guard
        self._limits = limits
        self._now_ms = now_ms
        self._buckets = buckets
        self._turns: dict[str, _Turn] = {}

    @property
    def running(self) -> int:
        """How many uploads have a request of theirs going on."""
        return len(self._turns)

    def routes(self) -> list[Route]:
        """Return the routes; they come before those of downloads, whose GET would take HEAD too."""
        return [
            Route(PATH, self._collection, methods=["POST", "OPTIONS"]),
            Route(PATH + "/{id}", self._upload, methods=["HEAD", "PATCH", "POST", "DELETE", "OPTIONS"]),
        ]

    async def _collection(self, request: Request) -> Response:
        return await self._answer(request, {"POST": self._create})

    async def _upload(self, request: Request) -> Response:
        handlers: dict[str, Handler] = {"HEAD": self._head, "PATCH": self._patch, "DELETE": self._delete}
        return await self._answer(request, handlers)

    async def _answer(self, request: Request, handlers: dict[str, Handler]) -> Response:
        method = request.headers.get("x-http-method-override", request.method)
        if method == "OPTIONS":
            response = self._options()
        elif request.headers.get("tus-resumable") != VERSION:
            response = Response(status_code=412, headers={"Tus-Version": VERSION})
        elif method not in handlers:
            response = Response(status_code=405)
        else:
            response = await self._guard.answer(request, handlers[method])
        response.headers["Tus-Resumable"] = VERSION
        return response

    def _options(self) -> Response:
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._limits.blob_bytes_max),
            "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS),
        }
        return Response(status_code=204, headers=headers)

    async def _create(self, request: Request, caller: Caller) -> Response:
        for header in ("upload-metadata", "upload-concat", "upload-defer-length"):
            if request.headers.get(header):
                raise RefusedError(400, "bad_request", f"{header}: not taken here; names and kinds of files are secret")
        length = _number(request, "upload-length")
        if length > self._limits.blob_bytes_max:
            detail = f"{length} bytes are more than BLOB_BYTES_MAX = {self._limits.blob_bytes_max}"
            raise RefusedError(413, "too_large", detail)
        expected = _number(request, "onebar-downloads", default=1)
        if not 1 <= expected <= DOWNLOADS_MAX:
            raise RefusedError(400, "bad_request", f"onebar-downloads: {expected} is not from 1 to {DOWNLOADS_MAX}")
        blob_id = request.headers.get("onebar-upload", "")
        if blob_id and not _ID.fullmatch(blob_id):
            raise RefusedError(400, "bad_request", "onebar-upload: not 32 hexadecimal digits, small")
        carries = request.headers.get("content-type") == CONTENT_TYPE
        checksum = _checksum(request) if carries else None
        self._admit(caller.account, blob_id)
        blob = await self._blobs.create(caller.account, length, expected, self._now_ms(), blob_id)
        if not length:  # an empty blob is complete as it is
            blob = await self._blobs.commit(blob.id, 0, self._now_ms())
        elif carries:
            try:
                blob = await self._receive_first(request, blob, checksum)
            except (RefusedError, DiskFullError):
                if not blob_id:  # nobody will ever know that it was there
                    await self._blobs.remove(blob.id)
                raise
        headers = _place(blob) | {"Location": f"{PATH}/{blob.id}"}
        return Response(status_code=201, headers=headers)

    def _admit(self, account: int, blob_id: str) -> None:
        """Count an upload; one of a chosen id, which is asked for again because the answer was lost, only once."""
        limit, now_s = "uploads", self._now_ms() / 1000
        if blob_id:
            wait_s = self._buckets.take_once(limit, account, blob_id, now_s)
        else:
            wait_s = self._buckets.take(limit, account, now_s)
        if wait_s:
            raise RateLimitedError(limit, wait_s)

    async def _receive_first(self, request: Request, blob: Blob, checksum: tuple[_Hash, bytes] | None) -> Blob:
        """Take in the body of a creation, unless the upload has gone on since: then its offset says so."""
        async with self._alone(blob.id) as interrupted:
            blob = await self._blobs.find(blob.id) or blob
            return blob if blob.offset else await self._receive(request, blob, checksum, interrupted)

    async def _head(self, request: Request, caller: Caller) -> Response:
        async with self._own(request, caller) as (blob, _):
            headers = _place(blob) | {"Upload-Length": str(blob.length), "Cache-Control": "no-store"}
            return Response(status_code=200, headers=headers)

    async def _patch(self, request: Request, caller: Caller) -> Response:
        if request.headers.get("content-type") != CONTENT_TYPE:
            raise RefusedError(415, "bad_request", f"content-type: not {CONTENT_TYPE}")
        offset, checksum = _number(request, "upload-offset"), _checksum(request)
        async with self._own(request, caller) as (blob, interrupted):
            if offset != blob.offset:
                detail = f"the upload stands at {blob.offset}, not at {offset}; ask by HEAD and go on from there"
                raise RefusedError(409, "wrong_offset", detail)
            blob = await self._receive(request, blob, checksum, interrupted)
        return Response(status_code=204, headers=_place(blob))

    async def _delete(self, request: Request, caller: Caller) -> Response:
        async with self._own(request, caller) as (blob, _):
            await self._blobs.remove(blob.id)
        return Response(status_code=204)

    async def _receive(
        self, request: Request, blob: Blob, checksum: tuple[_Hash, bytes] | None, interrupted: asyncio.Event
    ) -> Blob:
        """Take a body in; what cannot be checked before its end does not count before its end."""
        at, committed_s = blob.offset, time.monotonic()
        try:
            async for part in _parts(request, interrupted):
                if at + len(part) > blob.length:
                    raise RefusedError(413, "too_large", f"the body goes on behind the upload's {blob.length} bytes")
                await self._blobs.write(blob.id, at, part)
                at += len(part)
                if checksum is not None:
                    checksum[0].update(part)
                elif at - blob.offset >= COMMIT_BYTES or time.monotonic() - committed_s >= COMMIT_S:
                    blob, committed_s = await self._blobs.commit(blob.id, at, self._now_ms()), time.monotonic()
        except (ClientDisconnect, DiskFullError, RefusedError, _InterruptedError) as error:
            if checksum is None and at > blob.offset:
                with suppress(DiskFullError):
                    await self._blobs.commit(blob.id, at, self._now_ms())
            if isinstance(error, ClientDisconnect | _InterruptedError):
                detail = "ask by HEAD how far it came, and go on from there"
                raise RefusedError(409, "interrupted", detail, {"Connection": "close"}) from error
            raise
        if checksum is not None and not hmac.compare_digest(checksum[0].digest(), checksum[1]):
            raise RefusedError(_CHECKSUM_MISMATCH, "bad_checksum", "the bytes have another hash; send them again")
        return await self._blobs.commit(blob.id, at, self._now_ms())

    @asynccontextmanager
    async def _own(self, request: Request, caller: Caller) -> AsyncIterator[tuple[Blob, asyncio.Event]]:
        """Have the caller's upload for this request alone; for any other account it does not exist."""
        blob_id = request.path_params["id"]
        blob = await self._blobs.find(blob_id)
        if blob is None or blob.owner != caller.account:  # before it interrupts anybody
            raise RefusedError(404, "not_found", "there is no such upload, or not any more")
        async with self._alone(blob_id) as interrupted:
            blob = await self._blobs.find(blob_id)  # the older request has counted its last bytes
            if blob is None:
                raise RefusedError(404, "not_found", "there is no such upload, or not any more")
            yield blob, interrupted

    @asynccontextmanager
    async def _alone(self, blob_id: str) -> AsyncIterator[asyncio.Event]:
        while (other := self._turns.get(blob_id)) is not None:
            other.interrupted.set()
            await other.ended.wait()
        turn = self._turns[blob_id] = _Turn()
        try:
            yield turn.interrupted
        finally:
            del self._turns[blob_id]
            turn.ended.set()


async def _parts(request: Request, interrupted: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield a body's parts until its end, a long silence, or an interruption."""
    stream = aiter(request.stream())
    halt = asyncio.ensure_future(interrupted.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(stream, b""))
            await asyncio.wait({coming, halt}, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                await asyncio.wait({coming})
                raise _InterruptedError
            if not (part := coming.result()):
                return
            yield part
    finally:
        halt.cancel()
        coming.cancel()  # a server that stops gives the handler up in the middle


def _place(blob: Blob) -> dict[str, str]:
    return {"Upload-Offset": str(blob.offset), "Upload-Expires": formatdate(blob.expires_ms / 1000, usegmt=True)}


def _number(request: Request, header: str, default: int | None = None) -> int:
    text = request.headers.get(header, "" if default is None else str(default))
    if not _NUMBER.fullmatch(text):
        raise RefusedError(400, "bad_request", f"{header}: not a whole number of at most 18 digits")
    return int(text)


def _checksum(request: Request) -> tuple[_Hash, bytes] | None:
    """Return the running hash and what it has to be, if the client gave one."""
    if (text := request.headers.get("upload-checksum")) is None:
        return None
    name, _, encoded = text.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if name not in _ALGORITHMS or not digest:
        names = " or ".join(_ALGORITHMS)
        raise RefusedError(400, "bad_request", f"upload-checksum: not {names}, a space, and the hash in base64")
    return _ALGORITHMS[name](usedforsecurity=False), digest
