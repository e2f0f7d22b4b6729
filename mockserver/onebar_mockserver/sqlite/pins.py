"""Two-step verification: who has the SMS needs the account's PIN or a one-time password, too (docs/protocol.md §2).

The device stretches the PIN with Argon2id before it sends it, so that the server never sees one, and nobody can make
it work hard. Here lies a hash of what came. Beside the PIN, or in its place, there may be one-time passwords (TOTP, RFC
6238): their secret lies here as it is, since the same passwords have to be made of it. Tries are counted together.
Every function runs inside the caller's transaction.
"""

import base64
import hashlib
import sqlite3
from hmac import compare_digest
from typing import Final

import pyotp

from onebar.core.questions import ProtectionInfo
from onebar_mockserver.limits import DAY_S, PIN_LOCK_S, PIN_TRIES
from onebar_mockserver.ports import PinError, QuestionError, RateLimitedError, RegistrationError

TOTP_STEPS: Final = 1
"""Steps of 30 s by which a one-time password may be early or late: a phone's clock, and the time it takes to type."""

_CONTEXT: Final = b"onebar stored pin 1\0"


def set_pin(connection: sqlite3.Connection, account: int, stretched: bytes) -> None:
    """Protect an account by this PIN from now on; an empty one ends its protection."""
    _put(connection, account, "hash", _hash(account, stretched) if stretched else b"")


def set_totp(connection: sqlite3.Connection, account: int, secret: bytes, code: str, now_ms: int) -> None:
    """Protect an account by one-time passwords from now on, if this is one; an empty secret ends that.

    Raises:
        QuestionError: `wrong_totp`.
    """
    step = _step(secret, code, 0, now_ms) if secret else 0
    if step is None:
        raise QuestionError("wrong_totp")
    _put(connection, account, "totp", secret)
    connection.execute("UPDATE pins SET totp_step = ? WHERE account = ?", (step, account))


def _put(connection: sqlite3.Connection, account: int, column: str, value: bytes) -> None:
    connection.execute(
        f"INSERT INTO pins (account, {column}) VALUES (?1, ?2)"
        f" ON CONFLICT DO UPDATE SET {column} = ?2, tries = 0, tries_since_ms = 0",
        (account, value),
    )
    connection.execute("DELETE FROM pins WHERE account = ? AND hash = x'' AND totp = x''", (account,))


def protection(connection: sqlite3.Connection, account: int) -> ProtectionInfo:
    """Return what protects an account."""
    found = connection.execute("SELECT hash <> x'', totp <> x'' FROM pins WHERE account = ?", (account,)).fetchone()
    return ProtectionInfo(*map(bool, found or (0, 0)))


def forget(connection: sqlite3.Connection, account: int) -> None:
    """Forget an account's PIN."""
    connection.execute("DELETE FROM pins WHERE account = ?", (account,))


def has_lapsed(connection: sqlite3.Connection, account: int, now_ms: int) -> bool:
    """Whether an account's devices have been silent for so long that its number may be somebody else's."""
    return now_ms >= _lapses_at_ms(connection, account)


def check(
    connection: sqlite3.Connection, account: int, stretched: bytes, totp: str, now_ms: int
) -> RegistrationError | None:
    """Compare a PIN and a one-time password; a wrong one costs a try. None: all is right, or nothing is wanted."""
    found = connection.execute(
        "SELECT hash, totp, totp_step, tries, tries_since_ms FROM pins WHERE account = ?", (account,)
    ).fetchone()
    lapses_at_ms = _lapses_at_ms(connection, account)
    if found is None or now_ms >= lapses_at_ms:
        return None
    right, secret, used_step, tries, since_ms = found
    if not 0 <= now_ms - since_ms < DAY_S * 1000:
        tries, since_ms = 0, now_ms
    if tries >= PIN_TRIES:
        return RateLimitedError("pins", (since_ms + DAY_S * 1000 - now_ms) / 1000)
    for wanted, given, name in ((right, stretched, "pin_required"), (secret, totp, "totp_required")):
        if wanted and not given:
            return PinError(name, PIN_TRIES - tries, lapses_at_ms)
    step = _step(secret, totp, used_step, now_ms) if secret else used_step
    right_pin = not right or compare_digest(right, _hash(account, stretched))
    if right_pin and step is not None:
        connection.execute(
            "UPDATE pins SET tries = 0, tries_since_ms = 0, totp_step = ? WHERE account = ?", (step, account)
        )
        return None
    connection.execute(
        "UPDATE pins SET tries = ?, tries_since_ms = ? WHERE account = ?", (tries + 1, since_ms, account)
    )
    return PinError("wrong_totp" if right_pin else "wrong_pin", PIN_TRIES - tries - 1, lapses_at_ms)


def _lapses_at_ms(connection: sqlite3.Connection, account: int) -> int:
    (seen_ms,) = connection.execute(
        "SELECT coalesce(max(seen_ms), 0) FROM positions JOIN devices USING (device) WHERE account = ? AND removed = 0",
        (account,),
    ).fetchone()
    return int(seen_ms) + PIN_LOCK_S * 1000


def _step(secret: bytes, code: str, used_step: int, now_ms: int) -> int | None:
    """Return the step that a one-time password is of; None: of none around now, or of one not after the last used."""
    totp = pyotp.TOTP(base64.b32encode(secret).decode("ascii"))
    now = now_ms // 1000 // totp.interval
    steps = range(max(now - TOTP_STEPS, used_step + 1), now + TOTP_STEPS + 1)
    return next((step for step in steps if compare_digest(totp.generate_otp(step).encode(), code.encode())), None)


def _hash(account: int, stretched: bytes) -> bytes:
    return hashlib.sha256(_CONTEXT + account.to_bytes(8, "big") + stretched).digest()
