"""Registration over HTTP (docs/protocol.md §2). httpx is imported on first use: most runs never need it."""

import asyncio
import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec

from onebar.core.turn import Replace
from onebar.crypto.keys import PeerKeys
from onebar.drivers.address import Address
from onebar.drivers.endpoints import Endpoint
from onebar.drivers.portal import SIGN_IN, is_login_page
from onebar.drivers.refusals import read_refusal
from onebar.drivers.tls import explain, intercepted
from onebar.errors import (
    CaptivePortalError,
    PinError,
    RateLimitedError,
    RegistrationError,
    RemoteProtocolError,
    TransportError,
)
from onebar.version import __version__

if TYPE_CHECKING:
    import httpx

USER_AGENT: Final = f"onebar/{__version__}"
"""Short: it travels with every upgrade."""

REQUEST_TIMEOUT_S: Final = 20.0
"""Longest wait for one answer: TCP, TLS and the request a SYN lost three times takes 7 s of it."""

REGISTER_TRIES: Final = 3
"""How often a registration is sent; it is idempotent, and the answer to a first try is easily lost."""

ANSWER_BYTES_MAX: Final = 64 * 1024
"""Longest answer that is read: ours are below 1 KiB, a captive portal's page may be anything."""

_HUNG_UP: Final = frozenset({"RemoteProtocolError", "ReadError"})  # how httpx sees a server that expected TLS

T = TypeVar("T")
_Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class _Nothing(msgspec.Struct, frozen=True):
    """`{}`."""


class _Device(msgspec.Struct, frozen=True):
    account: _Id
    device: _Id


class _NewDevice(msgspec.Struct, frozen=True):
    device: _Id


