"""Two-step verification: who has the SMS needs the account's PIN, too (docs/protocol.md §2).

The device stretches the PIN with Argon2id before it sends it, so that the server never sees one, and nobody can make
it work hard. Here lies a hash of what came. Every function runs inside the caller's transaction.
"""

import hashlib
import sqlite3
from hmac import compare_digest
from typing import Final

from onebar_mockserver.limits import DAY_S, PIN_LOCK_S, PIN_TRIES
from onebar_mockserver.ports import PinError, RateLimitedError, RegistrationError

_CONTEXT: Final = b"onebar stored pin 1\0"


def set_pin(connection: sqlite3.Connection, account: int, stretched: bytes) -> None:
    """Protect an account by this PIN from now on; an empty one ends its protection."""
    forget(connection, account)
    if stretched:
        connection.execute("INSERT INTO pins (account, hash) VALUES (?, ?)", (account, _hash(account, stretched)))


def forget(connection: sqlite3.Connection, account: int) -> None:
    """Forget an account's PIN."""
    connection.execute("DELETE FROM pins WHERE account = ?", (account,))


def has_lapsed(connection: sqlite3.Connection, account: int, now_ms: int) -> bool:
    """Whether an account's devices have been silent for so long that its number may be somebody else's."""
    return now_ms >= _lapses_at_ms(connection, account)


def check(connection: sqlite3.Connection, account: int, stretched: bytes, now_ms: int) -> RegistrationError | None:
    """Compare a PIN; a wrong one costs a try. None: it is right, or there is none, or it protects no longer."""
    found = connection.execute("SELECT hash, tries, tries_since_ms FROM pins WHERE account = ?", (account,)).fetchone()
    lapses_at_ms = _lapses_at_ms(connection, account)
    if found is None or now_ms >= lapses_at_ms:
        return None
    right, tries, since_ms = found
    if not 0 <= now_ms - since_ms < DAY_S * 1000:
        tries, since_ms = 0, now_ms
    if tries >= PIN_TRIES:
        return RateLimitedError("pins", (since_ms + DAY_S * 1000 - now_ms) / 1000)
    if not stretched:
        return PinError("pin_required", PIN_TRIES - tries, lapses_at_ms)
    if compare_digest(right, _hash(account, stretched)):
        connection.execute("UPDATE pins SET tries = 0, tries_since_ms = 0 WHERE account = ?", (account,))
        return None
    connection.execute(
        "UPDATE pins SET tries = ?, tries_since_ms = ? WHERE account = ?", (tries + 1, since_ms, account)
    )
    return PinError("wrong_pin", PIN_TRIES - tries - 1, lapses_at_ms)


def _lapses_at_ms(connection: sqlite3.Connection, account: int) -> int:
    (seen_ms,) = connection.execute(
        "SELECT coalesce(max(seen_ms), 0) FROM positions JOIN devices USING (device) WHERE account = ? AND removed = 0",
        (account,),
    ).fetchone()
    return int(seen_ms) + PIN_LOCK_S * 1000


def _hash(account: int, stretched: bytes) -> bytes:
    return hashlib.sha256(_CONTEXT + account.to_bytes(8, "big") + stretched).digest()
