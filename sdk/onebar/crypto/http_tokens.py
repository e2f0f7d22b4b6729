"""How a device proves to the server, in an HTTP request, who it is: a short-lived token that it signs itself.

The token needs no round trip and no state on the server, so an upload can begin while the link is still being dialed.
"""

from typing import Final

from onebar.crypto.keys import DeviceKeys

HTTP_CONTEXT: Final = b"onebar http 1\0"
"""Before what is signed, so that nothing else that was signed can stand for a token."""

TOKEN_LIFE_MS: Final = 60 * 60 * 1000
"""How long a token lives: an hour, so that one serves a long upload, and a stolen one not for long."""


def token_to_sign(host: str, account: int, device: int, expires_ms: int) -> bytes:
    """Return what the signature covers; the host binds the token to one server."""
    numbers = b"".join(number.to_bytes(8, "big") for number in (account, device, expires_ms))
    return HTTP_CONTEXT + host.lower().encode() + b"\0" + numbers


def authorization(keys: DeviceKeys, host: str, account: int, device: int, server_now_ms: int) -> str:
    """Return the value of the request header `Authorization`.

    Args:
        keys: This device's.
        host: The server's name and port, as in the request header `Host`.
        account: This account.
        device: This device.
        server_now_ms: The server's time in milliseconds since 1970, as Welcome or a refusal told it: no phone's clock
            is to be trusted.
    """
    expires_ms = server_now_ms + TOKEN_LIFE_MS
    signature = keys.sign(token_to_sign(host, account, device, expires_ms))
    return f"Onebar {account}.{device}.{expires_ms}.{signature.hex()}"
