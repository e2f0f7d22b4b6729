"""How a link comes to be: TCP and TLS on whichever way answers first, then one upgrade request there (R15, R16)."""

import asyncio
import functools
import math
import socket
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from onebar.core.frames import MESSAGE_BYTES_MAX
from onebar.core.resume import FLIGHT_HEADER, encode_header
from onebar.drivers.address import Address
from onebar.drivers.endpoints import Endpoint
from onebar.drivers.http import USER_AGENT
from onebar.drivers.race import STAGGER_S, race

OPEN_TIMEOUT_S: Final = 30.0
"""A last resort: the engine gives a dial up earlier, by its own `welcome_timeout_s`."""

CLOSE_TIMEOUT_S: Final = 1.0
"""How long a server that said goodbye may keep the connection open; nothing more comes on it."""

AGAIN_S: Final = 1.0
"""A fresh attempt every second: TCP repeats its first packet after 1, 3, and 7 s, and would sleep through the end of a
tunnel (measured: a dial that began in it took up to 8 s longer)."""

SEND_BUFFER_BYTES: Final = 16 * 1024
"""What the kernel may hold of a link: two messages of moderate size, or 1.6 s of EDGE. What it holds cannot be taken
back, is lost with the link, and looks sent; by default that is megabytes. It limits a link to 16 KiB each round trip,
which no text needs more of."""

USER_BUFFER_BYTES: Final = 1
"""From here on a send waits: what asyncio holds is not sent. With 0, asyncio's TLS would be full while it is empty."""

UNACKED_MS_MAX: Final = 60_000
"""When the kernel gives up what nobody acknowledges: twice the longest retry pause (D8), and by then the engine has
another link. Linux would go on for 15 minutes, also with what a closed socket still held, and keep the radio awake."""


OpenTcp = Callable[[Endpoint], Awaitable[asyncio.Transport]]
"""Opens a connection to an endpoint; whoever gets the transport sets its protocol."""


async def open_tcp(endpoint: Endpoint) -> asyncio.Transport:
    """Open a TCP connection; a name's IPv6 and IPv4 addresses race (RFC 8305).

    Not by asyncio's own race: cancelled at the moment of success, it leaves the winner's socket open.

    Raises:
        OSError: Nobody answers there.
    """
    found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    addresses = interleaved([(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found])
    ways = [functools.partial(_open_address, family, *way) for family, way in addresses]
    transport = await race(ways, lambda late: late.abort(), STAGGER_S)
    _tune(transport)
    return transport


async def _open_address(family: int, host: str, port: int) -> asyncio.Transport:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port, family=family)
    return transport


def interleaved(addresses: Sequence[tuple[int, tuple[str, int]]]) -> list[tuple[int, tuple[str, int]]]:
    """Order addresses so that the families take turns, each in its given order (RFC 8305 §4)."""
    seen = Counter[int]()
    ranked = []
    for family, way in dict.fromkeys(addresses):
        ranked.append((seen[family], family, way))
        seen[family] += 1
    return [(family, way) for _, family, way in sorted(ranked, key=lambda one: one[0])]


async def dial(
    address: Address, flight: bytes, again_s: float = AGAIN_S, open_tcp: OpenTcp = open_tcp
) -> tuple[ClientConnection, Endpoint]:
    """Open a link; return it and the way it took. By a proxy there is one way only, to the server's own name.

    Args:
        address: The server.
        flight: Goes into the upgrade request (docs/protocol.md §3); without one if it is empty.
        again_s: While nothing answers, a fresh attempt begins every so many seconds.
        open_tcp: Opens the connections of these attempts.

    Raises:
        OSError: No way to the server, or no TLS with it.
        WebSocketException: What answered did not upgrade.
    """
    headers = {FLIGHT_HEADER: encode_header(flight)} if flight else None
    if _proxied(address):
        return await _dial_by_proxy(address, headers), address.endpoints.own
    return await _dial_directly(address, headers, again_s, open_tcp)


async def _dial_directly(
    address: Address, headers: dict[str, str] | None, again_s: float, open_tcp: OpenTcp
) -> tuple[ClientConnection, Endpoint]:
    standing: set[Endpoint] = set()

    def again() -> float:
        """Repeat what may be lost on the way; who has TCP waits for a busy server, and more handshakes add to that."""
        return math.inf if standing else again_s

    async with asyncio.timeout(OPEN_TIMEOUT_S):
        ways = [
            functools.partial(_connect, address, endpoint, open_tcp, standing)
            for endpoint in address.endpoints.in_order()
        ]
        connection, endpoint = await race(ways, lambda way: way[0].transport.abort(), STAGGER_S, again)
        address.endpoints.tried(endpoint)
        try:
            await connection.handshake(headers, USER_AGENT)
        except BaseException:
            connection.transport.abort()
            raise
    return connection, endpoint


async def _connect(
    address: Address, endpoint: Endpoint, open_tcp: OpenTcp, standing: set[Endpoint]
) -> tuple[ClientConnection, Endpoint]:
    """Go one way as far as TLS; nothing is asked yet. While TCP is `standing`, the endpoint is in there."""
    transport = await open_tcp(endpoint)
    standing.add(endpoint)
    try:
        return await _secure(address, transport), endpoint
    finally:
        standing.discard(endpoint)


async def _secure(address: Address, transport: asyncio.Transport) -> ClientConnection:
    protocol = ClientProtocol(parse_uri(address.link_url), max_size=MESSAGE_BYTES_MAX)
    connection = ClientConnection(
        protocol, ping_interval=None, close_timeout=CLOSE_TIMEOUT_S, write_limit=USER_BUFFER_BYTES
    )
    if address.trust is None:
        transport.set_protocol(connection)
        connection.connection_made(transport)
        return connection
    try:
        loop = asyncio.get_running_loop()
        secure = await loop.start_tls(transport, connection, address.trust.context, server_hostname=address.name)
    except BaseException:
        transport.abort()
        raise
    assert secure is not None
    connection.connection_made(secure)
    return connection


async def _dial_by_proxy(address: Address, headers: dict[str, str] | None) -> ClientConnection:
    connection = await _Connect(
        address.link_url,
        additional_headers=headers,
        user_agent_header=USER_AGENT,
        ssl=None if address.trust is None else address.trust.context,
        compression=None,  # ciphertext does not compress
        open_timeout=OPEN_TIMEOUT_S,
        ping_interval=None,  # the protocol has its own, by need (DESIGN §6)
        close_timeout=CLOSE_TIMEOUT_S,
        max_size=MESSAGE_BYTES_MAX,
        write_limit=USER_BUFFER_BYTES,
    )
    _tune(connection.transport)
    return connection


class _Connect(connect):
    """A dial that stays with its server: a redirect is a captive portal, and no business of the flight's."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Follow none."""
        return exc


def _proxied(address: Address) -> bool:
    """Whether the environment has proxies, as users of desktops expect; none can reach this machine for us."""
    if address.loopback or urllib.request.proxy_bypass(address.host):
        return False
    return any(scheme != "no" for scheme in urllib.request.getproxies())


def _tune(transport: asyncio.Transport) -> None:
    """Make "sent" mean that the network took it. asyncio has set TCP_NODELAY already."""
    transport.set_write_buffer_limits(USER_BUFFER_BYTES)
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux and Android
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKED_MS_MAX)
