"""Where the server is: what a user writes, and what HTTP and the link make of it."""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from onebar.drivers.tls import Tls, Trust
from onebar.errors import InputError

LINK_PATH: Final = "/v1/link"
"""Where the link is upgraded (docs/protocol.md §1)."""

_LINK_SCHEMES: Final = {"http": "ws", "https": "wss"}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")  # a name in ASCII, or an IPv6 address; lower case


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
    trust: Trust | None = field(default=None, compare=False)
    """What TLS connections go by; None without TLS."""


def parse_address(server: str, tls: Tls | None = None) -> Address:
    """Read a server's URL.

    Args:
        server: `https://host` or `http://host`, with a port if it is not the usual one.
        tls: Whom to trust instead of whom the system trusts.

    Raises:
        InputError: It is not such a URL, or `tls` does not fit.
    """
    parts, port = _split(server)
    name = parts.hostname or ""
    if parts.scheme not in _LINK_SCHEMES:
        raise InputError("a server is written with its scheme, like https://chat.example.org")
    if not _HOST.fullmatch(name):
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
    return Address(f"{parts.scheme}://{host}", link_url, host, _is_loopback(name), trust)


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
