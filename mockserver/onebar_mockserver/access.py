"""Counts and logs HTTP requests, without what they say: no query, no body, no id, and no more than a network."""

import ipaddress
import logging
import time
from collections import Counter
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SEGMENTS_MAX: Final = 3
"""Segments of a path that are shown: `/v1/devices/replace`. An attachment's id, which opens it, never is."""

IPV4_PREFIX: Final = 24
"""Bits of an address that are logged: enough to see a network that misbehaves, and shared by 256 customers."""

IPV6_PREFIX: Final = 48
"""As IPV4_PREFIX: what a provider gives a whole site."""

_NAMED: Final = frozenset({"v1", "dev", "codes", "devices", "replace", "attachments", "sms", "healthz", "readyz"})

logger = logging.getLogger(__name__)


class Access:
    """An ASGI application that watches another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.requests: Counter[str] = Counter()
        """Requests by status."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # what uvicorn answers if the application fails
        started_s = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._note(scope, status, time.perf_counter() - started_s)

    def _note(self, scope: Scope, status: int, took_s: float) -> None:
        self.requests[str(status)] += 1
        client: Any = scope.get("client") or ("", 0)
        said: dict[str, object] = {
            "method": scope["method"],
            "path": shown_path(scope["path"]),
            "status": status,
            "ms": round(took_s * 1000, 1),
            "network": network_of(client[0]),
        }
        logger.log(logging.WARNING if status >= 500 else logging.INFO, "http request", extra=said)


def shown_path(path: str) -> str:
    """Return a path with everything that no route is named after left out."""
    segments = path.split("/")[1 : SEGMENTS_MAX + 1]
    return "/" + "/".join(segment if segment in _NAMED else "…" for segment in segments)


def network_of(address: str) -> str:
    """Return the network of an address, all that may be logged of it: `203.0.113.0/24`."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((parsed, bits), strict=False))
