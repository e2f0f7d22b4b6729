"""Words as they are searched: what of a text goes into the index, what a query means, and where it was found."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

QUERY_CHARS_MAX: Final = 256
"""Longest query that is looked at: more than a search field shows; what is typed or pasted beyond it is left out."""

QUERY_WORDS_MAX: Final = 16
"""Most words of a query: each costs a look into the index."""

SPANS_MAX: Final = 64
"""Most places that are marked in one text: more than a screen shows of it."""

_ALONE: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"  # pictures
    "]"
)
"""Characters that are words by themselves: scripts without spaces between words, and emoji. So a query of them finds
them wherever they stand together, as short as it may be; an index of all triples is four times as big, and finds no
word of two characters."""


def indexed(text: str) -> str:
    """Return what of a text goes into the index: changing it makes every index that was built before worthless."""
    if text.isascii():
        return text
    return _ALONE.sub(r" \g<0> ", unicodedata.normalize("NFC", text))


def match_of(query: str) -> str:
    """Return a query in SQLite's FTS5 syntax: all words, each as the begin of one; empty if it has none.

    Every word is quoted, so nothing that a user types is taken for syntax.
    """
    words = [indexed(word).replace('"', '""') for word in _words(query)]
    return " AND ".join(f'"{word}"*' for word in words)


def spans(text: str, query: str) -> tuple[tuple[int, int], ...]:
    """Return (begin, end) of what a query finds in a text, in order, as far as it can be told, to be shown marked."""
    folded, places = _folded(text)
    found: set[tuple[int, int]] = set()
    for word in _words(query):
        wanted, _ = _folded(word)
        for match in re.finditer(re.escape(wanted), folded) if wanted else ():
            begin = match.start()
            if begin == 0 or not folded[begin - 1].isalnum() or _ALONE.match(folded[begin]):
                found.add((places[begin], places[match.end() - 1] + 1))
    return tuple(_merged(sorted(found)))[:SPANS_MAX]


def _words(query: str) -> list[str]:
    clean = query[:QUERY_CHARS_MAX].replace("\0", " ").encode("utf-8", "replace").decode()
    return [word for word in clean.split() if any(map(_counts, word))][:QUERY_WORDS_MAX]


def _counts(character: str) -> bool:
    return character.isalnum() or _ALONE.match(character) is not None


def _folded(text: str) -> tuple[str, list[int]]:
    """Return a text without case and diacritics, and from where each character of that is."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    folded, places = [], []
    for place, character in enumerate(text):
        for part in unicodedata.normalize("NFD", character).lower():
            if not unicodedata.combining(part):
                folded.append(part)
                places.append(place)
    return "".join(folded), places


def _merged(found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join what touches or overlaps."""
    begin, end = -1, -1
    for next_begin, next_end in found:
        if next_begin > end:
            if end >= 0:
                yield begin, end
            begin = next_begin
        end = max(end, next_end)
    if end >= 0:
        yield begin, end
