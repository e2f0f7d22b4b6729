"""`make bench-scale`: whether a message costs more where there are more links, or where more mail waits.

Links: the pairs take turns with 5 and with 25 texts under way, so that every link is used and none twice at once; an
echo does the same beside it. Mail: 50 pairs talk while 1,000 mailboxes hold 10³ and 10⁵ messages; with `FULL=1`, 10⁷ as
well.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.goals import SCALE
from benchmarks.measured_server import MeasuredServer, pinned, raise_file_limit, running
from benchmarks.phones import scratch_folder
from benchmarks.report import REPORTS, BenchError, Report
from benchmarks.rounds import Rounds, ratio, shown, summarize
from benchmarks.servers import with_echo
from benchmarks.servers.measure import Cost, close_ends, measure
from benchmarks.servers.pairs import End, Load, Pairs, Turns, Window
from benchmarks.servers.tables import table
from benchmarks.servers.with_onebar import pair_up, register
from benchmarks.stored_mail import fill

LINKS: Final = (100, 1_000, 10_000)
"""How many links there are."""

LINK_LOADS: Final[Mapping[str, Callable[[], Load]]] = {
    "5 under way": lambda: Turns(5),
    "25 under way": lambda: Turns(25),
}
"""Few enough that of 50 pairs half are silent. A pair that says one text after the other sends its acknowledgements
with the next, and would look cheaper where there are few."""

MAIL_LOADS: Final[Mapping[str, Callable[[], Load]]] = {"window 1": lambda: Window(1), "window 8": lambda: Window(8)}
"""As in the other benches."""

STORED: Final = (1_000, 100_000)
"""How many messages wait."""

STORED_FULL: Final = 10_000_000
"""How many wait in the last step with FULL=1: 2.5 GB."""

OWNERS: Final = 1_000
"""Mailboxes in which they wait."""

PAIRS: Final = 50
"""Pairs that talk beside them."""

ROUNDS: Final = 3
"""How often each is measured."""

ROUND_S: Final = 2.0
"""Time of one measurement."""

FILES_BESIDE: Final = 200
"""Open files of a process beside its links."""

ECHO_BYTES: Final = 130
"""Length of an echo: about a message with 100 bytes of text."""


@dataclass(frozen=True, slots=True)
class Step:
    """One size, and what a text costs under each load."""

    size: int
    us: Mapping[str, Rounds]
    disk: Mapping[str, Rounds] = field(default_factory=dict)
    """How many bytes go to the disk for it."""
    floor: Mapping[str, Rounds] = field(default_factory=dict)
    """What an echo costs."""
    start_s: float = 0.0
    file_bytes: int = 0


def main(environment: dict[str, str]) -> int:
    """Measure everything; return the exit code."""
    report = Report(
        SCALE, "A text where there is much", ("links_ratio", "links_ratio_busy", "mail_ratio", "mail_ratio_busy")
    )
    sizes = (*STORED, STORED_FULL) if environment.get("FULL") else STORED
    try:
        pin = pinned()
        most = raise_file_limit() - FILES_BESIDE
        links = measure_links(report, [size for size in LINKS if size <= most], pin=pin)
        mail = [measure_mail(report, size, pin=pin) for size in sizes]
        add(report, "links", links)
        add(report, "mail", mail)
        for step in mail:
            note = f"{step.file_bytes / 1e6:.0f} MB"
            report.add(f"start_s_{step.size}", f"start where {step.size} messages wait", step.start_s, "s", note)
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / f"{SCALE}.md").write_text(markdown(links, mail), encoding="utf-8")
        draw(links, mail, REPORTS / f"{SCALE}.png")
    except (BenchError, OSError) as error:
        return report.fail(BenchError(f"{type(error).__name__}: {error}"))
    return report.finish()


def measure_links(report: Report, sizes: Sequence[int], *, pin: bool) -> list[Step]:
    """Add links to one server, and see what a text costs at each size; the same for an echo."""
    found = []
    with scratch_folder() as folder:
        report.say(f"{sizes[-1]} devices are registered in the server's database")
        devices = register(folder / "data", sizes[-1])
        with running("onebar", folder / "data", pin=pin) as server, running("echo", folder, pin=pin) as floor:
            pairs: list[tuple[End, End]] = []
            echoes: list[tuple[End, End]] = []
            for size in sizes:
                more = size // 2 - len(pairs)
                there = 2 * len(pairs)
                pairs += pair_up(server.port, devices[there : there + more], devices[there + more : size])
                echoes += with_echo.connect(floor.port, size // 2 - len(echoes), ECHO_BYTES)
                us, disk = costs(server, pairs, LINK_LOADS)
                step = Step(size, us, disk, costs(floor, echoes, LINK_LOADS)[0])
                report.say(f"{size} links: {told(step.us)} us a text; an echo {told(step.floor)} on half as many")
                found.append(step)
            close_ends([end for pair in (*pairs, *echoes) for end in pair])
    return found


def measure_mail(report: Report, size: int, *, pin: bool) -> Step:
    """Start a server whose mailboxes hold this many messages, and see what a text costs."""
    with scratch_folder() as folder:
        devices = register(folder / "data", 2 * PAIRS + OWNERS)
        file_bytes = fill(folder / "data", devices[2 * PAIRS :], size // OWNERS)
        began_s = time.monotonic()
        with running("onebar", folder / "data", pin=pin) as server:
            start_s = time.monotonic() - began_s
            pairs = pair_up(server.port, devices[:PAIRS], devices[PAIRS : 2 * PAIRS])
            us, disk = costs(server, pairs, MAIL_LOADS)
            close_ends([end for pair in pairs for end in pair])
    report.say(f"{size} messages wait: {told(us)} us a text; the start took {start_s:.1f} s")
    return Step(size, us, disk, start_s=start_s, file_bytes=file_bytes)


def costs(
    server: MeasuredServer, ends: Sequence[tuple[End, End]], loads: Mapping[str, Callable[[], Load]]
) -> tuple[dict[str, Rounds], dict[str, Rounds]]:
    """Return the CPU of a text under each load, and what it sends to the disk."""
    found: dict[str, list[Cost]] = {name: [] for name in loads}
    with closing(Pairs(ends)) as pairs:
        for _, name in itertools.product(range(ROUNDS), loads):
            found[name].append(measure(server, pairs, loads[name](), ROUND_S))
    us = {name: summarize([cost.us for cost in costs]) for name, costs in found.items()}
    return us, {name: summarize([cost.disk_bytes for cost in costs]) for name, costs in found.items()}


def add(report: Report, what: str, steps: Sequence[Step]) -> None:
    """Add the cost at each size, and the last beside the first."""
    first, last = steps[0], steps[-1]
    for key, name in zip(("", "_busy"), first.us, strict=True):
        for step in steps:
            us = step.us[name]
            note = f"{us}; {step.disk[name].median:.0f} B to the disk" if step.disk else str(us)
            report.add(f"us_{what}_{step.size}{key}", f"{what}: {step.size}, {name}", us.median, "us", note)
        floor = ratio(last.floor[name].median, first.floor[name].median) if first.floor else ""
        said = f"{what}: {last.size} beside {first.size}, {name}"
        grown = last.us[name].median / first.us[name].median
        report.add(f"{what}_ratio{key}", said, grown, "x", f"an echo: {floor}" if floor else "")


def told(us: Mapping[str, Rounds]) -> str:
    """Write the medians."""
    return " and ".join(shown(each.median) for each in us.values())


def markdown(links: Sequence[Step], mail: Sequence[Step]) -> str:
    """Write both tables."""
    link_head = ["links", *(f"{what}, {name}" for what in ("µs", "B to disk", "an echo's µs") for name in LINK_LOADS)]
    mail_head = ["messages that wait", *(f"µs, {name}" for name in MAIL_LOADS), "start s", "file MB"]
    link_lines = [
        [f"{step.size:,}", *map(spread, (*step.us.values(), *step.disk.values(), *step.floor.values()))]
        for step in links
    ]
    mail_lines = [
        [f"{step.size:,}", *map(spread, step.us.values()), shown(step.start_s), f"{step.file_bytes / 1e6:.0f}"]
        for step in mail
    ]
    parts = [
        "# bench-scale",
        "µs: CPU of the server for one text of 100 bytes, synced and acknowledged on both sides: the median, and the"
        f" least to the most of {ROUNDS} rounds.",
        table(link_head, link_lines),
        table(mail_head, mail_lines),
    ]
    return "\n\n".join(parts) + "\n"


def spread(us: Rounds) -> str:
    """Write a median with its spread."""
    return f"{shown(us.median)} ({shown(us.least)}–{shown(us.most)})"


def draw(links: Sequence[Step], mail: Sequence[Step], path: Path) -> None:
    """Draw the cost over the size into one PNG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharey=True)
    for axis, steps, what in zip(axes, (links, mail), ("links", "messages that wait"), strict=True):
        sizes = [step.size for step in steps]
        for number, name in enumerate(steps[0].us):
            rounds = [step.us[name] for step in steps]
            axis.plot(sizes, [each.median for each in rounds], "o-", label=name)
            axis.fill_between(sizes, [each.least for each in rounds], [each.most for each in rounds], alpha=0.2)
            if steps[0].floor:
                floors = [step.floor[name].median for step in steps]
                axis.plot(sizes, floors, "--", color=f"C{number}", label=f"an echo, {name}")
        axis.set(xscale="log", xlabel=what, ylabel="µs of CPU a text", ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main(dict(os.environ)))
