"""Registration codes: how long they live, how often they are sent and tried (docs/protocol.md §2).

No code is in the database. There is a random seed, and a code is what HMAC makes of it under a key that lies elsewhere
(`code_key`): so the same code can be sent again for as long as it lives, and nobody reads it from a copy of the file.
Every function runs inside the caller's transaction.
"""

import sqlite3
from hmac import compare_digest, digest
from typing import Final

from onebar_mockserver.limits import CODE_LIFE_S, CODE_RESEND_S, CODE_TRIES, CODES_FORGOTTEN_S
from onebar_mockserver.ports import Code, RateLimitedError, RegistrationError

CODE_DIGITS: Final = 6
"""Length of a code (§2)."""

SEED_BYTES: Final = 16
"""Length of a seed: so many random bytes never come twice, and no code tells anything of another one."""

_CONTEXT: Final = b"onebar code 1\0"


def issue(connection: sqlite3.Connection, key: bytes, phone: str, fresh: bytes, now_ms: int) -> Code | RateLimitedError:
    """Return the code to send: the one in life, or that of the `fresh` seed. Each further one has to wait longer."""
    connection.execute("DELETE FROM codes WHERE next_ms <= ?", (now_ms - CODES_FORGOTTEN_S * 1000,))
    seed, made_at_ms, tries_left, sends = fresh, now_ms, CODE_TRIES, 0
    found = connection.execute(
        "SELECT seed, sent_at_ms, tries_left, sends, next_ms FROM codes WHERE phone = ?", (phone,)
    ).fetchone()
    if found is not None:
        sends, next_ms = found[3:]
        alive = _is_alive(found[1], now_ms) and found[2] > 0
        wait_s = min((next_ms - now_ms) / 1000, CODE_RESEND_S[-1])  # the clock may have been put back
        if wait_s > 0:
            return RateLimitedError("code_resend" if alive else "codes", wait_s)
        if alive:
            seed, made_at_ms, tries_left = found[:3]
    next_ms = now_ms + CODE_RESEND_S[min(sends, len(CODE_RESEND_S) - 1)] * 1000
    connection.execute(
        "INSERT OR REPLACE INTO codes (phone, seed, sent_at_ms, tries_left, sends, next_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (phone, seed, made_at_ms, tries_left, sends + 1, next_ms),
    )
    return Code(code_of(key, phone, seed), made_at_ms)


def not_sent(connection: sqlite3.Connection, phone: str, now_ms: int) -> None:
    """Take a sending back that failed: it may be asked for again at once."""
    connection.execute("UPDATE codes SET sends = max(0, sends - 1), next_ms = ? WHERE phone = ?", (now_ms, phone))


def spend_try(
    connection: sqlite3.Connection, key: bytes, phone: str, code: str, now_ms: int
) -> RegistrationError | None:
    """Compare a code; a wrong one costs a try. None: it is right."""
    found = connection.execute("SELECT seed, tries_left, sent_at_ms FROM codes WHERE phone = ?", (phone,)).fetchone()
    if found is None or not _is_alive(found[2], now_ms):
        return RegistrationError("code_expired", "there is no code in life for this phone; ask for a new one")
    seed, tries_left, _ = found
    if tries_left == 0:
        return RegistrationError("code_expired", "no tries left for this code; ask for a new one")
    if compare_digest(code_of(key, phone, seed).encode(), code.encode()):
        return None
    connection.execute("UPDATE codes SET tries_left = tries_left - 1 WHERE phone = ?", (phone,))
    return RegistrationError("wrong_code", f"the code is wrong; {tries_left - 1} tries left")


def forget(connection: sqlite3.Connection, phone: str) -> None:
    """Forget a phone's code, and how often it was sent."""
    connection.execute("DELETE FROM codes WHERE phone = ?", (phone,))


def code_of(key: bytes, phone: str, seed: bytes) -> str:
    """Make digits of a seed; of 64 bits, that no digit is likelier than another can be told by nobody."""
    mac = digest(key, _CONTEXT + seed + phone.encode(), "sha256")
    return f"{int.from_bytes(mac[:8], 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _is_alive(made_at_ms: int, now_ms: int) -> bool:
    return made_at_ms > now_ms - CODE_LIFE_S * 1000
