"""Times, sizes and names as people read them."""

import unicodedata
from datetime import datetime
from typing import Final

from onebar_app.words import Words

# Country codes that begin so have three digits (ITU-T E.164, list of assigned codes).
_OF_THREE: Final = frozenset(
    str(code) for code in (*range(21, 27), 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99)
)
_UNITS: Final = ("B", "kB", "MB", "GB")


def local(time_ms: int) -> datetime:
    """Return a time of the protocol in the phone's time zone."""
    return datetime.fromtimestamp(time_ms / 1000).astimezone()


def clock(time_ms: int) -> str:
    """Return the time of day."""
    return local(time_ms).strftime("%H:%M")


def short_time(time_ms: int, now_ms: int, words: Words) -> str:
    """Return when something was, for a list: the time of day today, else the day."""
    then, now = local(time_ms), local(now_ms)
    return clock(time_ms) if then.date() == now.date() else words.day(then.date(), now.date())


def size(nbytes: int) -> str:
    """Return a size with at most three digits, in units of 1,000."""
    amount, unit = float(nbytes), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if amount >= 99.5 or not unit else f"{amount:.1f} {_UNITS[unit]}"


def duration(time_ms: int) -> str:
    """Return how long something plays."""
    seconds = max(0, round(time_ms / 1000))
    return f"{seconds // 60}:{seconds % 60:02}"


def number(phone: str) -> str:
    """Return a phone number in groups, so that the eye can hold it; a line does not end within it."""
    if not phone.startswith("+"):
        return phone
    digits = phone.removeprefix("+")
    country = 1 if digits.startswith(("1", "7")) else 3 if digits[:2] in _OF_THREE else 2
    rest = digits[country:]
    cuts = [at for at in range(0, len(rest), 3) if at == 0 or len(rest) - at > 1]  # no digit stands alone
    groups = [rest[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(rest)], strict=False)]
    return "\u00a0".join([f"+{digits[:country]}", *groups])


def initials(name: str) -> str:
    """Return one or two letters for an avatar; nothing for a bare number."""
    letters = [word[0] for word in name.split() if unicodedata.category(word[0])[0] == "L"]
    return "".join(letters[:1] + letters[-1:] if len(letters) > 1 else letters).upper()


def hue_number(phone: str, hues: int) -> int:
    """Return which of some colours an account always has."""
    return sum(phone.encode()) % hues
