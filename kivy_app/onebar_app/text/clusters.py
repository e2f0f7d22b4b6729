"""What a reader takes for one character: a letter with its marks, an emoji with its skin, a flag of two letters."""

import unicodedata
from collections.abc import Iterator
from typing import Final

from onebar_app.text.fonts import in_emoji

_JOINER: Final = "\u200d"
_AS_EMOJI: Final = "\ufe0f"
_AS_TEXT: Final = "\ufe0e"
_KEYCAP: Final = "\u20e3"
_MARKS: Final = frozenset({"Mn", "Me", "Mc"})


def clusters(text: str) -> Iterator[str]:
    """Yield the text in pieces that are never torn (a simple form of UAX #29)."""
    if text.isascii():
        yield from text
        return
    piece = ""
    for char in text:
        if piece and _joins(piece, char):
            piece += char
        else:
            if piece:
                yield piece
            piece = char
    if piece:
        yield piece


def _joins(piece: str, char: str) -> bool:
    if char in {_JOINER, _AS_EMOJI, _AS_TEXT, _KEYCAP} or _is_skin(char) or _is_tag(char):
        return True
    if piece[-1] == _JOINER:
        return not char.isspace()
    if _is_flag_letter(char):
        return len(piece) == 1 and _is_flag_letter(piece)
    return unicodedata.category(char) in _MARKS and piece not in {" ", "\n"}


def is_emoji(cluster: str) -> bool:
    """Whether a cluster is drawn as a picture in colour."""
    first = cluster[0]
    if first.isascii():
        return _KEYCAP in cluster
    if _AS_TEXT in cluster or not in_emoji(first):
        return False
    return _AS_EMOJI in cluster or len(cluster) > 1 or ord(first) >= 0x1F000 or first in _EMOJI_BY_DEFAULT


def only_emoji(text: str, at_most: int) -> bool:
    """Whether a text is nothing but a few emoji, to be shown large."""
    if not text or len(text) > 16 * at_most or text.isascii():
        return False
    pieces = [piece for piece in clusters(text) if not piece.isspace()]
    return 0 < len(pieces) <= at_most and all(map(is_emoji, pieces))


def _is_skin(char: str) -> bool:
    return "\U0001f3fb" <= char <= "\U0001f3ff"


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_tag(char: str) -> bool:
    return "\U000e0020" <= char <= "\U000e007f"


# Emoji_Presentation=Yes below U+1F000 (Unicode emoji-data.txt): the others are text unless U+FE0F follows.
_EMOJI_BY_DEFAULT: Final = frozenset(
    "⌚⌛⏩⏪⏫⏬⏰⏳◽◾☔☕♈♉♊♋♌♍♎♏♐♑♒♓♿⚓⚡⚪⚫⚽⚾⛄⛅⛎⛔⛪⛲⛳⛵⛺⛽✅✊✋✨❌❎❓❔❕❗➕➖➗➰➿⬛⬜⭐⭕"
)
