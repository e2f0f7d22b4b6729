"""The ways to reach one server, and which of them answered last."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from onebar.errors import InputError

ENDPOINTS_MAX: Final = 8
"""Most ways beside the server's own name: started 300 ms apart, the last one begins after 2.4 s."""

HOST: Final = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")
"""A name in ASCII, or an IPv6 address without brackets; lower case."""


class Endpoint(NamedTuple):
    """One way: where a TCP connection goes."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Endpoints:
    """The ways to one server, in the order in which they are tried. Kept in memory, for one client's life.

    A way on which something is said goes to the end until the server has answered there, and then to the front. So
    the last good one is the first, and a second connection beside a silent one begins with another way.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Begin with this order, the server's own way in front; doubles are left out."""
        self.own = endpoints[0]
        self._order = list(dict.fromkeys(endpoints))

    def in_order(self) -> tuple[Endpoint, ...]:
        """Return all, the one to try first in front."""
        return tuple(self._order)

    def tried(self, endpoint: Endpoint) -> None:
        """Note that a request goes out this way."""
        self._order.remove(endpoint)
        self._order.append(endpoint)

    def answered(self, endpoint: Endpoint) -> None:
        """Note that the server answered this way."""
        self._order.remove(endpoint)
        self._order.insert(0, endpoint)


def parse_endpoint(text: str, default_port: int) -> Endpoint:
    """Read `host` or `host:port`; an IPv6 address stands in brackets.

    Raises:
        InputError: It is something else.
    """
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:  # an unbalanced bracket, a port that is no number
        parts, port = urlsplit(""), None
    if parts.netloc != text or "@" in text or not HOST.fullmatch(parts.hostname or ""):
        raise InputError(f"an endpoint is host or host:port, without a scheme, like 203.0.113.7:443; not {text!r}")
    return Endpoint(parts.hostname or "", default_port if port is None else port)
