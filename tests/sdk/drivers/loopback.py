"""WebSocket servers on this machine, each with a handler that a test wrote."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from onebar.drivers.address import Address, parse_address

PATIENCE_S = 5.0
NOWHERE = parse_address("http://127.0.0.1:9")  # the discard port: nobody there

Answer = Callable[[ServerConnection, Request], Response | None]


@asynccontextmanager
async def serving(
    handler: Callable[[ServerConnection], object], answer: Answer | None = None
) -> AsyncIterator[Address]:
    """Serve links; `answer` may respond to the upgrade request in its own way."""

    async def handle(connection: ServerConnection) -> None:
        result = handler(connection)
        if asyncio.iscoroutine(result):
            await result

    async with serve(handle, "127.0.0.1", 0, compression=None, max_size=None, process_request=answer) as server:
        yield parse_address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
