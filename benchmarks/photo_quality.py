"""How many bytes a codec needs for the quality that WhatsApp's encoder reaches, by SSIMULACRA2."""

import math
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final

from PIL import Image
from tests.interop.npm import find_node, folder_of, install

from onebar.media.photos import RECIPES, Codec, PhotoMode, encode_photo

SOURCE: Final = Path(__file__).parent / "sharp_js"
"""The pinned peer and its program."""

QUALITIES: Final = {Codec.JPEG: (76, 84), Codec.AVIF: (58, 72)}
"""Qualities on both sides of the peer's on nearly every photo; from those the bytes at its score are interpolated."""

STEP: Final = 8
"""How far the search goes on where they are not."""

QUALITY_RANGE: Final = range(20, 97)
"""Where it ends."""

Score = Callable[[Path, Path], float]


@dataclass(frozen=True, slots=True)
class Point:
    """One encoding: how good and how large."""

    score: float
    size: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One photo under every encoder."""

    peer: Point
    peer_ms: float
    ours: dict[Codec, Point]
    """At the recipes' own qualities."""
    ms: dict[Codec, float]
    equal_bytes: dict[Codec, float]
    """Bytes at the peer's score."""


class Peer:
    """sharp with mozjpeg at quality 80, in a process of its own."""

    def __init__(self) -> None:
        """Fetch it by npm, if it is not here.

        Raises:
            MissingError: It cannot be had.
        """
        folder = folder_of("sharp_js")
        install(SOURCE, folder)
        command = [find_node(folder, "sharp"), str(folder / "encode.mjs")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Peer":
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the process."""
        self._process.communicate()

    def encode(self, source: Path, target: Path) -> float:
        """Encode a picture; return the milliseconds that it took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{source}\t{target}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def compare(picture: Image.Image, peer: Peer, score: Score) -> Compared:
    """Encode one picture, scaled already, every way."""
    with tempfile.TemporaryDirectory() as scratch:
        reference, theirs = Path(scratch) / "reference.png", Path(scratch) / "theirs.jpg"
        picture.save(reference, compress_level=1)
        peer_ms = peer.encode(reference, theirs)
        goal = Point(score(reference, theirs), theirs.stat().st_size)

        def measured(codec: Codec, quality: int) -> tuple[Point, float]:
            begun_s = time.perf_counter()
            data = encode_photo(picture, replace(RECIPES[PhotoMode.STANDARD, codec], quality=quality))
            took_ms = (time.perf_counter() - begun_s) * 1000
            made = Path(scratch) / f"ours.{codec.partition('/')[2]}"
            made.write_bytes(data)
            return Point(score(reference, made), len(data)), took_ms

        def point(codec: Codec, quality: int) -> Point:
            return measured(codec, quality)[0]

        ours, ms, equal = {}, {}, {}
        for codec in Codec:
            points = around(goal.score, QUALITIES[codec], partial(point, codec))
            ours[codec], ms[codec] = measured(codec, RECIPES[PhotoMode.STANDARD, codec].quality)
            equal[codec] = bytes_at(goal.score, [*points, ours[codec]])
    return Compared(goal, peer_ms, ours, ms, equal)


def around(score: float, between: tuple[int, int], measure: Callable[[int], Point]) -> list[Point]:
    """Measure two qualities, and further ones until the score lies between two of them."""
    low, high = between
    points = [measure(low), measure(high)]
    while max(point.score for point in points) < score and high + STEP in QUALITY_RANGE:
        high += STEP
        points.append(measure(high))
    while min(point.score for point in points) > score and low - STEP in QUALITY_RANGE:
        low -= STEP
        points.append(measure(low))
    return points


def bytes_at(score: float, points: list[Point]) -> float:
    """Return the bytes at a score, on the line through the nearest two points; bytes grow exponentially with scores."""
    ordered = sorted(points, key=lambda point: point.score)
    pairs = list(pairwise(ordered))
    low, high = next((pair for pair in pairs if pair[1].score >= score), pairs[-1])
    if high.score == low.score:
        return float(low.size)
    share = (score - low.score) / (high.score - low.score)
    return math.exp(math.log(low.size) + share * (math.log(high.size) - math.log(low.size)))


def geometric_mean(values: list[float]) -> float:
    """Return the mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))
