"""The figures for people: one Markdown table with every server, the profile, and what the words mean."""

from collections.abc import Sequence

from benchmarks.rounds import shown
from benchmarks.servers.measure import LOADS, Row
from benchmarks.servers.profile import Share

HEAD = ("server", *(f"µs, {name}" for name in LOADS), *(f"p50 · p99 ms, {name}" for name in LOADS), "syncs a text")
REST = (
    "server",
    "µs to store",
    "µs to drain",
    "drained /s",
    "kB an idle link",
    "links",
    "µs a login",
    "B to disk a text",
)

LEGEND = """
µs: CPU of all the server's processes for one text of 100 bytes that went all the way, acknowledged on both sides.
`≤`: the generator used more CPU than the server, so that texts met in smaller batches than they could have.
p50 and p99: from the sender to the reader; at 1,000/s from the moment at which the text was due.
Syncs: fsync and its kin, counted by strace at 200 texts a second. B to disk: at window 8.
Other work on the same cores makes µs larger and ms much larger: figures hold for the quietest run.
""".strip()


def markdown(rows: Sequence[Row], left_out: Sequence[str], profile: Sequence[Share], us: float) -> str:
    """Write all tables."""
    parts = [
        "# bench-server",
        LEGEND,
        table(HEAD, [texts_of(row) for row in rows]),
        table(REST, [rest_of(row) for row in rows]),
        table(("server", "made of", "acknowledged by", "on the disk when the sender has its ack"), facts_of(rows)),
    ]
    parts += [f"Left out: {each}." for each in left_out]
    if profile:
        lines = [(share.where, f"{share.own:.1%}", f"{share.own * us:.1f}", natives(share)) for share in profile[:20]]
        head = ("innermost Python module", "share", "µs a text", "of it in native code")
        parts += ["## Where Onebar's time goes, window 8", table(head, lines)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write one table; all but the first column of figures are to the right."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines))


def texts_of(row: Row) -> list[str]:
    """Write what texts cost."""
    us = [("≤ " if row.limited(name) else "") + shown(row.value(name, "us")) for name in LOADS]
    ms = [f"{shown(row.value(name, 'p50_ms'))} · {shown(row.value(name, 'p99_ms'))}" for name in LOADS]
    return [row.name, *us, *ms, figure(row.syncs)]


def rest_of(row: Row) -> list[str]:
    """Write what mail, links and logins cost."""
    values = [figure(value) for value in (row.store_us, row.drain_us, row.drain_per_s, row.idle_kb)]
    links = str(row.idle_links) if row.idle_links else "-"
    return [row.name, *values, links, figure(row.login_us), figure(row.value("window 8", "disk_bytes"))]


def facts_of(rows: Sequence[Row]) -> list[list[str]]:
    """Write what the servers promise."""
    found = [(row.name, row.facts) for row in rows]
    return [[name, facts.made_of, facts.acknowledges, facts.durable] for name, facts in found if facts is not None]


def figure(value: float | None) -> str:
    """Write a figure, or a dash."""
    return "-" if value is None else shown(value)


def natives(share: Share) -> str:
    """Write the libraries that a module spends its time in."""
    return ", ".join(f"{name} {value:.1%}" for name, value in share.native.items() if value >= 0.001)
