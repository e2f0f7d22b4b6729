"""Carries out what the engine wants done about files: pieces up and down over HTTP, and checks on the disk.

httpx is imported on first use: most runs never move a file.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from onebar.core.files import File
from onebar.core.turn import Abort, CheckFile, Download, Hold, Inform, TransferAnswer, TransferOutput, Upload
from onebar.drivers import http
from onebar.drivers.address import Address
from onebar.drivers.endpoints import Endpoint
from onebar.drivers.refusals import read_refusal

if TYPE_CHECKING:
    import httpx

ATTACHMENTS_PATH: Final = "/v1/attachments"
"""Where attachments are (docs/attachments.md)."""

TUS_VERSION: Final = "1.0.0"
"""Of the upload protocol, https://tus.io/protocols/resumable-upload."""

SILENCE_S: Final = 30.0
"""Longest wait for the next bytes to come or to go: bad networks stall for so long and recover."""

CONNECT_S: Final = 15.0
"""Longest wait for a connection: a SYN lost three times takes 7 s of it."""

KEPT_S: Final = 60.0
"""How long a connection is kept while texts go first: a new one with TLS takes three round trips."""

SENT_BYTES_MIN: Final = 2 * 1024
"""Fewest bytes handed to the connection at once."""

SENT_BYTES_MAX: Final = 16 * 1024
"""Most, so that its time-out is that of a stall and not that of a slow network."""

SENT_S: Final = 0.1
"""Bytes for so long are handed to it at once, if the engine says how fast they may go."""

_PROBLEMS: Final = {403: "quota_exceeded", 404: "not_found", 409: "wrong_offset", 410: "not_found", 413: "too_large"}
_LATER: Final = "unavailable"
_NO_NETWORK: Final = "no_network"
_NO_CONTENT: Final = 204
_TOO_MANY: Final = 429
_BODY: Final = {"Content-Type": "application/offset+octet-stream"}

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Files(Protocol):
    """The sealed files on this disk: `onebar.store.files.SealedFiles`."""

    def read(self, digest: str, at: int, size: int) -> bytes:
        """Return a piece of a sealed file."""

    def fetched(self, digest: str, total_bytes: int) -> int:
        """Return how much of a file that is being fetched is here."""

    def append(self, digest: str, data: bytes, *, flush: bool) -> None:
        """Put what came in behind what is here."""

    def take_in(self, file: File, stopped: Callable[[], bool]) -> str:
        """Check a fetched file and keep it; return what is wrong with it."""


