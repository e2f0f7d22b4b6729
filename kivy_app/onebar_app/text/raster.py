"""Texts and icons as pictures."""

from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

from onebar_app.text.fonts import EMOJI, EMOJI_EM_PX, ICONS, icon, load, thickening
from onebar_app.text.layout import ASCENT, Layout, Run, drawn

Rgb = tuple[int, int, int]

PAD_PX: Final = 3
"""Around each text: marks and slanted letters leave their box."""

_EMOJI_DROP: Final = 0.16
"""How far an emoji hangs below the line that letters stand on, in sizes."""


def draw_text(layout: Layout, colour: Rgb, link_colour: Rgb, width_px: int, align: str) -> Image.Image:
    """Return a picture of a text, `PAD_PX` larger on each side.

    Args:
        layout: The text in its lines.
        colour: Of letters.
        link_colour: Of links, and of what is marked.
        width_px: Of the picture, without the padding.
        align: `left`, `right`, `center`, or `start`: as each line is read.
    """
    size = (max(1, width_px) + 2 * PAD_PX, max(1, layout.height) + 2 * PAD_PX)
    picture = Image.new("RGBA", size, (*colour, 0))  # the colour of what is transparent shows at the edges of letters
    pen = ImageDraw.Draw(picture)
    style = layout.style
    for number, line in enumerate(layout.lines):
        spare = width_px - line.width
        towards_right = align == "right" or (align == "start" and line.right_to_left)
        left = PAD_PX + (spare / 2 if align == "center" else spare if towards_right else 0.0)
        baseline = PAD_PX + number * layout.line_height + round(style.size_px * ASCENT)
        for run in line.runs:
            if run.family == EMOJI:
                _paste_emoji(picture, run, left + run.x, baseline, style.size_px)
                continue
            font = load(run.family, style.size_px, bold=style.bold)
            shown, direction = drawn(run.text, run.right_to_left)
            ink = link_colour if run.link or run.marked else colour
            thicker = style.size_px * thickening(run.family) if style.bold else 0.0
            pen.text(
                (left + run.x - thicker, baseline + thicker),
                shown,
                (*ink, 255),
                font,
                anchor="ls",
                direction=direction,
                stroke_width=thicker,
            )
            if run.link:
                thick = max(1, style.size_px // 16)
                below = baseline + max(2, style.size_px // 7)
                pen.rectangle((left + run.x, below, left + run.x + run.width, below + thick - 1), (*ink, 255))
    return picture


def draw_icon(name: str, size_px: int, colour: Rgb) -> Image.Image:
    """Return a picture of an icon."""
    picture = Image.new("RGBA", (size_px, size_px), (*colour, 0))
    pen = ImageDraw.Draw(picture)
    pen.text((size_px / 2, size_px / 2), icon(name), (*colour, 255), load(ICONS, size_px), anchor="mm")
    return picture


def _paste_emoji(picture: Image.Image, run: Run, x: float, baseline: int, size_px: int) -> None:
    small = _emoji(run.text, size_px)
    top = baseline + round(size_px * _EMOJI_DROP) - small.height
    picture.alpha_composite(small, (max(0, round(x + (run.width - small.width) / 2)), max(0, top)))


@lru_cache(maxsize=512)
def _emoji(cluster: str, size_px: int) -> Image.Image:
    """Return an emoji of about the height of a line of this size."""
    font = load(EMOJI, EMOJI_EM_PX)
    left, top, right, bottom = font.getbbox(cluster)
    full = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(full).text((-left, -top), cluster, font=font, embedded_color=True)
    scale = size_px * 1.1 / max(1, full.height)
    return full.resize(
        (max(1, round(full.width * scale)), max(1, round(full.height * scale))), Image.Resampling.BICUBIC
    )
