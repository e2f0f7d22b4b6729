"""The flight: a signed message that opens a link (docs/protocol.md §3)."""

import base64
import binascii
import re
from typing import Final, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from onebar.core import frames
from onebar.core.frames import ClientFrame, Hello, Unreadable

HEADER: Final = "Onebar-Flight"
"""The header of the upgrade request that holds the flight."""

SIGNATURE_BYTES: Final = 64
"""Length of an Ed25519 signature."""

_CONTEXT: Final = b"onebar link 1\0"
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")


class Flight(NamedTuple):
    """A flight that has the right form; whether its signature holds is not known yet."""

    signature: bytes
    message: bytes
    hello: Hello
    behind: list[ClientFrame | Unreadable]


class NoFlightError(ValueError):
    """The bytes are not a flight."""


def decode_header(value: str) -> bytes:
    """Return the flight's bytes from its header.

    Raises:
        NoFlightError: The header is not base64url without padding.
    """
    try:
        if _BASE64URL.fullmatch(value) is None:
            raise NoFlightError("not base64url")
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except binascii.Error as error:
        raise NoFlightError("not base64url") from error


def open_flight(flight: bytes) -> Flight:
    """Take a flight apart.

    Raises:
        NoFlightError: It is too short, no message, or does not begin with Hello.
    """
    message = flight[SIGNATURE_BYTES:]
    try:
        first, *behind = frames.decode_client(message)
    except ValueError as error:  # no message, or an empty one
        raise NoFlightError("no message with a frame") from error
    if not isinstance(first, Hello):
        raise NoFlightError("the first frame is not Hello")
    return Flight(flight[:SIGNATURE_BYTES], message, first, behind)


def is_signed_by(identity_key: bytes, host: str, signature: bytes, message: bytes) -> bool:
    """Tell whether the device signed this message for this host."""
    try:
        VerifyKey(identity_key).verify(_CONTEXT + host.lower().encode() + b"\0" + message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True