class TransferDriver:
    """Runs one request of each kind at a time, as the engine asks for them."""

    def __init__(self, address: Address, files: Files, tell: Callable[[TransferAnswer], None]) -> None:
        """Tell the engine by `tell` how each request went."""
        self._address = address
        self._files = files
        self._tell = tell
        self._tasks: dict[int, asyncio.Task[None]] = {}
        # One for each kind of request: a connection that fails takes no other one with it.
        self._clients: dict[type, tuple[httpx.AsyncClient, Endpoint]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._gates: dict[int, asyncio.Event] = {}  # open while an upload may send

    def carry_out(self, output: TransferOutput) -> None:
        """Begin or give up a request."""
        if isinstance(output, Hold):
            if (gate := self._gates.get(output.request_no)) is not None:
                gate.clear() if output.held else gate.set()
            return
        if isinstance(output, Upload):
            self._gates[output.request_no] = gate = asyncio.Event()
            gate.set()
        if not isinstance(output, Abort):
            self._tasks[output.request_no] = asyncio.create_task(self._run(output), name="onebar transfer")
            return
        self._gates.clear() if output.request_no == 0 else self._gates.pop(output.request_no, None)
        for request_no in list(self._tasks) if output.request_no == 0 else [output.request_no]:
            if (task := self._tasks.pop(request_no, None)) is not None:
                self._end(task)
        if output.request_no == 0:
            for kind in list(self._clients):
                self._hang_up(kind)

    async def close(self) -> None:
        """Give up everything."""
        self.carry_out(Abort(0))
        while self._ending:
            await asyncio.wait(set(self._ending))

    async def _run(self, output: Upload | Download | CheckFile | Inform) -> None:
        try:
            answer = await self._answer(output)
        except OSError as error:
            _log.warning("a file cannot be moved: %s", error.strerror)
            answer = TransferAnswer(output.request_no, problem="file_lost")
        except Exception as error:  # noqa: BLE001 - a defect must not leave the file on its way for ever
            _log.error("a transfer failed", exc_info=error)  # e.g. a SOCKS proxy without socksio
            answer = TransferAnswer(output.request_no, problem=_LATER)
        if answer.problem in {_LATER, _NO_NETWORK}:
            self._hang_up(type(output))
        self._gates.pop(output.request_no, None)
        if self._tasks.pop(output.request_no, None) is not None:
            self._tell(answer)

    async def _answer(self, output: Upload | Download | CheckFile | Inform) -> TransferAnswer:
        match output:
            case Upload():
                return await self._upload(output)
            case Download():
                return await self._download(output)
            case CheckFile():
                return TransferAnswer(output.request_no, problem=await self._check(output))
            case Inform():
                return await self._inform(output)

    async def _upload(self, output: Upload) -> TransferAnswer:
        headers = {"Authorization": output.authorization, "Tus-Resumable": TUS_VERSION}
        method, path = "HEAD", f"{ATTACHMENTS_PATH}/{output.blob}"
        piece = b""
        if output.step != "ask":
            piece = await asyncio.to_thread(self._files.read, output.digest, output.offset, output.size)
            if len(piece) != output.size:
                raise FileNotFoundError(2, "a sealed file is shorter than it was")
            headers |= {**_BODY, "Content-Length": str(len(piece))}
        if output.step == "create":
            method, path = "POST", ATTACHMENTS_PATH
            headers["Onebar-Upload"] = output.blob
            headers["Upload-Length"] = str(output.total_bytes)
            headers["Onebar-Downloads"] = str(output.expected)
        elif output.step == "append":
            method = "PATCH"
            headers["Upload-Offset"] = str(output.offset)
        body = self._paced(output, piece) if piece else None
        status, told, content = await self._request(type(output), method, path, headers, body)
        offset = told.get("upload-offset", "")
        if 200 <= status < 300 and offset.isdecimal() and len(offset) <= 18:
            return TransferAnswer(output.request_no, int(offset))
        answer = _refused(output.request_no, status, content)
        if output.step == "create" and answer.problem == "wrong_offset":
            return TransferAnswer(output.request_no, problem="id_taken")
        return answer

    async def _paced(self, output: Upload, piece: bytes) -> AsyncIterator[bytes]:
        """Yield a piece bit by bit, no faster than the engine says, and not at all while it holds it."""
        gate = self._gates[output.request_no]
        rate = output.bytes_per_s or SENT_BYTES_MAX / SENT_S
        size = min(SENT_BYTES_MAX, max(SENT_BYTES_MIN, round(rate * SENT_S)))
        for at in range(0, len(piece), size):
            await gate.wait()
            yield piece[at : at + size]
            if output.bytes_per_s and at + size < len(piece):
                await asyncio.sleep(size / output.bytes_per_s)

    async def _download(self, output: Download) -> TransferAnswer:
        fetched = await asyncio.to_thread(self._files.fetched, output.digest, output.total_bytes)
        end = min(output.offset + output.size, output.total_bytes)
        if not output.offset <= fetched < end:  # what is on the disk counts
            return TransferAnswer(output.request_no, fetched)
        import httpx

        headers = {"Authorization": output.authorization, "Range": f"bytes={fetched}-{end - 1}"}
        try:
            client, url, named = self._way(type(output), f"{ATTACHMENTS_PATH}/{output.blob}")
            async with client.stream("GET", url, headers=headers, extensions=named) as response:
                if response.status_code != 206:
                    content = await response.aread() if response.status_code == _TOO_MANY else b""
                    return _refused(output.request_no, response.status_code, content, fetched)
                fetched = await self._take(output.digest, fetched, end, response)
        except httpx.HTTPError:
            fetched = await asyncio.to_thread(self._files.fetched, output.digest, output.total_bytes)
            return TransferAnswer(output.request_no, fetched, _NO_NETWORK)
        return TransferAnswer(output.request_no, fetched)

    async def _take(self, digest: str, at: int, end: int, response: "httpx.Response") -> int:
        async for came in response.aiter_raw():  # as it comes: what is waiting to fill a block is lost by a cut
            part = came[: end - at]
            at += len(part)
            await asyncio.to_thread(self._files.append, digest, part, flush=at == end)
            if at == end:
                break
        return at

    async def _check(self, output: CheckFile) -> str:
        stopped = threading.Event()
        try:
            return await asyncio.to_thread(self._files.take_in, output.file, stopped.is_set)
        finally:
            stopped.set()

    async def _inform(self, output: Inform) -> TransferAnswer:
        headers, path = {"Authorization": output.authorization}, f"{ATTACHMENTS_PATH}/{output.blob}"
        if output.what == "ended":
            headers["Tus-Resumable"] = TUS_VERSION
            status, _, content = await self._request(type(output), "DELETE", path, headers)
        elif output.what == "recipients":
            more = f"{path}/recipients?more={output.more}"
            status, _, content = await self._request(type(output), "POST", more, headers)
        else:
            status, _, content = await self._request(type(output), "POST", f"{path}/downloaded", headers)
        if status == _NO_CONTENT:  # nothing else: a login page answers 200
            return TransferAnswer(output.request_no)
        return _refused(output.request_no, status, content)

    async def _request(
        self, kind: type, method: str, path: str, headers: dict[str, str], body: AsyncIterator[bytes] | None = None
    ) -> tuple[int, "httpx.Headers | dict[str, str]", bytes]:
        import httpx

        client, url, named = self._way(kind, path)
        try:
            response = await client.request(method, url, headers=headers, content=body, extensions=named)
        except httpx.HTTPError:
            return 0, {}, b""
        return response.status_code, response.headers, response.content

    def _way(self, kind: type, path: str) -> "tuple[httpx.AsyncClient, str, dict[str, str]]":
        """Return the client of a kind of request, and its URL by the way that answered last."""
        if kind not in self._clients:
            client = http.open_client(self._address, SILENCE_S, CONNECT_S, KEPT_S)
            for header in ("Accept", "Accept-Encoding", "Connection"):  # 80 bytes in each request, that say nothing
                del client.headers[header]
            self._clients[kind] = client, self._address.endpoints.in_order()[0]
        client, endpoint = self._clients[kind]
        return client, *http.url_by(self._address, endpoint, path)

    def _hang_up(self, kind: type) -> None:
        if kind in self._clients:
            client, endpoint = self._clients.pop(kind)
            self._address.endpoints.tried(endpoint)  # the next one begins with another way, if there is one
            self._end(asyncio.create_task(client.aclose()), cancel=False)

    def _end(self, task: asyncio.Task[None], *, cancel: bool = True) -> None:
        if cancel:
            task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _refused(request_no: int, status: int, content: bytes, offset: int = -1) -> TransferAnswer:
    """Return the answer to a request that did not succeed, and when to come back if the server says so."""
    refusal = read_refusal(content) if status == _TOO_MANY else None
    if refusal is not None and refusal.limit:
        return TransferAnswer(request_no, offset, refusal.error, refusal.limit, refusal.retry_after_s)
    return TransferAnswer(request_no, offset, _PROBLEMS.get(status, _LATER if status else _NO_NETWORK))
