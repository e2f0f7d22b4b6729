"""The report as one HTML page that needs nothing else: verdict, charts over time, tables, and how to repeat it."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from onebar_loadtest.charts import QUIET_BAND, Band, chart
from onebar_loadtest.knee import WINDOW_S

STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid #eee }
td:first-child, th:first-child { text-align: left } figure { margin: 1.5em 0 } figcaption { font-weight: 600 }
svg { width: 100%; font-size: 11px } .passed { color: #2e7d32 } .failed { color: #c62828 } .invalid { color: #b26a00 }
p { color: #555 }
"""
"""How the page looks; no fonts or scripts from elsewhere."""


SHORTEST_MS: Final = 10.0
"""Where the axis of times begins, which is logarithmic: some phones wait for a tunnel's end, most for nothing."""


def page(known: Mapping[str, Any], verdict: str) -> str:
    """Return the page of a run.

    Args:
        known: What the JSON file holds.
        verdict: The outcome in words.
    """
    outcome = known["outcome"]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Onebar load test</title>",
        f"<style>{STYLE}</style><h1>Load test</h1><p>{escape(known['began'])}, Onebar {escape(known['version'])}</p>",
        f"<h2 class='{outcome}'>{escape(verdict)}</h2><p>{escape(_what(known))}</p>",
        "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in known["broken"]) + "</ul>" if known["broken"] else "",
        "<h2>Messages</h2>" + _counts(known),
        "<h2>Over time</h2>" + charts(known),
        "<h2>Times</h2>" + _rows(known["rows"]),
        "<h2>What the phones took</h2>" + _facts(known["cost"]),
        _knee(known["knee"]),
        "<h2>What Locust takes</h2>" + _facts(known["locust"]) if known["locust"] else "",
        "<h2>To repeat it</h2>" + _facts({**known["settings"], **known["machine"]}),
    ]
    return "\n".join(part for part in parts if part) + "</html>\n"


def _what(known: Mapping[str, Any]) -> str:
    """Say what was run, in one sentence."""
    settings = known["settings"]
    return (
        f"{known['phones']} phones, each with a text every {settings['every_s']:g} s ({settings['workload']}), on the "
        f"networks {settings['weather']!r}, {settings['run_s']:g} s in the shape {settings['shape']!r}."
    )


def charts(known: Mapping[str, Any]) -> str:
    """Return the charts over time, faults as bands."""
    seconds: Sequence[Mapping[str, float]] = known["seconds"]
    if not seconds:
        return "<p>Nothing was seen.</p>"
    first, last = int(seconds[0]["at_s"]), int(seconds[-1]["at_s"])
    at = {int(second["at_s"]): second for second in seconds}
    ends = first + 1  # a point tells how its second ended
    bands = [Band(kind, start - ends, end - ends) for kind, start, end in known["faults"]]
    if known["measured_s"] > first + 1:
        bands.append(Band("phones come", 0, known["measured_s"] - first, QUIET_BAND))
    if known["knee"] is not None:
        at_s = known["knee"]["at_s"] - first
        bands.append(Band("knee", at_s, at_s + WINDOW_S, QUIET_BAND))
    crowded = any(second["beside"] for second in seconds)

    def line(name: str, key: str) -> tuple[str, list[float | None]]:
        return name, [_value(at.get(second), key) for second in range(first, last + 1)]

    times = [line(f"p{p}", f"p{p}_ms") for p in (50, 95, 99)]
    drawn = [
        chart(
            "Time from send to the other app",
            "ms",
            [*times, *([line("p95 of light devices", "beside_p95_ms")] if crowded else [])],
            bands,
            floor=SHORTEST_MS,
        ),
        chart("Phones", "phones", [line("asked for", "phones"), line("online", "online")], bands),
        chart(
            "Messages that the server does not have yet (depth of all outboxes)",
            "messages",
            [line("waiting", "waiting")],
            bands,
        ),
        chart(
            "Messages a second",
            "1/s",
            [
                line("sent", "sent"),
                line("delivered", "delivered"),
                *([line("delivered to light devices", "beside")] if crowded else []),
            ],
            bands,
        ),
        chart("Lag of the phones' own loop (the longest of each second)", "ms", [line("lag", "lag_ms")], bands),
    ]
    if any("server_cpu" in second for second in seconds):
        drawn.append(chart("CPU of the server", "cores", [line("CPU", "server_cpu")], bands))
        drawn.append(chart("Memory of the server", "MB", [line("resident", "server_mb")], bands))
    return "".join(drawn)


def _value(second: Mapping[str, float] | None, key: str) -> float | None:
    if second is None or key not in second or (key.startswith("p") and key.endswith("_ms") and not second["delivered"]):
        return None
    return second[key]


def _counts(known: Mapping[str, Any]) -> str:
    names = (
        "sent",
        "accepted",
        "delivered",
        "photos",
        "lost",
        "duplicated",
        "reordered",
        "late",
        "unreadable",
        "failed",
    )
    tallies = {**(known["processes"] if len(known["processes"]) > 1 else {}), "all": known["accounting"]}
    head = "".join(f"<th>{name}</th>" for name in ("process", *names))
    body = "".join(
        f"<tr><td>{escape(process)}</td>"
        + "".join(f"<td>{escape(_count(tally[name]))}</td>" for name in names)
        + "</tr>"
        for process, tally in tallies.items()
    )
    told = f"<table><tr>{head}</tr>{body}</table>"
    beside, lost = known["accounting"]["beside"], known["accounting"]["beside_lost"]
    return told if not beside else told + f"<p>Light devices beside them: {beside} delivered, {lost} lost.</p>"


def _count(value: int | Mapping[str, int]) -> str:
    return str(value) if isinstance(value, int) else ", ".join(f"{count} {why}" for why, count in value.items()) or "0"


def _rows(rows: Mapping[str, Mapping[str, float]]) -> str:
    keys = ("count", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms")
    head = "".join(f"<th>{key.replace('_', ' ')}</th>" for key in ("row", *keys))
    body = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{row[key]:,.6g}</td>" for key in keys) + "</tr>"
        for name, row in rows.items()
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _knee(knee: Mapping[str, Any] | None) -> str:
    return "" if knee is None else "<h2>The knee</h2>" + _facts(knee)


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(json.dumps(value, ensure_ascii=False))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{rows}</table>"
