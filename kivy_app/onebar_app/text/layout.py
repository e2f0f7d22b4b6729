"""A text laid out: its lines, and what is drawn where on each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from onebar_app.text.bidi import runs_right, shown_levels, visual_order, without_steering
from onebar_app.text.clusters import clusters, is_emoji
from onebar_app.text.fonts import EMOJI, SHAPES, draws, family_of, load

LINE_HEIGHT: Final = 1.36
"""Distance of two lines, in sizes: Arabic and Thai need more than Latin, whose books take 1.2 to 1.45."""
ASCENT: Final = 1.04
"""From the top of a line to what letters stand on, in sizes: half the leading above, half below."""
EMOJI_WIDTH: Final = 1.2
"""Width of an emoji, in sizes."""

LINK: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"']*[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
"""What is shown as a link: only what says that it is one."""

Marks = tuple[tuple[int, int], ...]
"""Where a text is marked: begin and end of each place."""

_BOUND: Final = r"\S\u00a0\u2007\u202f"  # a line does not end at a no-break space
_WORD: Final = re.compile(rf"[{_BOUND}]*[^{_BOUND}]+|[{_BOUND}]+")
_LINK_PART: Final = re.compile(r"(?:https?://)?[^/?&=#]*[/?&=#]*", re.IGNORECASE)  # a long address parts behind these
_NO_BREAK: Final = float("inf")
_ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is set."""

    size_px: int
    bold: bool = False
    links: bool = False
    """Whether links in it can be seen and tapped."""


@dataclass(frozen=True, slots=True)
class Run:
    """Letters of one font and direction, in the order in which they are read."""

    text: str
    family: str
    right_to_left: bool
    x: float
    width: float
    start: int
    """Which character of its line it begins with."""
    link: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line; runs from the left to the right."""

    runs: tuple[Run, ...]
    width: float
    right_to_left: bool
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A text in its lines, the first on top."""

    style: Style
    lines: tuple[Line, ...]
    width: float
    """Of the longest line, in pixels."""
    whole: bool
    """Whether nothing was left out."""

    @property
    def line_height(self) -> int:
        """Distance of two lines, in pixels."""
        return round(self.style.size_px * LINE_HEIGHT)

    @property
    def height(self) -> int:
        """Of all lines, in pixels."""
        return self.line_height * len(self.lines)


@lru_cache(maxsize=4096)
def lay_out(
    text: str,
    style: Style,
    width_px: float = _NO_BREAK,
    lines_max: int = 0,
    *,
    right_to_left: bool | None = None,
    marks: Marks = (),
) -> Layout:
    """Break a text into lines.

    Args:
        text: Any text; a newline begins a paragraph.
        style: How it is set.
        width_px: What a line may have; words that are longer are torn.
        lines_max: How many lines there may be; the last ends in an ellipsis if there is more. 0: any number.
        right_to_left: Which way paragraphs without letters run; None: to the right.
        marks: Begin and end of what is drawn marked, in a text without marks of direction.
    """
    lines: list[Line] = []
    whole, place = True, 0
    for paragraph in without_steering(text).split("\n"):
        towards_left = runs_right(paragraph)
        direction = bool(right_to_left) if towards_left is None else towards_left
        for start, end in _breaks(paragraph, style, width_px):
            if lines_max and len(lines) == lines_max:
                whole = False
                break
            last_marks = _moved(marks, -place - start)
            lines.append(_line(paragraph, start, end, style, direction, last_marks))
        place += len(paragraph) + 1
    if not whole:
        lines[-1] = _shortened(lines[-1], style, width_px, last_marks)
    return Layout(style, tuple(lines), max((line.width for line in lines), default=0.0), whole)


def measure(text: str, style: Style) -> float:
    """Return how wide a text without newlines is on one line, in pixels."""
    return sum(_cluster_widths(text, style)) if text else 0.0


