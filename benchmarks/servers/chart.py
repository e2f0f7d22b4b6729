"""The servers as a picture: CPU of a text under each load, and how long it takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.servers.measure import LOADS, Row

SYNCED_MIN: Final = 0.05
"""Syncs for a text from which a server is taken to sync before it acknowledges: one serves all that arrived meanwhile,
and a server that does not has none, or one in hundreds of texts."""

BAR: Final = 0.26
"""Height of a bar, where servers are 1 apart."""


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the cost and the delay of a text into one PNG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (costs, delays) = pyplot.subplots(
        1, 2, figsize=(14, 0.7 * len(rows) + 2), layout="constrained", sharey=True
    )
    places = list(range(len(rows)))
    for number, load in enumerate(LOADS):
        heights = [place + (number - 1) * BAR for place in places]
        us = [row.value(load, "us") for row in rows]
        bars = costs.barh(heights, us, BAR, label=load)
        costs.bar_label(
            bars, [f"{'≤ ' if row.limited(load) else ''}{row.value(load, 'us'):.0f}" for row in rows], padding=2
        )
        halves = [row.value(load, "p50_ms") for row in rows]
        tails = [row.value(load, "p99_ms") for row in rows]
        delays.hlines(heights, halves, tails, color=f"C{number}", linewidth=2)
        delays.plot(halves, heights, "o", color=f"C{number}", label=f"{load}: p50 to p99")
    synced = {True: " *", False: ""}
    costs.set_yticks(places, [row.name + synced[(row.syncs or 0) >= SYNCED_MIN] for row in rows])
    costs.invert_yaxis()
    costs.set(
        xscale="log", xlabel="µs of CPU for one text of 100 B, acknowledged on both sides   (* synced to the disk)"
    )
    delays.set(xscale="log", xlabel="ms from sender to reader")
    costs.margins(x=0.12)
    for axis in (costs, delays):
        axis.grid(axis="x", alpha=0.3)
        axis.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
