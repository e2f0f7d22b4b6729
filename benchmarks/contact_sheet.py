"""A picture for people: each photo as it was, as JPEG, as AVIF, and as its previews."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from onebar.media.photos import Photo
from onebar.media.thumbhash import decode_thumbhash

TILE: Final = (480, 360)
"""Room for one picture."""

LABEL_PX: Final = 26
"""Room for the words below it."""

COLUMNS: Final = (
    "original",
    "JPEG",
    "AVIF",
    "JPEG, a part at full size",
    "AVIF, the same part",
    "preview",
    "ThumbHash",
)
"""What stands side by side."""


@dataclass(frozen=True, slots=True)
class Row:
    """One photo in its forms."""

    original: Image.Image
    """Upright, in sRGB, scaled."""
    original_bytes: int
    jpeg: Photo
    avif: Photo


def draw(rows: list[Row], target: Path) -> None:
    """Write the sheet as PNG."""
    width, height = TILE[0], TILE[1] + LABEL_PX
    sheet = Image.new("RGB", (width * len(COLUMNS), height * len(rows)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=18)
    for down, row in enumerate(rows):
        for across, (picture, size) in enumerate(_forms(row)):
            tile = picture.copy()
            tile.thumbnail(TILE)
            sheet.paste(tile, (width * across + (width - tile.width) // 2, height * down))
            words = f"{COLUMNS[across]}: {size:,} B"
            pen.text((width * across + 8, height * (down + 1) - LABEL_PX + 2), words, fill="black", font=font)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)


def _forms(row: Row) -> list[tuple[Image.Image, int]]:
    jpeg, avif, preview = (Image.open(io.BytesIO(data)) for data in (row.jpeg.data, row.avif.data, row.jpeg.preview))
    width, height, pixels = decode_thumbhash(row.jpeg.thumbhash)
    blurred = Image.frombytes("RGB", (width, height), pixels)
    left, top = (jpeg.width - TILE[0]) // 2, (jpeg.height - TILE[1]) // 2
    part = (left, top, left + TILE[0], top + TILE[1])
    return [
        (row.original, row.original_bytes),
        (jpeg, len(row.jpeg.data)),
        (avif, len(row.avif.data)),
        (jpeg.crop(part), len(row.jpeg.data)),
        (avif.crop(part), len(row.avif.data)),
        (_grown(preview), len(row.jpeg.preview)),
        (_grown(blurred), len(row.jpeg.thumbhash)),
    ]


def _grown(picture: Image.Image) -> Image.Image:
    factor = min(TILE[0] / picture.width, TILE[1] / picture.height)
    return picture.resize((round(picture.width * factor), round(picture.height * factor)))
