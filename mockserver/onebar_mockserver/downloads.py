"""Downloads of attachments: HTTP Range to go on after a cut, and a word when a device has the whole.

Whoever knows an attachment's id may fetch it: it stands in encrypted messages only, and what it leads to is ciphertext.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from onebar_mockserver.attachment_answers import PATH, Guard, RefusedError
from onebar_mockserver.blobs import DOWNLOADS_MAX, Blobs
from onebar_mockserver.callers import Caller

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


class Downloads:
    """The fetching side of a server."""

    def __init__(self, blobs: Blobs, guard: Guard) -> None:
        """Serve these blobs; `guard` knows who is asking."""
        self._blobs = blobs
        self._guard = guard
        self.running = 0
        """How many downloads are going on."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(PATH + "/{id}", self._guarded_fetch, methods=["GET"]),
            Route(PATH + "/{id}/downloaded", self._guarded_downloaded, methods=["POST"]),
            Route(PATH + "/{id}/recipients", self._guarded_recipients, methods=["POST"]),
        ]

    async def _guarded_fetch(self, request: Request) -> Response:
        return await self._guard.answer(request, self._fetch)

    async def _guarded_downloaded(self, request: Request) -> Response:
        return await self._guard.answer(request, self._downloaded)

    async def _guarded_recipients(self, request: Request) -> Response:
        return await self._guard.answer(request, self._recipients)

    async def _fetch(self, request: Request, _caller: Caller) -> Response:
        blob = await self._blobs.find(request.path_params["id"])
        if blob is None or not blob.complete:
            raise RefusedError(404, "not_found", "there is no such attachment, or not any more, or not complete yet")
        tag = f'"{blob.length}"'  # the bytes behind an id never change
        start, end = 0, blob.length
        wanted = request.headers.get("range", "")
        partial = bool(_RANGE.fullmatch(wanted)) and request.headers.get("if-range", tag) == tag
        if partial:
            start, end = _bounds(wanted, blob.length)
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
            "Content-Length": str(end - start),
            "ETag": tag,
        }
        if partial:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.length}"
        data = self._blobs.read(blob.id, start, end)
        first = await anext(data, b"")  # what is gone says so before the answer has begun
        status = 206 if partial else 200
        return StreamingResponse(self._continued(first, data), status, headers, "application/octet-stream")

    async def _continued(self, first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        self.running += 1
        try:
            yield first
            async for part in rest:
                yield part
        finally:
            self.running -= 1

    async def _downloaded(self, request: Request, caller: Caller) -> Response:
        await self._blobs.downloaded(request.path_params["id"], caller.device)
        return Response(status_code=204)

    async def _recipients(self, request: Request, _caller: Caller) -> Response:
        text = request.query_params.get("more", "")
        if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not 1 <= int(text) <= DOWNLOADS_MAX:
            raise RefusedError(400, "bad_request", f"more: not a number from 1 to {DOWNLOADS_MAX}")
        await self._blobs.expect(request.path_params["id"], int(text))
        return Response(status_code=204)


def _bounds(wanted: str, length: int) -> tuple[int, int]:
    """Return start and end of a range (RFC 9110 §14.1.2).

    Raises:
        RefusedError: It lies behind the end.
    """
    match = _RANGE.fullmatch(wanted)
    assert match
    if match[3] is not None:
        start, end = max(0, length - int(match[3])), length
    else:
        start, end = int(match[1]), min(length, int(match[2]) + 1) if match[2] else length
    if start >= end:
        detail = f"the attachment has {length} bytes"
        raise RefusedError(416, "bad_request", detail, {"Content-Range": f"bytes */{length}"})
    return start, end
