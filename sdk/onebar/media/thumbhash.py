"""ThumbHash by Evan Wallace: a photo's colours in about 21 bytes, shown until the photo is there.

The format is that of https://evanw.github.io/thumbhash/ for opaque pictures: a few cosines of the lightness and of two
colour differences, four bits each. Pillow is not needed.
"""

import math
from collections.abc import Iterator
from typing import Final

from onebar.core.previews import (
    COLOUR_TERMS,
    LIGHT_TERMS,
    THUMBHASH_HEADER_BYTES,
    check_thumbhash,
    light_shape,
    waves,
)
from onebar.errors import PreviewError
from onebar.media.errors import DamagedMediaError

SIDE_PX_MAX: Final = 100
"""Longest side of a picture that is hashed: the format's own limit; more would show nothing that it can hold."""

SHOWN_PX: Final = 32
"""Long side of the picture that a hash gives back: it holds 7 cosines a side."""

Channel = list[float]


def encode_thumbhash(width: int, height: int, rgb: bytes) -> bytes:
    """Return the hash of an opaque picture of at most 100 by 100 pixels, three bytes each, row by row."""
    if not (0 < width <= SIDE_PX_MAX and 0 < height <= SIDE_PX_MAX and len(rgb) == 3 * width * height):
        raise ValueError(f"{len(rgb)} bytes are no {width} x {height} picture of at most {SIDE_PX_MAX} px a side")
    light, yellow, red = _opponents(rgb)
    across, down = _light_terms(width, height)
    light_mean, light_waves, light_scale = _analyse(
        light, width, height, max(COLOUR_TERMS, across), max(COLOUR_TERMS, down)
    )
    yellow_mean, yellow_waves, yellow_scale = _analyse(yellow, width, height, COLOUR_TERMS, COLOUR_TERMS)
    red_mean, red_waves, red_scale = _analyse(red, width, height, COLOUR_TERMS, COLOUR_TERMS)
    landscape = width > height
    first = round(63 * light_mean) | round(31.5 + 31.5 * yellow_mean) << 6 | round(31.5 + 31.5 * red_mean) << 12
    first |= round(31 * light_scale) << 18
    second = down if landscape else across
    second |= round(63 * yellow_scale) << 3 | round(63 * red_scale) << 9 | landscape << 15
    nibbles = [round(15 * wave) for wave in light_waves + yellow_waves + red_waves]
    nibbles += [0] * (len(nibbles) % 2)
    packed = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return first.to_bytes(3, "little") + second.to_bytes(2, "little") + packed


def decode_thumbhash(coded: bytes) -> tuple[int, int, bytes]:
    """Return width, height and pixels (three bytes each) of the picture that a hash holds, 32 pixels long.

    Raises:
        DamagedMediaError: It is no hash of an opaque picture.
    """
    try:
        check_thumbhash(coded)
    except PreviewError as error:
        raise DamagedMediaError(f"this cannot be shown as a ThumbHash: {error}") from None
    first, second = int.from_bytes(coded[:3], "little"), int.from_bytes(coded[3:5], "little")
    landscape, terms = second >> 15, second & 7
    across, down = (LIGHT_TERMS, terms) if landscape else (terms, LIGHT_TERMS)
    shape = light_shape(second)
    counts = [sum(1 for _ in waves(*shape)) - 1] + 2 * [sum(1 for _ in waves(COLOUR_TERMS, COLOUR_TERMS)) - 1]
    steps = iter([(byte >> shift & 15) / 7.5 - 1 for byte in coded[THUMBHASH_HEADER_BYTES:] for shift in (0, 4)])
    light_waves, yellow_waves, red_waves = ([next(steps) for _ in range(count)] for count in counts)
    ratio = across / down
    width = SHOWN_PX if ratio > 1 else max(1, round(SHOWN_PX * ratio))
    height = SHOWN_PX if ratio <= 1 else max(1, round(SHOWN_PX / ratio))
    colour = (COLOUR_TERMS, COLOUR_TERMS)
    light = _synthesise(width, height, shape, (first & 63) / 63, light_waves, (first >> 18 & 31) / 31)
    yellow = _synthesise(
        width, height, colour, (first >> 6 & 63) / 31.5 - 1, yellow_waves, (second >> 3 & 63) / 63 * 1.25
    )
    red = _synthesise(width, height, colour, (first >> 12 & 63) / 31.5 - 1, red_waves, (second >> 9 & 63) / 63 * 1.25)
    return width, height, bytes(_pixels(light, yellow, red))


def _light_terms(width: int, height: int) -> tuple[int, int]:
    longer = max(width, height)
    return max(1, round(LIGHT_TERMS * width / longer)), max(1, round(LIGHT_TERMS * height / longer))


def _opponents(rgb: bytes) -> tuple[Channel, Channel, Channel]:
    reds, greens, blues = ([value / 255 for value in rgb[n::3]] for n in range(3))
    pixels = list(zip(reds, greens, blues, strict=True))
    return (
        [(r + g + b) / 3 for r, g, b in pixels],
        [(r + g) / 2 - b for r, g, b in pixels],
        [r - g for r, g, _ in pixels],
    )


def _cosines(length: int, frequency: int) -> Channel:
    return [math.cos(math.pi / length * frequency * (place + 0.5)) for place in range(length)]


def _analyse(channel: Channel, width: int, height: int, across: int, down: int) -> tuple[float, Channel, float]:
    """Return the mean, the waves from 0 to 1, and their scale."""
    rows = [channel[at : at + width] for at in range(0, width * height, width)]
    along = {x: [_dot(row, cosines) for row in rows] for x, cosines in _tables(width, across)}
    vertical = dict(_tables(height, down))
    found = [_dot(along[x], vertical[y]) / (width * height) for x, y in waves(across, down)]
    scale = max(map(abs, found[1:]))
    return found[0], [0.5 + 0.5 / scale * wave if scale else 0.0 for wave in found[1:]], scale


def _dot(first: Channel, second: Channel) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _tables(length: int, terms: int) -> Iterator[tuple[int, Channel]]:
    for frequency in range(terms):
        yield frequency, _cosines(length, frequency)


def _synthesise(width: int, height: int, shape: tuple[int, int], mean: float, sizes: Channel, scale: float) -> Channel:
    horizontal, vertical = dict(_tables(width, shape[0])), dict(_tables(height, shape[1]))
    channel = [mean] * (width * height)
    for (x, y), wave in zip(list(waves(*shape))[1:], sizes, strict=True):
        for row in range(height):
            factor = 2 * scale * wave * vertical[y][row]
            for column in range(width):
                channel[row * width + column] += factor * horizontal[x][column]
    return channel


def _pixels(light: Channel, yellow: Channel, red: Channel) -> Iterator[int]:
    for lightness, yellowness, redness in zip(light, yellow, red, strict=True):
        b = lightness - 2 / 3 * yellowness
        r = (3 * lightness - b + redness) / 2
        for value in (r, r - redness, b):
            yield round(255 * min(1.0, max(0.0, value)))
