"""The SDK's own link through a weak network inside this process."""

import asyncio

from websockets.asyncio.client import ClientConnection

from onebar.core.turn import Dial
from onebar.drivers.address import Address
from onebar.drivers.dialing import dial
from onebar.drivers.endpoints import Endpoint
from onebar.drivers.websocket import Say, WebSocketLink
from onebar.testing import WeakNetwork


class InsideLink(WebSocketLink):
    """Like every link, but for the sockets on the phone's side: it has none."""

    def __init__(self, network: WeakNetwork, wish: Dial, address: Address, say: Say) -> None:
        """Dial at once.

        Args:
            network: What is between the phone and the server.
            wish: What the engine wants.
            address: The server.
            say: Hears what the link says.
        """
        self._network = network
        super().__init__(wish.link_no, address, wish.flight, say, wish.again_s)

    async def dial(self, address: Address, flight: bytes, again_s: float) -> tuple[ClientConnection, Endpoint]:
        """See `WebSocketLink.dial`."""
        return await dial(address, flight, again_s, self._enter)

    async def _enter(self, endpoint: Endpoint) -> asyncio.Transport:  # noqa: ARG002 - the network knows its server
        return await self._network.dial(asyncio.Protocol())
