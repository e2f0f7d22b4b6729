"""Line charts over time as SVG, drawn here, so that a report is one file that needs nothing else."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 860
"""Width of a chart, in pixels."""

HEIGHT: Final = 220
"""Its height."""

LEFT: Final = 64
"""Room for the numbers of the upright axis."""

BOTTOM: Final = 26
"""Room for those of the time."""

TOP: Final = 26
"""Room for the names of the lines."""

COLOURS: Final = ("#1565c0", "#ef6c00", "#c62828", "#2e7d32", "#6a1b9a")
"""One for each line; they differ in brightness too."""

BAND: Final = "#f9c74f"
"""Where a fault was."""

QUIET_BAND: Final = "#b0bec5"
"""Where nothing happened that counts, and for what was found."""

TICKS: Final = 5
"""About so many numbers on an axis."""

Line = tuple[str, Sequence[float | None]]
"""A name and a value for each second; None where there is none."""


class Band(NamedTuple):
    """A stretch of time with a name."""

    name: str
    start: float
    """Its first second."""
    end: float
    """Its last one."""
    colour: str = BAND


def chart(title: str, unit: str, lines: Sequence[Line], bands: Sequence[Band] = (), floor: float = 0.0) -> str:
    """Draw lines over seconds.

    Args:
        title: What it shows.
        unit: Of the upright axis.
        lines: At least one; all of the same length.
        bands: Faults, and other stretches of time.
        floor: Where a logarithmic axis begins; 0 for a linear one.
    """
    seconds = max(len(values) for _, values in lines)
    top = nice(max((value for _, values in lines for value in values if value is not None), default=0.0))
    top = max(top, 10 * floor)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *[_band(band, seconds) for band in bands],
        *_axes(_marks(top, floor), floor, unit, seconds),
    ]
    for number, (name, values) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}"/>'
            for points in _runs(values, top, floor, seconds)
        ]
        parts.append(f'<text x="{LEFT + 150 * number}" y="14" fill="{colour}" font-weight="600">{escape(name)}</text>')
    return f"<figure><figcaption>{escape(title)}</figcaption>{''.join(parts)}</svg></figure>"


def nice(value: float) -> float:
    """Return a round number that is not below this one: 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999999)


def _x(second: float, seconds: int) -> float:
    return LEFT + (WIDTH - LEFT - 8) * second / max(seconds - 1, 1)


def _y(value: float, top: float, floor: float) -> float:
    share = value / top if not floor else math.log(max(value, floor) / floor) / math.log(top / floor)
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(share, 1.0)


def _marks(top: float, floor: float) -> list[float]:
    """Return the numbers of the upright axis: even steps, or powers of ten."""
    if not floor:
        return [top * tick / (TICKS - 1) for tick in range(TICKS)]
    tens = [floor * 10.0**power for power in range(math.ceil(math.log10(top / floor)))]
    return [*tens, top]


def _runs(values: Sequence[float | None], top: float, floor: float, seconds: int) -> list[str]:
    """Return the points of each stretch without a hole."""
    runs: list[list[str]] = [[]]
    for second, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{_x(second, seconds):.1f},{_y(value, top, floor):.1f}")
    return [" ".join(run) for run in runs if run]


def _band(band: Band, seconds: int) -> str:
    name = escape(band.name)
    left, right = _x(max(band.start, 0), seconds), _x(min(band.end, seconds), seconds)
    return (
        f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 2):.1f}" height="{HEIGHT - BOTTOM - TOP}" '
        f'fill="{band.colour}" opacity="0.35"><title>{name}</title></rect>'
        f'<text x="{left + 3:.1f}" y="{TOP + 12}" fill="#6d4c00">{name}</text>'
    )


def _axes(marks: Sequence[float], floor: float, unit: str, seconds: int) -> list[str]:
    parts = []
    for value in marks:
        y = _y(value, marks[-1], floor)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    step = int(nice(max(seconds / (2 * TICKS), 1)))
    parts += [
        f'<text x="{_x(second, seconds):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{second} s</text>'
        for second in range(0, seconds, step)
    ]
    return [*parts, f'<text x="4" y="{TOP - 8}">{escape(unit)}</text>']
