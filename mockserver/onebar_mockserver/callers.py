"""Who makes an HTTP request: a device says so with a token that its identity key signed.

`Authorization: Onebar <account>.<device>.<expires_ms>.<signature in hex>`. The signature covers the context, the host,
and the three numbers of 8 bytes each. A refusal tells the server's time, so that a phone with a wrong clock can sign
anew at once (R15).
"""

import re
import struct
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from onebar_mockserver.ports import Ledger

TOKEN_LIFE_MAX_MS: Final = 2 * 60 * 60 * 1000
"""Longest remaining life of a token: twice what the SDK gives, for links on which the server's time grew old."""

_CONTEXT: Final = b"onebar http 1\0"
_TOKEN: Final = re.compile(r"Onebar ([1-9]\d{0,18})\.([1-9]\d{0,18})\.([1-9]\d{0,18})\.([0-9a-f]{128})", re.ASCII)
_NUMBER_MAX: Final = 2**63 - 1


class Caller(NamedTuple):
    """The device that makes a request."""

    account: int
    device: int


class UnauthenticatedError(Exception):
    """The request does not show who makes it; `reason` is `bad_token`, `token_expired` or `device_removed`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


Authenticate = Callable[[str, str], Awaitable[Caller]]
"""Takes the headers `Host` and `Authorization`, returns who it is, or raises UnauthenticatedError."""


class TokenCheck:
    """Checks tokens against the devices that the ledger knows; an `Authenticate`."""

    def __init__(self, ledger: Ledger, now_ms: Callable[[], int]) -> None:
        self._ledger = ledger
        self._now_ms = now_ms

    async def __call__(self, host: str, authorization: str) -> Caller:
        """Return whose token it is.

        Raises:
            UnauthenticatedError: It is none, it has expired, or its device is not in use.
            EngineLostError: The ledger failed.
        """
        match = _TOKEN.fullmatch(authorization)
        if match is None:
            raise UnauthenticatedError("bad_token", "the header Authorization holds no token of a device")
        account, device, expires_ms = (int(match[n]) for n in (1, 2, 3))
        left_ms = expires_ms - self._now_ms()
        if not 0 < left_ms <= TOKEN_LIFE_MAX_MS:
            raise UnauthenticatedError(
                "token_expired", f"the token has {left_ms} ms left; sign one with 1 to {TOKEN_LIFE_MAX_MS} ms"
            )
        key = await self._identity_key(account, device)
        signed = _CONTEXT + host.lower().encode() + b"\0" + struct.pack(">QQQ", account, device, expires_ms)
        try:
            VerifyKey(key).verify(signed, bytes.fromhex(match[4]))
        except (BadSignatureError, ValueError):
            raise UnauthenticatedError("bad_token", "the token's signature does not verify for this host") from None
        return Caller(account, device)

    async def _identity_key(self, account: int, device: int) -> bytes:
        found = (await self._ledger.identities([device])).get(device) if device <= _NUMBER_MAX else None
        if found is not None and found.account == account and not found.removed:
            return found.identity_key
        raise UnauthenticatedError("device_removed", "this device is not, or not any more, one of the account")
