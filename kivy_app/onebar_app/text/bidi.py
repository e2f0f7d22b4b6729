"""Which way each character of a paragraph runs: the levels of UAX #9, as python-bidi finds them, and its brackets."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, Final

from bidi import algorithm
from bidi.mirror import MIRRORED

# Marks that only steer: python-bidi drops some of them and does not know the isolates, and nobody sees them.
_STEERING: Final = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"))
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_FIRST_RIGHT_TO_LEFT: Final = "\u0590"  # below it, nothing runs from right to left
_PLUS: Final = re.compile(r"(?<!\S)\+(?=\d)")  # by the standard, it would stand behind a number in Arabic
_NESTED_MAX: Final = 63  # brackets that are open at once; beyond, the standard looks at none (BD16)


def without_steering(text: str) -> str:
    """Return a text without invisible marks of direction."""
    return text if text.isascii() else text.translate(_STEERING)


@lru_cache(maxsize=4096)
def runs_right(text: str) -> bool | None:
    """Return whether a text begins in a script from right to left; None if it has no letters."""
    if text.isascii() and any(map(str.isalpha, text)):
        return False
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in _RIGHT_TO_LEFT:
            return True
        if kind == "L":
            return False
    return False if text.startswith("+") else None  # so phone numbers stay whole


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
    _resolve_brackets(storage["chars"], storage["base_dir"])
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    found = [char["level"] for char in storage["chars"]]
    return found if len(found) == len(text) else [int(right_to_left)] * len(text)


def shown_levels(text: str, right_to_left: bool) -> list[int]:
    """Return the levels as they are shown: those of UAX #9, but a phone number keeps its plus in front (rule HL3).

    Args:
        text: One paragraph, of `without_steering`.
        right_to_left: Which way the paragraph runs.
    """
    found = levels(text, right_to_left)
    for match in _PLUS.finditer(text):
        found[match.start()] = found[match.end()]
    return found


def _resolve_brackets(chars: list[dict[str, Any]], paragraph: str) -> None:
    """Give both brackets of a pair the direction of what they hold: rule N0, which python-bidi lacks.

    Without isolates and embeddings, a paragraph is one run; its begin and end have its own direction.
    """
    was = [char["type"] for char in chars]  # W1 to W7 are done
    for opening, closing in sorted(_pairs(chars)):
        held = {_strong(char["type"]) for char in chars[opening + 1 : closing]}
        direction = paragraph
        if paragraph not in held:
            if len(held - {""}) == 0:
                continue  # only neutral characters: N1 and N2 decide
            before = next((found for char in reversed(chars[:opening]) if (found := _strong(char["type"]))), paragraph)
            direction = before if before in held else paragraph
        for place in (opening, closing):
            chars[place]["type"] = direction
            for after in range(place + 1, len(chars)):
                if unicodedata.bidirectional(chars[after]["ch"]) != "NSM" or was[after] != "ON":
                    break
                chars[after]["type"] = direction  # marks go with their bracket


def _pairs(chars: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield where the brackets of each pair are (BD16)."""
    opened: list[tuple[str, int]] = []
    for place, char in enumerate(chars):
        if char["type"] != "ON" or (kind := _bracket(char["ch"])) is None:
            continue
        opens, closed_by = kind
        if opens:
            if len(opened) == _NESTED_MAX:
                return
            opened.append((closed_by, place))
            continue
        match = next((at for at in range(len(opened) - 1, -1, -1) if opened[at][0] == closed_by), None)
        if match is not None:
            yield opened[match][1], place
            del opened[match:]


@cache
def _bracket(char: str) -> tuple[bool, str] | None:
    """Return whether a character opens, and which one closes the pair; None if it is no bracket.

    They are the mirrored characters of opening and closing punctuation whose images are of the other kind; equal ones
    count as one (UAX #9, BD14 to BD16).
    """
    kind, image = unicodedata.category(char), MIRRORED.get(char, "")
    if {kind, unicodedata.category(image) if image else ""} != {"Ps", "Pe"}:
        return None
    return kind == "Ps", unicodedata.normalize("NFC", image if kind == "Ps" else char)


def _strong(kind: str) -> str:
    """Return the direction that a character has for rules N0 to N2; empty for neutral ones."""
    return "L" if kind == "L" else "R" if kind in {"R", "AL", "EN", "AN"} else ""


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
