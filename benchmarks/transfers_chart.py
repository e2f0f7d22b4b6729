"""Uploads as a picture: what kills cost in bytes, how long it took, and how long a text takes beside an upload."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR: Final = 0.26
"""Width of a bar, where networks are 1 apart."""

LEAST_PCT: Final = 0.05
"""What a share of bytes is drawn as at least: its axis is logarithmic, and 0 has no place there."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file, sent over a network by processes that are killed."""

    network: str
    kind: str
    file_bytes: int
    took_s: float
    over_pct: float
    """Bytes that went up beyond the file's own, headers and everything else included."""
    bare_s: float
    """How long the network takes to carry the file's own bytes."""


class Known(msgspec.Struct):
    """What was measured so far, in whatever runs; a file beside the picture."""

    rows: list[Row] = []
    alone: list[float] = []
    beside: list[float] = []


def draw_with_known(rows: Sequence[Row], alone: Sequence[float], beside: Sequence[float], path: Path) -> None:
    """Draw what was measured now, and what it leaves out as it was measured before."""
    file = path.with_suffix(".json")
    known = msgspec.json.decode(file.read_bytes(), type=Known) if file.exists() else Known()
    merged = {(row.network, row.kind): row for row in (*known.rows, *rows)}
    known = Known(list(merged.values()), list(alone or known.alone), list(beside or known.beside))
    draw(known.rows, known.alone, known.beside, path)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=1))


def draw(rows: Sequence[Row], alone: Sequence[float], beside: Sequence[float], path: Path) -> None:
    """Draw everything into one PNG file; what was not measured is left out."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (costs, times, texts) = pyplot.subplots(1, 3, figsize=(17, 5.4), layout="constrained")
    _bars(costs, rows, "over_pct")
    costs.set(yscale="log", ylabel="bytes beyond the file's own, %", title="What two kills cost")
    costs.axhline(3, color="grey", linestyle="--", linewidth=1, label="goal for Onebar: 3 %")
    costs.margins(y=0.2)
    _bars(times, rows, "took_s")
    networks = list(dict.fromkeys(row.network for row in rows))
    for place, network in enumerate(networks):
        bare_s = next(row.bare_s for row in rows if row.network == network)
        times.hlines(bare_s, place - 0.45, place + 0.45, color="black", label="the bytes alone" if not place else None)
    times.set(ylabel="s until all of it has arrived", title="How long it took, kills after 7 and 16 s")
    times.margins(y=0.15)
    for samples, name in ((alone, "alone"), (beside, "beside an upload of 5 MB")):
        if samples:
            shares = [100 * (number + 1) / len(samples) for number in range(len(samples))]
            texts.step(sorted(samples), shares, where="post", label=name)
    texts.axhline(95, color="grey", linestyle="--", linewidth=1, label="95 %")
    texts.set(xlabel="s from the sender to the reader", ylabel="% of texts", title="A text over edge")
    texts.set_xlim(left=0)
    for axis in (costs, times, texts):
        axis.grid(axis="y", alpha=0.3)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(axis: "Axes", rows: Sequence[Row], value: str) -> None:
    """Draw one bar for each sender beside the others of its network."""
    networks = list(dict.fromkeys(row.network for row in rows))
    for number, kind in enumerate(dict.fromkeys(row.kind for row in rows)):
        mine = [row for row in rows if row.kind == kind]
        places = [networks.index(row.network) + (number - 1) * BAR for row in mine]
        figures = [float(getattr(row, value)) for row in mine]
        bars = axis.bar(places, [max(LEAST_PCT, figure) for figure in figures], BAR, label=kind)
        axis.bar_label(bars, [f"{figure:.1f}" if figure < 10 else f"{figure:.0f}" for figure in figures], padding=2)
    sizes = {row.network: row.file_bytes for row in rows}
    axis.set_xticks(range(len(networks)), [f"{network}\n{sizes[network] / 1000:,.0f} kB" for network in networks])
