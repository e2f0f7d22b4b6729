"""The PIN that protects a phone number, stretched before it leaves the device (docs/protocol.md §2; RFC 9106).

The server never sees a PIN, which people use elsewhere, too; and whoever steals its database needs a tenth of a second
and 64 MiB for each guess at each number. It is no more than that: a few digits can be guessed by who has the database.
"""

import hashlib
import re
from typing import Final

from nacl.bindings import crypto_pwhash_alg, crypto_pwhash_ALG_ARGON2ID13, crypto_pwhash_SALTBYTES

from onebar.errors import InputError

PIN_DIGITS_MIN: Final = 4
"""Shortest PIN: ten tries a day then find one in a thousand days, on average in half of that."""

PIN_DIGITS_MAX: Final = 20
"""Longest PIN: longer ones are mistyped more often than they are guessed."""

PIN_PASSES: Final = 3
"""Passes of Argon2id over its memory: as RFC 9106 §4 has it for 64 MiB."""

PIN_MEMORY_BYTES: Final = 64 * 1024 * 1024
"""Memory of Argon2id (RFC 9106 §4, the second choice): a cheap phone has it."""

_CONTEXT: Final = b"onebar pin 1\0"
_BYTES: Final = 32
_TOTP: Final = re.compile("[0-9]{6}", re.ASCII)
_PIN: Final = re.compile(f"[0-9]{{{PIN_DIGITS_MIN},{PIN_DIGITS_MAX}}}", re.ASCII)


def check_pin(pin: str) -> str:
    """Return a PIN if it can be one.

    Raises:
        InputError: It is not 4 to 20 digits.
    """
    if not isinstance(pin, str) or not _PIN.fullmatch(pin):
        raise InputError(f"a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits, and nothing else")
    return pin


def check_totp(code: str) -> str:
    """Return a one-time password of an authenticator app, without the space that some show in its middle.

    Raises:
        InputError: It is not six digits.
    """
    digits = code.replace(" ", "") if isinstance(code, str) else ""
    if not _TOTP.fullmatch(digits):
        raise InputError("a one-time password has six digits, as the authenticator app shows them")
    return digits


def stretch_pin(pin: str, phone: str) -> bytes:
    """Return the 32 bytes that stand for a PIN of a phone number; takes 0.1 s or more, so use a thread.

    The salt is made of the number, since a new phone has to find the same bytes and knows nothing else.

    Raises:
        InputError: It is no PIN.
    """
    salt = hashlib.sha256(_CONTEXT + phone.encode()).digest()[:crypto_pwhash_SALTBYTES]
    digits = check_pin(pin).encode()
    return crypto_pwhash_alg(_BYTES, digits, salt, PIN_PASSES, PIN_MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13)
