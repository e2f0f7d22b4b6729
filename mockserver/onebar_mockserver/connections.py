"""Who may connect: so many connections of one address at once, and so often (docs/protocol.md §8)."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from math import ceil
from typing import Final

import msgspec

from onebar_mockserver.buckets import Buckets
from onebar_mockserver.limits import CONNECTIONS_OPEN_MAX, HANDSHAKES_MAX
from onebar_mockserver.ports import RateLimitedError

IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that stand for its owner: the others are free for everybody to choose."""

FULL_S: Final = 10.0
"""When to come back if too many connections are open: half-open ones are gone by then."""


def owner_of(host: str) -> str | None:
    """Return for whom connections from a host count; None: for nobody, because it is this machine or no address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return owner_of(str(address.ipv4_mapped))
        if not address.is_loopback:
            return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return None if address.is_loopback else str(address)


class Connections:
    """The open connections, by the address that they come from."""

    def __init__(self, buckets: Buckets, now_s: Callable[[], float]) -> None:
        self._buckets = buckets
        self._now_s = now_s
        self._owners: dict[asyncio.BaseTransport, str] = {}
        self._open: Counter[str] = Counter()
        self._shaking: Counter[str] = Counter()

    def begin(self, host: str) -> bool:
        """Count a TLS handshake with a host until `end`; return False if its address may have no more connections."""
        owner = owner_of(host)
        if owner is None:
            return True
        if self._shaking[owner] >= HANDSHAKES_MAX:
            self._buckets.refuse("handshakes_max")
            return False
        if self._open[owner] + self._shaking[owner] >= CONNECTIONS_OPEN_MAX:
            self._buckets.refuse("connections_open_max")
            return False
        self._shaking[owner] += 1
        return True

    def end(self, host: str) -> None:
        """Note that a handshake is over: with success, `enter` has counted the connection."""
        owner = owner_of(host)
        if owner is not None:
            _less(self._shaking, owner)

    def enter(self, transport: asyncio.BaseTransport) -> RateLimitedError | None:
        """Count a connection, or return why it may not be there."""
        peer = transport.get_extra_info("peername")
        owner = owner_of(peer[0]) if peer else None
        if owner is None:
            return None
        if self._open[owner] >= CONNECTIONS_OPEN_MAX:
            self._buckets.refuse("connections_open_max")
            return RateLimitedError("connections_open_max", FULL_S)
        wait_s = self._buckets.take("connections", owner, self._now_s())
        if wait_s:
            return RateLimitedError("connections", wait_s)
        self._owners[transport] = owner
        self._open[owner] += 1
        return None

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Note that a connection has ended."""
        owner = self._owners.pop(transport, None)
        if owner is not None:
            _less(self._open, owner)


def _less(counts: Counter[str], owner: str) -> None:
    """Count one less, and forget who has none."""
    counts[owner] -= 1
    if not counts[owner]:
        del counts[owner]


def too_many(error: RateLimitedError) -> bytes:
    """Return the whole answer to a connection that may not be there."""
    body = msgspec.json.encode({"error": error.name, "detail": str(error), **error.facts})
    head = (
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Retry-After: {ceil(error.retry_after_s)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
