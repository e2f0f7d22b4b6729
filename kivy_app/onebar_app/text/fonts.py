"""The fonts that the app ships, and which of them draws a character."""

import json
from bisect import bisect_right
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from PIL import ImageFont, features

FONTS: Final = Path(__file__).resolve().parent.parent / "assets" / "fonts"
"""Where they are, with their licences."""

# Families that are asked for by name.
EMOJI: Final = "NotoColorEmoji"
ICONS: Final = "Lucide"
SHAPES: Final = features.check("raqm")
"""Whether Pillow was built with a shaper. Where it was not, Arabic is joined by `arabic_reshaper` instead."""

EMOJI_EM_PX: Final = 61
"""The one size that the emoji font has; set by `build_fonts.py`."""

_SIZES_MAX: Final = 128
"""Loaded fonts that are kept: 11 of them in the sizes of all screens, 60 kB each."""

# Who is asked first draws what several have. Where there is no bold face, the regular one is drawn thicker.
_CHAIN: Final = (
    ("Inter", ("Inter-Regular.otf", "Inter-SemiBold.otf")),
    ("Arabic", ("NotoSansArabic-Regular.ttf", "NotoSansArabic-Bold.ttf")),
    ("Hebrew", ("NotoSansHebrew-Regular.ttf", "NotoSansHebrew-Bold.ttf")),
    ("Devanagari", ("NotoSansDevanagari-Regular.ttf",) * 2),
    ("Bengali", ("NotoSansBengali-Regular.ttf",) * 2),
    ("Thai", ("NotoSansThai-Regular.ttf",) * 2),
    ("Han", ("DroidSansFallback.ttf",) * 2),
    ("Hangul", ("OnebarHangul.ttf",) * 2),
    ("Symbols", ("DejaVuSans.ttf",) * 2),
)
_FILES: Final = dict(_CHAIN) | {EMOJI: ("NotoColorEmoji.ttf",) * 2, ICONS: ("Lucide.ttf",) * 2}
_THICKER: Final = 0.017  # on each side: a stem of Han is 0.07, that of a semi-bold 0.11
_LAST: Final = "Symbols"  # its box says that a character is missing


@cache
def _coverage() -> dict[str, list[list[int]]]:
    loaded: dict[str, list[list[int]]] = json.loads((FONTS / "coverage.json").read_bytes())
    return loaded


@lru_cache(maxsize=8192)
def family_of(char: str) -> str:
    """Return the family that draws a character."""
    code = ord(char)
    return next((family for family, files in _CHAIN if _has(files[0], code)), _LAST)


def draws(family: str, char: str) -> bool:
    """Whether a family has a character."""
    return _has(_FILES[family][0], ord(char))


@lru_cache(maxsize=8192)
def in_emoji(char: str) -> bool:
    """Whether the emoji font has a character."""
    return _has("NotoColorEmoji.ttf", ord(char))


def _has(file: str, code: int) -> bool:
    ranges = _coverage()[file]
    at = bisect_right(ranges, code, key=lambda span: span[0]) - 1
    return at >= 0 and ranges[at][0] <= code <= ranges[at][1]


@lru_cache(maxsize=_SIZES_MAX)
def load(family: str, size_px: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return a font; that of emoji has one size only."""
    layout = ImageFont.Layout.RAQM if SHAPES else ImageFont.Layout.BASIC
    size = EMOJI_EM_PX if family == EMOJI else size_px
    return ImageFont.truetype(FONTS / _FILES[family][bold], size, layout_engine=layout)


@cache
def thickening(family: str) -> float:
    """Return by how much letters are drawn thicker where bold is asked for and the family has one face, in sizes."""
    regular, bold = _FILES[family]
    return _THICKER if regular == bold and family not in {EMOJI, ICONS} else 0.0


@cache
def icon(name: str) -> str:
    """Return the character of an icon.

    Raises:
        KeyError: The font has none of this name; `build_fonts.py` lists them.
    """
    codes: dict[str, int] = json.loads((FONTS / "icons.json").read_bytes())
    return chr(codes[name])
