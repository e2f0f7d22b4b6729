"""The figures for people: a table of all conversations, one of the peers, and a chart."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.weak.peers import Facts
from benchmarks.weak.verdict import Row, cases_of, is_first

COLUMNS = (
    "network",
    "peer",
    "sent",
    "lost",
    "doubled",
    "out of order",
    "p50 s",
    "p95 s",
    "p99 s",
    "recovery s",
    "up kB",
    "down kB",
    "B a text",
    "dials",
)
PHOTO_COLUMNS = ("photos lost", "photo p50 s", "photo p95 s")
WIDTH = 170
"""Of the tables in a file; those with photos have so much more."""

WIDTH_PHOTOS = 34


def seconds(value: float) -> str:
    """Write a time: `never` for what was lost, `-` for what there is not."""
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else f"{value:.2f}"


def figures_table(rows: Sequence[Row], own: str) -> Table:
    """Draw all conversations; who is first in a network is green."""
    drawn = Table(title="One conversation over weak networks; both phones behind the same kind of link")
    photos = PHOTO_COLUMNS if any(row.photos for row in rows) else ()
    for column in (*COLUMNS, *photos, ""):
        drawn.add_column(column, justify="left" if column in {"network", "peer", ""} else "right")
    for case in cases_of(rows):
        for row in (each for each in rows if each.case == case):
            first = row.sent > 0 and is_first(rows, row.peer, case)
            faults = row.lost or row.doubled or row.reordered or row.failure or row.photos_lost
            drawn.add_row(
                case,
                row.peer,
                str(row.sent),
                str(row.lost),
                str(row.doubled),
                str(row.reordered),
                seconds(row.p50_s),
                seconds(row.p95_s),
                seconds(row.p99_s),
                seconds(row.recovery_s),
                f"{row.up_bytes / 1000:.1f}",
                f"{row.down_bytes / 1000:.1f}",
                f"{row.text_bytes:.0f}" if row.sent else "-",
                str(row.dials),
                *_photo_cells(row)[: len(photos)],
                row.failure or ("first" if first else ""),
                style="red" if faults else "green" if first and row.peer == own else None,
            )
        drawn.add_section()
    return drawn


def _photo_cells(row: Row) -> tuple[str, str, str]:
    lost = f"{row.photos_lost} of {row.photos}" if row.photos else "-"
    return lost, seconds(row.photo_p50_s), seconds(row.photo_p95_s)


def facts_table(facts: Sequence[Facts]) -> Table:
    """Draw what the figures do not say."""
    drawn = Table(title="What they are")
    for column in (
        "peer",
        "made of",
        "encrypts end to end",
        "server has it on disk before its ack",
        "cannot",
        "photos",
    ):
        drawn.add_column(column, overflow="fold")
    for each in facts:
        drawn.add_row(each.name, each.made_of, each.encrypts, each.fsyncs, each.cannot, each.photos)
    return drawn


def print_tables(rows: Sequence[Row], facts: Sequence[Facts], own: str) -> None:
    """Print both tables, wide enough for a file."""
    width = WIDTH + (WIDTH_PHOTOS if any(row.photos for row in rows) else 0)
    console = Console(width=None if Console().is_terminal else width)
    console.print(figures_table(rows, own))
    console.print(facts_table(facts))


def draw_chart(rows: Sequence[Row], path: Path) -> None:
    """Draw p95, recovery and bytes for each network and peer into a PNG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    panels: tuple[tuple[str, Callable[[Row], float]], ...] = (
        ("p95 time to delivery, s (none: lost)", lambda row: row.p95_s),
        ("network back to all delivered, p95, s", lambda row: row.recovery_s),
        ("bytes for each text, both phones, both ways", lambda row: row.text_bytes),
    )
    if any(row.photos for row in rows):
        panels = (*panels[:2], ("photo, p95, s (none: lost)", lambda row: row.photo_p95_s))
    cases, peers = cases_of(rows), list(dict.fromkeys(row.peer for row in rows))
    found = {(row.case, row.peer): row for row in rows}
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(11, 11), layout="constrained")
    width = 0.8 / len(peers)
    for axis, (title, figure_of) in zip(axes, panels, strict=True):
        for place, peer in enumerate(peers):
            heights = [figure_of(found[case, peer]) if (case, peer) in found else math.nan for case in cases]
            finite = [height if math.isfinite(height) else 0.0 for height in heights]
            axis.bar([index + place * width for index in range(len(cases))], finite, width, label=peer)
        axis.set_title(title)
        if "bytes" not in title:
            axis.set_yscale("symlog", linthresh=1)
        axis.set_xticks([index + 0.4 - width / 2 for index in range(len(cases))], cases)
    axes[0].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
