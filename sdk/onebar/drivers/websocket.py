"""One link: a WebSocket from dial to end. Imported at the first dial: websockets takes 40 ms to import."""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, WebSocketException

from onebar.core.frames import MESSAGE_BYTES_MAX
from onebar.core.turn import LinkConnected, LinkInput, LinkLost, MessageArrived
from onebar.drivers.address import Address
from onebar.drivers.http import USER_AGENT, base64url
from onebar.drivers.tls import explain

FLIGHT_HEADER: Final = "Onebar-Flight"
"""The header that carries the first flight (docs/protocol.md §3)."""

OPEN_TIMEOUT_S: Final = 30.0
"""A last resort: the engine gives a dial up earlier, by its own `welcome_timeout_s`."""

CLOSE_TIMEOUT_S: Final = 1.0
"""How long a server that said goodbye may keep the connection open; nothing more comes on it."""

WAITING_BYTES_MAX: Final = 2 * 1024 * 1024
"""Most bytes that wait for a slow network: two windows of the longest submits. Beyond it the link is cut."""

Say = Callable[[LinkInput], Awaitable[None]]

_log = logging.getLogger(__name__)


class WebSocketLink:
    """A link that the engine dialled. Cancel `task` to hang up at once: then nothing more is said."""

    def __init__(self, link_no: int, address: Address, flight: bytes, say: Say) -> None:
        self._link_no = link_no
        self._say = say
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting_bytes = 0
        self._connection: ClientConnection | None = None
        self.task = asyncio.create_task(self._live(address, flight), name=f"onebar link {link_no}")

    def transmit(self, data: bytes) -> None:
        """Send one binary message after those before it, without waiting for the network."""
        self._waiting_bytes += len(data)
        self._waiting.put_nowait(data)
        if self._waiting_bytes > WAITING_BYTES_MAX and self._connection is not None:
            _log.info("link %d: more than WAITING_BYTES_MAX wait for the network", self._link_no)
            self._connection.transport.abort()  # the reader sees it and tells

    async def _live(self, address: Address, flight: bytes) -> None:
        try:
            why = await self._talk(await _dial(address, flight))
        except (OSError, WebSocketException) as error:
            why = _why_not(error, address)
        except Exception as error:  # noqa: BLE001 - a defect must not leave the device without a link for ever
            _log.error("link %d failed", self._link_no, exc_info=error)  # e.g. a SOCKS proxy without python-socks
            why = type(error).__name__
        await self._say(LinkLost(self._link_no, why))

    async def _talk(self, connection: ClientConnection) -> str:
        self._connection = connection
        try:
            await self._say(LinkConnected(self._link_no))
            sender = asyncio.create_task(self._send_all(connection))
            try:
                return await self._hear_all(connection)
            finally:
                sender.cancel()
                await asyncio.wait([sender])
        finally:
            # No closing handshake: it would wait 10 s on a dead network, and a resumed link needs none.
            connection.transport.abort()
            await connection.wait_closed()

    async def _hear_all(self, connection: ClientConnection) -> str:
        try:
            while True:
                message = await connection.recv()
                if isinstance(message, str):
                    return "the server sent text"
                await self._say(MessageArrived(self._link_no, message))
        except ConnectionClosed as error:
            return _why(error)

    async def _send_all(self, connection: ClientConnection) -> None:
        try:
            while True:
                data = await self._waiting.get()
                await connection.send(data)
                self._waiting_bytes -= len(data)
        except ConnectionClosed:
            return  # the reader has seen it too, and tells


async def _dial(address: Address, flight: bytes) -> ClientConnection:
    return await _Connect(
        address.link_url,
        additional_headers={FLIGHT_HEADER: base64url(flight)} if flight else None,
        user_agent_header=USER_AGENT,
        ssl=None if address.trust is None else address.trust.context,
        compression=None,  # ciphertext does not compress
        # An environment's proxy is what users of desktops expect; it cannot reach this machine for us.
        proxy=None if address.loopback else True,
        open_timeout=OPEN_TIMEOUT_S,
        ping_interval=None,  # the protocol has its own, by need (DESIGN §6)
        close_timeout=CLOSE_TIMEOUT_S,
        max_size=MESSAGE_BYTES_MAX,
    )


class _Connect(connect):
    """A dial that stays with its server: a redirect is a captive portal, and no business of the flight's."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Follow none."""
        return exc


_PLAIN_WORDS: Final[dict[type[Exception], str]] = {
    ConnectionRefusedError: "nobody answers at the server's address: is it running?",
    ConnectionResetError: "the connection was cut",
    socket.gaierror: "the server's name cannot be found: no network, or a wrong name",
    TimeoutError: "the server did not answer in time",
}
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


def _why_not(error: Exception, address: Address) -> str:
    """Say why a dial failed."""
    if address.trust is not None:
        return explain(error, address.host) or _why(error)
    if isinstance(error, InvalidMessage):  # also what a server looks like that expected TLS
        return f"{address.host} does not speak HTTP: if it speaks TLS, write https://"
    return _why(error)


def _why(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"the server answered HTTP {error.response.status_code}"
    if isinstance(error, ConnectionClosed):
        return f"the server closed the connection, code {error.rcvd.code}" if error.rcvd else "the connection was cut"
    for kind, words in _PLAIN_WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "there is no network, or no way to the server"
    return type(error).__name__  # not its text, which may quote a proxy's password
