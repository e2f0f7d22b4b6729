"""HTTP as an app does it that uploads and fetches files: again when a try fails, and what came already is kept."""

import asyncio
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

TRY_S: Final = 60.0
"""Longest try: a photo takes 2G half a minute."""

STALLED_S: Final = 15.0
"""A download that brings nothing for so long is tried again."""

PAUSE_S: Final = 1.0
"""Pause between two tries."""


class HttpFiles:
    """Files at a server that is reached through one port of this machine, whatever name their addresses have."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._http: Any = None
        self._working: set[asyncio.Task[None]] = set()
        self._tries: set[asyncio.Task[bool]] = set()

    def start(self) -> None:
        """Be ready; on a running loop."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=TRY_S, sock_read=STALLED_S)
        self._http = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background until `close`."""
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def put(self, url: str, headers: Mapping[str, str], content: bytes) -> bool:
        """Upload; return whether it is there."""
        return await self._attempt(self._put(url, headers, content))

    async def get(self, url: str) -> bytes:
        """Fetch a file, in as many tries as it takes."""
        got = bytearray()
        while not await self._attempt(self._get(url, got)):
            pass
        return bytes(got)

    def network_changed(self) -> None:
        """End the tries that run over the old address."""
        for attempt in self._tries:
            attempt.cancel()

    async def close(self) -> None:
        """End."""
        for task in [*self._working, *self._tries]:
            task.cancel()
        await asyncio.gather(*self._working, *self._tries, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def _attempt(self, work: Coroutine[Any, Any, bool]) -> bool:
        import aiohttp

        attempt = asyncio.create_task(work)
        self._tries.add(attempt)
        attempt.add_done_callback(self._tries.discard)
        await asyncio.wait([attempt])
        if attempt.cancelled():
            return False  # there is another network: at once
        failed = attempt.exception()
        if failed is not None and not isinstance(failed, (aiohttp.ClientError, TimeoutError, OSError)):
            raise failed
        if failed is None and attempt.result():
            return True
        await asyncio.sleep(PAUSE_S)
        return False

    async def _put(self, url: str, headers: Mapping[str, str], content: bytes) -> bool:
        async with self._http.put(self._here(url), headers=headers, data=content) as answer:
            return bool(answer.status == HTTPStatus.CREATED)

    async def _get(self, url: str, got: bytearray) -> bool:
        async with self._http.get(self._here(url), headers={"Range": f"bytes={len(got)}-"} if got else {}) as answer:
            if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                return False
            if answer.status == HTTPStatus.OK:
                got.clear()
            async for piece in answer.content.iter_any():
                got.extend(piece)
            return True

    def _here(self, url: str) -> str:
        return urlsplit(url)._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
