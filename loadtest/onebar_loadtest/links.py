"""The SDK's own links through a weak network: inside this process, or through its TCP proxy."""

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from onebar.core.frames import MESSAGE_BYTES_MAX
from onebar.drivers.address import Address
from onebar.drivers.http import USER_AGENT
from onebar.drivers.websocket import OPEN_TIMEOUT_S, Say, WebSocketLink, upgrade_headers
from onebar.testing import WeakNetwork


class InsideLink(WebSocketLink):
    """The SDK's own link, through a weak network inside this process."""

    def __init__(self, network: WeakNetwork, link_no: int, address: Address, flight: bytes, say: Say) -> None:
        self._network = network
        super().__init__(link_no, address, flight, say)

    async def dial(self, address: Address, flight: bytes) -> ClientConnection:
        """See `WebSocketLink.dial`."""
        protocol = ClientProtocol(parse_uri(address.link_url), max_size=MESSAGE_BYTES_MAX)
        connection = ClientConnection(protocol, ping_interval=None, close_timeout=0)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await _enter(self._network, connection, address)
                await connection.handshake(upgrade_headers(flight), USER_AGENT)
        except BaseException:
            if hasattr(connection, "transport"):
                connection.transport.abort()
            raise
        return connection


class ProxiedLink(WebSocketLink):
    """The SDK's own link, through the weak network as a TCP proxy, with real sockets on both sides."""

    def __init__(self, network: WeakNetwork, link_no: int, address: Address, flight: bytes, say: Say) -> None:
        self._network = network
        super().__init__(link_no, address, flight, say)

    async def dial(self, address: Address, flight: bytes) -> ClientConnection:
        """See `WebSocketLink.dial`."""
        return await connect(
            address.link_url,
            host=self._network.host,
            port=self._network.port,
            additional_headers=upgrade_headers(flight),
            user_agent_header=USER_AGENT,
            ssl=None if address.trust is None else address.trust.context,
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=None,
            close_timeout=0,
            max_size=MESSAGE_BYTES_MAX,
        )


async def _enter(network: WeakNetwork, connection: ClientConnection, address: Address) -> None:
    """Connect through the network, with TLS where the server speaks it."""
    if address.trust is None:
        network.enter(connection)
        return
    raw = network.enter(asyncio.Protocol())
    raw.pause_reading()
    name = address.host.rsplit(":", 1)[0]
    secure = await asyncio.get_running_loop().start_tls(raw, connection, address.trust.context, server_hostname=name)
    assert secure is not None
    connection.connection_made(secure)
