"""One link: a WebSocket from dial to end. Imported at the first dial: websockets takes 40 ms to import."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State

from onebar.core.turn import LinkConnected, LinkInput, LinkLost, MessageArrived
from onebar.drivers.address import Address
from onebar.drivers.dialing import AGAIN_S, dial
from onebar.drivers.endpoints import Endpoint
from onebar.drivers.failures import why, why_not

WAITING_BYTES_MAX: Final = 2 * 1024 * 1024
"""Most bytes that wait for a slow network: two windows of the longest submits. Beyond it the link is cut."""

AT_ONCE_BYTES_MAX: Final = 4096
"""Longest message that is handed to an idle network without a task in between: texts and acks. What it does not take of
a longer one counts as waiting."""

Say = Callable[[LinkInput], Awaitable[None]]

_log = logging.getLogger(__name__)


class WebSocketLink:
    """A link that the engine dialled. Cancel `task` to hang up at once: then nothing more is said."""

    def __init__(self, link_no: int, address: Address, flight: bytes, say: Say, again_s: float = AGAIN_S) -> None:
        self._link_no = link_no
        self._say = say
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting_bytes = 0
        self._connection: ClientConnection | None = None
        self.task = asyncio.create_task(self._live(address, flight, again_s), name=f"onebar link {link_no}")

    def transmit(self, data: bytes) -> None:
        """Send one binary message after those before it, without waiting for the network."""
        connection = self._connection
        at_once = len(data) <= AT_ONCE_BYTES_MAX and not self._waiting_bytes
        if connection is not None and at_once and _takes_more(connection):
            connection.protocol.send_binary(data)  # what `send` does when it need not wait, without waking a task
            connection.send_data()
            return
        self._waiting_bytes += len(data)
        self._waiting.put_nowait(data)
        if self._waiting_bytes > WAITING_BYTES_MAX and self._connection is not None:
            _log.info("link %d: more than WAITING_BYTES_MAX wait for the network", self._link_no)
            self._connection.transport.abort()  # the reader sees it and tells

    async def dial(self, address: Address, flight: bytes, again_s: float) -> tuple[ClientConnection, Endpoint]:
        """See `dialing.dial`. A load test overrides it, to have the phone's own network in between."""
        return await dial(address, flight, again_s)

    async def _live(self, address: Address, flight: bytes, again_s: float) -> None:
        try:
            connection, endpoint = await self.dial(address, flight, again_s)
            lost = LinkLost(self._link_no, await self._talk(connection, lambda: address.endpoints.answered(endpoint)))
        except (OSError, WebSocketException) as error:
            lost = why_not(self._link_no, error, address)
        except Exception as error:  # noqa: BLE001 - a defect must not leave the device without a link for ever
            _log.error("link %d failed", self._link_no, exc_info=error)  # e.g. a SOCKS proxy without python-socks
            lost = LinkLost(self._link_no, type(error).__name__)
        await self._say(lost)

    async def _talk(self, connection: ClientConnection, on_answer: Callable[[], None]) -> str:
        self._connection = connection
        try:
            await self._say(LinkConnected(self._link_no))
            sender = asyncio.create_task(self._send_all(connection))
            try:
                return await self._hear_all(connection, on_answer)
            finally:
                sender.cancel()
                await asyncio.wait([sender])
        finally:
            # No closing handshake: it would wait 10 s on a dead network, and a resumed link needs none.
            connection.transport.abort()
            await connection.wait_closed()

    async def _hear_all(self, connection: ClientConnection, on_answer: Callable[[], None]) -> str:
        try:
            while True:
                message = await connection.recv()
                on_answer()
                if isinstance(message, str):
                    return "the server sent text"
                await self._say(MessageArrived(self._link_no, message))
        except ConnectionClosed as error:
            return why(error)

    async def _send_all(self, connection: ClientConnection) -> None:
        try:
            while True:
                data = await self._waiting.get()
                await connection.send(data)
                self._waiting_bytes -= len(data)
        except ConnectionClosed:
            return  # the reader has seen it too, and tells


def _takes_more(connection: ClientConnection) -> bool:
    """Whether a message would leave at once: the connection is open, and the network has taken all before it."""
    return connection.protocol.state is State.OPEN and not connection.paused and not connection.transport.is_closing()