def base64url(data: bytes) -> str:
    """Encode without padding, as JSON bodies and headers carry bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


async def request_code(server: Address, phone: str) -> None:
    """Ask the server to send a code to this phone by SMS; within its life the same code is sent again.

    Raises:
        RegistrationError: The server refuses the number; `rate_limited` if it is too early for another SMS.
        TransportError: No network, no server, or no answer in time.
        RemoteProtocolError: What answers is no Onebar server.
    """
    await _post(server, "/v1/codes", {"phone": phone}, _Nothing)


async def register_device(
    server: Address, phone: str, code: str, keys: PeerKeys, pin: bytes = b"", totp: str = ""
) -> tuple[int, int]:
    """Make this device part of the phone's account; return (account, device).

    Raises:
        PinError: The number is protected by another PIN than `pin`, as stretched, or wants another `totp`.
        RegistrationError: Wrong or expired code, or another refusal; `reason` is its name.
        TransportError: No network, no server, or no answer in time; trying again is safe.
        RemoteProtocolError: What answers is no Onebar server.
    """
    body = {"phone": phone, "code": code, **_public(keys)}
    if pin:
        body["pin"] = base64url(pin)
    if totp:
        body["totp"] = totp
    for _ in range(REGISTER_TRIES - 1):
        try:
            answer = await _post(server, "/v1/devices", body, _Device)
        except TransportError:
            continue  # idempotent by the identity key (§2); the last try's error is the one to tell
        return answer.account, answer.device
    answer = await _post(server, "/v1/devices", body, _Device)
    return answer.account, answer.device


async def replace_device(server: Address, replace: Replace) -> int:
    """Ask for a new device id for a restored phone (R20); return it.

    Raises:
        RegistrationError: The server refuses it.
        TransportError: No network, no server, or no answer in time; trying again is safe.
        RemoteProtocolError: What answers is no Onebar server.
    """
    keys = PeerKeys(replace.identity_key, replace.box_key, replace.key_signature)
    ids: dict[str, str | int] = {"account": replace.account, "device": replace.device}
    body = {**ids, **_public(keys), "proof": base64url(replace.proof)}
    answer = await _post(server, "/v1/devices/replace", body, _NewDevice)
    return answer.device


def _public(keys: PeerKeys) -> dict[str, str]:
    return {
        "identity_key": base64url(keys.identity_key),
        "box_key": base64url(keys.box_key),
        "key_signature": base64url(keys.key_signature),
    }


async def _post(server: Address, path: str, body: Mapping[str, str | int], kind: type[T]) -> T:
    import httpx  # 190 ms that most runs never need

    first: TransportError | None = None
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            for endpoint in server.endpoints.in_order():
                try:
                    status, content = await _ask(server, endpoint, path, body)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was asked yet: try another way
                    first = first or _no_connection(error, server)
                    continue
                server.endpoints.answered(endpoint)
                return _judge(status, content, kind)
    except TimeoutError as error:
        raise TransportError(f"the server did not answer within {REQUEST_TIMEOUT_S:.0f} s") from error
    except httpx.DecodingError as error:
        raise RemoteProtocolError("the answer cannot be decoded") from error
    except httpx.HTTPError as error:
        raise TransportError(_why(error, server)) from error
    assert first is not None
    raise first


def open_client(server: Address, silence_s: float, connect_s: float, kept_s: float = 0.0) -> "httpx.AsyncClient":
    """Return a client for requests to this server, whichever way they go.

    Args:
        server: Its name stays in the Host header, and whose certificates are trusted.
        silence_s: Longest wait for the next bytes, in seconds.
        connect_s: Longest wait for a connection.
        kept_s: How long a connection is kept for the next request.
    """
    import httpx

    # Users of desktops expect the environment's proxy (HTTPS_PROXY, …); it cannot reach this machine for us.
    return httpx.AsyncClient(
        timeout=httpx.Timeout(silence_s, connect=connect_s),
        limits=httpx.Limits(keepalive_expiry=kept_s),
        trust_env=not server.loopback,
        headers={"User-Agent": USER_AGENT, "Host": server.host},
        verify=True if server.trust is None else server.trust.context,
    )


def url_by(server: Address, endpoint: Endpoint, path: str) -> tuple[str, dict[str, str]]:
    """Return what a request by this way needs: its URL, and httpx's extensions, for the server's name stays."""
    scheme = "http" if server.trust is None else "https"
    return f"{scheme}://{endpoint}{path}", {"sni_hostname": server.name}


async def _ask(server: Address, endpoint: Endpoint, path: str, body: Mapping[str, str | int]) -> tuple[int, bytes]:
    """Post by one way; return the status and the content."""
    client = open_client(server, REQUEST_TIMEOUT_S, REQUEST_TIMEOUT_S / len(server.endpoints.in_order()))
    url, named = url_by(server, endpoint, path)
    async with client, client.stream("POST", url, json=body, extensions=named) as response:
        content_type = response.headers.get("Content-Type", "")
        if is_login_page(response.status_code, content_type, tls=server.trust is not None):
            raise CaptivePortalError(SIGN_IN)
        return response.status_code, await _read(response)


def _no_connection(error: Exception, server: Address) -> TransportError:
    portal = server.trust is not None and intercepted(error)
    told = (CaptivePortalError if portal else TransportError)(_why(error, server))
    told.__cause__ = error
    return told


def _why(error: Exception, server: Address) -> str:
    if server.trust is not None and (reason := explain(error, server.host)):
        return reason
    hint = ""
    if server.trust is None and type(error).__name__ in _HUNG_UP:
        hint = "; if it speaks TLS, write https://"
    return f"no answer from the server at {server.http_url} ({type(error).__name__}){hint}"


async def _read(response: "httpx.Response") -> bytes:
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > ANSWER_BYTES_MAX:
            raise RemoteProtocolError(f"the answer has more than ANSWER_BYTES_MAX = {ANSWER_BYTES_MAX} bytes")
    return bytes(content)


def _judge(status: int, content: bytes, kind: type[T]) -> T:
    if status >= 500:
        raise TransportError(f"the server cannot answer now (HTTP {status})")
    if status >= 400 and (refusal := read_refusal(content)) is not None:
        if refusal.limit:
            raise RateLimitedError(refusal.limit, refusal.retry_after_s)
        if refusal.lapses_at_ms:
            raise PinError(refusal.error, refusal.detail, refusal.tries_left, refusal.lapses_at_ms)
        raise RegistrationError(refusal.error, refusal.detail)
    try:
        if 200 <= status < 300:
            return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"no Onebar server: HTTP {status} with an unknown answer") from error
    raise RemoteProtocolError(f"no Onebar server: it answered HTTP {status}")
