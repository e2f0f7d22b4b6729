"""Which way each character of a paragraph runs: the levels of UAX #9, as python-bidi works them out."""

import unicodedata
from functools import lru_cache
from typing import Final

from bidi import algorithm

# Marks that only steer: python-bidi drops some of them and does not know the isolates, and nobody sees them.
_STEERING: Final = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"))
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_FIRST_RIGHT_TO_LEFT: Final = "\u0590"  # below it, nothing runs from right to left


def without_steering(text: str) -> str:
    """Return a text without invisible marks of direction."""
    return text if text.isascii() else text.translate(_STEERING)


@lru_cache(maxsize=4096)
def runs_right(text: str) -> bool | None:
    """Return whether a text begins in a script from right to left; None if it has no letters."""
    if text.isascii():
        return False if text.startswith("+") or any(map(str.isalpha, text)) else None  # so phone numbers stay whole
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in _RIGHT_TO_LEFT:
            return True
        if kind == "L":
            return False
    return None


def levels(text: str, right_to_left: bool) -> list[int]:
    """Return the level of each character: even ones run to the right, odd ones to the left.

    Args:
        text: One paragraph, of `without_steering`.
        right_to_left: Which way the paragraph runs.
    """
    if not right_to_left and all(char < _FIRST_RIGHT_TO_LEFT for char in text):
        return [0] * len(text)
    storage = algorithm.get_empty_storage()
    storage["base_level"] = int(right_to_left)
    storage["base_dir"] = "R" if right_to_left else "L"
    algorithm.get_embedding_levels(text, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    found = [char["level"] for char in storage["chars"]]
    return found if len(found) == len(text) else [int(right_to_left)] * len(text)


def visual_order(run_levels: list[int]) -> list[int]:
    """Return in which order the runs of a line are drawn, from the left (rule L2)."""
    order = list(range(len(run_levels)))
    for level in range(max(run_levels, default=0), 0, -1):
        at = 0
        while at < len(order):
            end = at
            while end < len(order) and run_levels[order[end]] >= level:
                end += 1
            order[at:end] = reversed(order[at:end])
            at = end + 1
    return order
