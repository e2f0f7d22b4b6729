"""What the answers of both gateways have in common."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

WAKEUP_LIFE_S: Final = 28 * 24 * 60 * 60
"""How long a gateway keeps a wake-up for a phone that is off: the longest that FCM takes; mail waits for 30 days."""

REQUEST_S: Final = 10.0
"""Longest wait for a gateway to connect, and to answer: a gateway that is well takes a twentieth of a second."""

_WORD: Final = re.compile(r"[A-Za-z_]{1,64}")


def word(reason: object) -> str:
    """Return a gateway's reason if it is one word, so that nothing else gets into the log."""
    return reason if isinstance(reason, str) and _WORD.fullmatch(reason) else "unreadable"


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float:
    """Return how long a gateway wants to be left alone (RFC 9110, section 10.2.3); 0 if it does not say."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value, re.ASCII):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_s)
    except (ValueError, OverflowError):
        return 0.0
