"""Where the server is: what a user writes, and what HTTP and the link make of it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from onebar.drivers.endpoints import ENDPOINTS_MAX, HOST, Endpoint, Endpoints, parse_endpoint
from onebar.drivers.tls import Tls, Trust
from onebar.errors import InputError

LINK_PATH: Final = "/v1/link"
"""Where the link is upgraded (docs/protocol.md §1)."""

_LINK_SCHEMES: Final = {"http": "ws", "https": "wss"}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address."""

    http_url: str
    """Base of the HTTP requests, without a slash at the end."""
    link_url: str
    """What the WebSocket connects to."""
    host: str
    """The Host header, which every flight signs (§3)."""
    loopback: bool
    """Whether the server runs on this machine, where no proxy can reach it for us."""
    name: str
    """The server's name: in its certificate, whichever way a connection goes."""
    endpoints: Endpoints = field(compare=False)
    """The ways to it, the last good one first.

    They are other places for the same server, not other servers: its name stays in the flight's signature, in the Host
    header and in the TLS handshake. So a list from a careless source can lead nowhere else, pins hold for all ways,
    and a session that one way began is resumed on the others wherever they share the server's ticket keys.
    """
    trust: Trust | None = field(default=None, compare=False)
    """What TLS connections go by; None without TLS."""


def parse_address(server: str, tls: Tls | None = None, endpoints: Sequence[str] = ()) -> Address:
    """Read a server's URL.

    Args:
        server: `https://host` or `http://host`, with a port if it is not the usual one.
        tls: Whom to trust instead of whom the system trusts.
        endpoints: Further ways to the same server, `host` or `host:port`, at most ENDPOINTS_MAX.

    Raises:
        InputError: It is not such a URL, or `tls` or an endpoint does not fit.
    """
    parts, port = _split(server)
    name = parts.hostname or ""
    if parts.scheme not in _LINK_SCHEMES:
        raise InputError("a server is written with its scheme, like https://chat.example.org")
    if not HOST.fullmatch(name):
        raise InputError("the server's URL has no valid host; write names in ASCII (punycode)")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError("a server is a scheme, a host and perhaps a port, with nothing behind or around it")
    host = f"[{name}]" if ":" in name else name
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    if tls is not None and parts.scheme != "https":
        raise InputError("certificates and pins are for servers with https://")
    trust = Trust(tls or Tls()) if parts.scheme == "https" else None
    link_url = f"{_LINK_SCHEMES[parts.scheme]}://{host}{LINK_PATH}"
    own = Endpoint(name, _DEFAULT_PORTS[parts.scheme] if port is None else port)
    ways = Endpoints([own, *_further(endpoints, own.port)])
    return Address(f"{parts.scheme}://{host}", link_url, host, _is_loopback(name), name, ways, trust)


def _further(endpoints: Sequence[str], default_port: int) -> list[Endpoint]:
    if isinstance(endpoints, str):
        raise InputError("endpoints are a list of texts; for a single one write [endpoint]")
    if len(endpoints) > ENDPOINTS_MAX:
        raise InputError(f"{len(endpoints)} endpoints are more than ENDPOINTS_MAX = {ENDPOINTS_MAX}: choose the best")
    return [parse_endpoint(endpoint, default_port) for endpoint in endpoints]


def _split(server: str) -> tuple[SplitResult, int | None]:
    if not isinstance(server, str):
        raise InputError("a server is a URL, like https://chat.example.org")
    try:
        parts = urlsplit(server)
        return parts, parts.port
    except ValueError as error:  # an unbalanced bracket, a port that is no number
        raise InputError(f"the server's URL cannot be read: {error}") from error


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
