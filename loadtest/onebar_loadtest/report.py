"""What a run comes to: a verdict, a JSON file, an HTML page, and the one line that other tools read."""

import json
import math
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from onebar.version import __version__
from onebar_loadtest import rows
from onebar_loadtest.knee import Knee, find_knee
from onebar_loadtest.page import page
from onebar_loadtest.record import Record
from onebar_loadtest.shapes import shape
from onebar_loadtest.thresholds import Limit, Outcome, Verdict, judge

NAME: Final = "loadtest"
"""How the files and the last line begin."""

AGREES_PCT: Final = 10.0
"""Locust rounds what it keeps to two digits; a percentile that differs by more than this was changed on its way."""


@dataclass(slots=True)
class ServerSample:
    """What the server took in one second."""

    cpu: float
    """CPU seconds in the second."""
    memory_mb: float
    """Resident memory."""


@dataclass(slots=True)
class Report:
    """A finished run."""

    settings: dict[str, object]
    record: Record
    limits: list[Limit]
    server: dict[int, ServerSample] = field(default_factory=dict)
    faults: list[tuple[str, float, float]] = field(default_factory=list)
    began_s: float = 0.0
    """When, in seconds since 1970."""
    measured_s: float = 0.0
    """Since when times count."""
    phones: int = 0
    """How many were asked for."""
    locust: dict[str, Any] = field(default_factory=dict)
    """What Locust itself costs and shows."""
    ended_s: float = math.inf
    """Since when the phones only settle."""
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        """Judge it."""
        self.verdict = judge(self.limits, self.record.tally(), self.record.rows)

    @property
    def knee(self) -> Knee | None:
        """Where more phones began to cost time, if there is such a place."""
        if not shape(str(self.settings["shape"])).knee:
            return None
        measured = {at_s: one for at_s, one in self.record.seconds.items() if self.measured_s <= at_s < self.ended_s}
        return find_knee(measured, self.server)

    def known(self) -> dict[str, Any]:
        """Return everything for the JSON file."""
        knee = self.knee
        return {
            "bench": NAME,
            "version": __version__,
            "began": datetime.fromtimestamp(self.began_s, UTC).isoformat(timespec="seconds"),
            "machine": {
                "cpus": os.cpu_count(),
                "load": [round(load, 2) for load in os.getloadavg()],
                "system": platform.platform(),
            },
            "settings": self.settings,
            "phones": self.phones,
            "outcome": self.verdict.outcome.name.lower(),
            "broken": self.verdict.broken,
            "accounting": self.record.tally().known(),
            "processes": {name: tally.known() for name, tally in sorted(self.record.tallies.items())},
            "rows": {name: self.record.rows[name].known() for name in rows.ROWS if name in self.record.rows},
            "cost": self.record.cost.known(),
            "knee": None if knee is None else knee.known(),
            "locust": self.locust,
            "measured_s": round(self.measured_s, 1),
            "faults": [[kind, round(start, 1), round(end, 1)] for kind, start, end in self.faults],
            "seconds": [self._second(at_s) for at_s in sorted(self.record.seconds)],
        }

    def _second(self, at_s: int) -> dict[str, float]:
        sample, server = self.record.seconds[at_s], self.server.get(at_s)
        return {
            "at_s": at_s,
            "phones": sample.phones,
            "online": sample.online,
            "waiting": sample.waiting,
            "sent": sample.sent,
            "delivered": sample.delivered,
            "beside": sample.beside,
            "beside_p95_ms": round(sample.beside_took.percentile_s(95) * 1000, 1),
            **{f"p{percent}_ms": round(sample.end_to_end.percentile_s(percent) * 1000, 1) for percent in (50, 95, 99)},
            "lag_ms": round(sample.lag_ms, 1),
            **({"server_cpu": round(server.cpu, 3), "server_mb": round(server.memory_mb, 1)} if server else {}),
        }

    def last_line(self) -> str:
        """Return the line that other tools read."""
        tally = self.record.tally()
        figures = {
            "phones": self.phones,
            "sent": tally.sent,
            "delivered": tally.delivered,
            "lost": tally.lost,
            "duplicated": tally.duplicated,
            "reordered": tally.reordered,
            "lag_p99_ms": f"{self.record.row(rows.LOOP_LAG).percentile_s(99) * 1000:.1f}",
            "p95_ms": f"{self.record.row(rows.END_TO_END).percentile_s(95) * 1000:.0f}",
        }
        return f"{NAME}: " + " ".join(f"{key}={value}" for key, value in figures.items())

    def text(self) -> str:
        """Return the report for a terminal."""
        tally = self.record.tally()
        lines = [f"{'row':<24}{'count':>8}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}{'max ms':>10}"]
        for name in rows.ROWS:
            if name in self.record.rows:
                known = self.record.rows[name].known()
                figures = "".join(f"{known[key]:>10.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
                lines.append(f"{name:<24}{known['count']:>8}{figures}")
        lines.append(
            f"messages: {tally.sent} sent, {tally.accepted} accepted, {tally.delivered} delivered, {tally.lost} lost, "
            f"{tally.duplicated} duplicated, {tally.reordered} reordered, {tally.late} late, "
            f"{tally.unreadable} unreadable, failed {tally.failed or 0}"
        )
        if tally.limited:
            lines.append(f"rate limits of the server that phones were told of: {tally.limited}")
        if tally.beside or tally.beside_lost:
            lines.append(f"light devices beside them: {tally.beside} delivered, {tally.beside_lost} lost")
        cost = self.record.cost.known()
        lines.append(
            f"phones took: {cost['cpu_us_per_message']} µs CPU a message, {cost['cpu_cores']} cores at "
            f"{cost['messages_per_s']} messages/s, {cost['up_bytes_per_message']} bytes up and "
            f"{cost['down_bytes_per_message']} down a message, {cost['memory_mb']} MB"
        )
        if self.knee is not None:
            lines.append(f"knee: {self.knee}")
        lines += [f"locust: {key} = {value}" for key, value in self.locust.items()]
        lines += self.verdict.broken
        lines.append(WORDS[self.verdict.outcome])
        return "\n".join([*lines, self.last_line()])


WORDS: Final = {
    Outcome.PASSED: "passed: every message is accounted for, and all is within the limits",
    Outcome.FAILED: "FAILED: see above",
    Outcome.INVALID: "INVALID: this machine was too busy to judge the server; use fewer phones or more processes",
}
"""What an outcome is in words."""


def write(report: Report, folder: Path) -> None:
    """Write the JSON file and the page."""
    folder.mkdir(parents=True, exist_ok=True)
    known = report.known()
    (folder / f"{NAME}.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / f"{NAME}.html").write_text(page(known, WORDS[report.verdict.outcome]), encoding="utf-8")