def _breaks(text: str, style: Style, width_px: float) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each line of a paragraph."""
    start = at = 0
    used = 0.0
    for word, width, visible in _words(text, style, width_px):
        if used and used + visible > width_px:
            yield start, at
            start, used = at, 0.0
        at += len(word)
        used += width
    yield start, len(text)


def _words(text: str, style: Style, width_px: float) -> Iterator[tuple[str, float, float]]:
    """Yield what stays together, its width, and its width without the space at its end."""
    for token in _WORD.findall(text) or [text]:
        for word in _torn_at_han(token):
            width, visible = _word_widths(word, style)
            if visible <= width_px:
                yield word, width, visible
                continue
            for piece in _torn(word, style, width_px):
                yield piece, *_word_widths(piece, style)


def _torn(word: str, style: Style, width_px: float) -> Iterator[str]:
    """Yield the pieces of a word that is longer than a line: an address parts behind its marks, others anywhere."""
    for part in filter(None, _LINK_PART.findall(word)) if LINK.search(word) else [word]:
        if _word_widths(part, style)[1] <= width_px:
            yield part
        else:
            yield from clusters(part)


@lru_cache(maxsize=16384)
def _word_widths(word: str, style: Style) -> tuple[float, float]:
    whole, bare = measure(word, style), word.rstrip()
    return whole, whole if len(bare) == len(word) else measure(bare, style)


def _torn_at_han(token: str) -> Iterator[str]:
    """Yield a word in the pieces between which a line may end: Han and kana may part anywhere."""
    if token.isascii() or not any("\u2e80" <= char <= "\uff60" for char in token):
        yield token
        return
    piece = ""
    for char in token:
        if piece and _may_part(piece[-1], char):
            yield piece
            piece = ""
        piece += char
    yield piece


def _may_part(before: str, after: str) -> bool:
    """Say whether a line may end between two characters: never before closing, never after opening punctuation."""
    han = "\u2e80" <= before <= "\uff60" or "\u2e80" <= after <= "\uff60"
    return han and after not in "、。，．！？；：）」』】〉》”’ー…ぁぃぅぇぉっゃゅょ" and before not in "（「『【〈《“‘"


def _moved(marks: Marks, by: int) -> Marks:
    return tuple((begin + by, end + by) for begin, end in marks)


def _line(text: str, start: int, end: int, style: Style, right_to_left: bool, marks: Marks = ()) -> Line:
    said = text[start:end].rstrip(" ")
    if not said:
        return Line((), 0.0, right_to_left, "")
    levels_here = shown_levels(text, right_to_left)[start : start + len(said)]
    pieces = [_piece(part, style) for part in _pieces(text, said, start, levels_here, style, marks)]
    order = visual_order([piece[2] for piece in pieces])
    x, runs = 0.0, []
    for index in order:
        part, family, level, link, marked, width = pieces[index]
        start_of_run = sum(len(piece[0]) for piece in pieces[:index])
        runs.append(Run(part, family, bool(level % 2), x, width, start_of_run, link, marked))
        x += width
    return Line(tuple(runs), x, right_to_left, said)


Piece = tuple[str, str, int, str, bool, float]


def _pieces(
    text: str, said: str, start: int, levels_here: list[int], style: Style, marks: Marks
) -> Iterator[tuple[str, str, int, str, bool]]:
    """Yield the longest parts of one font, level, link and mark, as they are read."""
    spans = [(match.start(), match.end(), match[0]) for match in LINK.finditer(text)] if style.links else []
    at, part, key = 0, "", ("", 0, "", False)
    for cluster in clusters(said):
        place = start + at
        link = next((found for begin, end, found in spans if begin <= place < end), "")
        family = EMOJI if is_emoji(cluster) else family_of(cluster[0])
        if cluster == " " and part and key[0] != EMOJI and draws(key[0], " "):
            family = key[0]  # a space does not tear what is shaped together
        now = (family, levels_here[at], link, any(begin <= at < end for begin, end in marks))
        if part and (now != key or family == EMOJI):
            yield part, *key
            part = ""
        part, key = part + cluster, now
        at += len(cluster)
    if part:
        yield part, *key


def _piece(part: tuple[str, str, int, str, bool], style: Style) -> Piece:
    text, family, level, link, marked = part
    return text, family, level, link, marked, run_width(text, family, style, right_to_left=bool(level % 2))


@lru_cache(maxsize=16384)
def run_width(text: str, family: str, style: Style, *, right_to_left: bool = False) -> float:
    """Return how far a run advances, in pixels."""
    if family == EMOJI:
        return style.size_px * EMOJI_WIDTH
    font = load(family, style.size_px, bold=style.bold)
    shown, direction = drawn(text, right_to_left)
    return float(font.getlength(shown, direction=direction))


def drawn(text: str, right_to_left: bool) -> tuple[str, str | None]:
    """Return what Pillow is given for a run, and its direction; without a shaper, letters are joined here."""
    if SHAPES:
        return text, "rtl" if right_to_left else "ltr"
    if not right_to_left:
        return text, None
    import arabic_reshaper  # only where Pillow has no shaper: its tables take 3 MB
    from bidi.algorithm import get_display

    return str(get_display(arabic_reshaper.reshape(text), base_dir="R")), None


def _cluster_widths(text: str, style: Style) -> Iterator[float]:
    """Yield the widths of the parts of one font."""
    part, family = "", ""
    for cluster in clusters(text):
        now = EMOJI if is_emoji(cluster) else family_of(cluster[0])
        if cluster == " " and part and family != EMOJI and draws(family, " "):
            now = family
        if part and (now != family or now == EMOJI):
            yield run_width(part, family, style)
            part = ""
        part, family = part + cluster, now
    if part:
        yield run_width(part, family, style)


def _shortened(line: Line, style: Style, width_px: float, marks: Marks = ()) -> Line:
    """Return a line that ends in an ellipsis and fits."""
    pieces = list(clusters(line.text))
    while pieces and measure("".join(pieces).rstrip() + _ELLIPSIS, style) > width_px:
        pieces.pop()
    text = "".join(pieces).rstrip() + _ELLIPSIS
    return _line(text, 0, len(text), style, line.right_to_left, marks)
