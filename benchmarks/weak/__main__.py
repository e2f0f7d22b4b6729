"""`make bench-weak`: the same conversation by Onebar and its peers, over the same weak networks, in the same run.

Everybody holds two conversations of 100 texts over each network, in 50 s each; with `FULL=1` three of 200 in two
minutes, with outages in proportion. `PHOTOS=1` has each side send one photo beside its texts, in the way that the
documentation of each peer names. `ONLY=tunnel,edge` names networks, `PEERS=onebar,xmpp` names peers, `SEED=number`
draws other conversations and other weather.
"""

import asyncio
import logging
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.goals import WEAK, WEAK_PHOTOS
from benchmarks.phones import scratch_folder
from benchmarks.report import REPORTS, BenchError, Report
from benchmarks.weak.children import install
from benchmarks.weak.conversation import photos_of, write_script
from benchmarks.weak.held import Held, hold
from benchmarks.weak.ledger import percentile
from benchmarks.weak.peers import Peer
from benchmarks.weak.tables import draw_chart, print_tables
from benchmarks.weak.verdict import Row, bytes_ratio, cases_of, is_first, row_of
from benchmarks.weak.weathers import NAMES, Case, all_cases
from benchmarks.weak.with_mqtt import MqttPeer
from benchmarks.weak.with_onebar import FACTS, OnebarPeer
from benchmarks.weak.with_socketio import SocketIoPeer
from benchmarks.weak.with_xmpp import XmppPeer

PEERS: Final[tuple[Peer, ...]] = (OnebarPeer(), XmppPeer(), MqttPeer(), SocketIoPeer())
"""Who is measured."""

OWN: Final = FACTS.name
"""Whose figures have goals."""

AT_ONCE: Final = 16
"""Conversations at once: two networks with all peers. The links are slow, so two processors are hardly used; the lag of
the event loop, which every time includes, is in the report."""

LAG_LOOK_S: Final = 0.05
"""How often the lag is measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    texts: int
    lasts_s: float
    settle_s: float
    seed: int
    photos: int
    """Photos that each side sends."""

    @classmethod
    def of(cls, environment: dict[str, str]) -> "Plan":
        """Read FULL, SEED and PHOTOS."""
        seed, photos = int(environment.get("SEED") or 1), int(environment.get("PHOTOS") or 0)
        if environment.get("FULL"):
            return cls(3, 200, 120.0, 120.0, seed, photos)
        return cls(2, 100, 50.0, 60.0, seed, photos)

    @property
    def name(self) -> str:
        """The name of the bench's report and of its goals."""
        return WEAK_PHOTOS if self.photos else WEAK


class WeakReport(Report):
    """A report with a row for each conversation."""

    rows: Sequence[Row] = ()
    lag_p99_s: float = 0.0

    def known(self) -> dict[str, Any]:
        """Add the rows; JSON has no infinity and no NaN."""
        rows = [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in asdict(row).items()
            }
            for row in self.rows
        ]
        return super().known() | {"conversations": rows}


async def main(environment: dict[str, str]) -> int:
    """Measure and report; return the exit code."""
    plan = Plan.of(environment)
    keys = ("profiles", "first_in", "lost", "duplicated", "reordered") + (("photos_lost",) if plan.photos else ())
    report = WeakReport(plan.name, "Weak networks", keys)
    try:
        peers = present(report, chosen([peer.facts.name for peer in PEERS], environment.get("PEERS", "")))
        cases = weathers(report, plan, chosen(list(NAMES), environment.get("ONLY", "")))
        with scratch_folder() as folder:
            report.rows, report.lag_p99_s = await measure_all(report, peers, cases, plan, folder)
    except BenchError as error:
        return report.fail(error)
    print_tables(report.rows, [peer.facts for peer in peers], OWN)
    draw_chart(report.rows, REPORTS / f"{plan.name}.png")
    add_figures(report, report.rows)
    note = "in every time above: other load on this machine, and all phones in one process"
    report.add("loop_lag_ms", "how late the bench itself was, p99", report.lag_p99_s * 1000, "ms", note)
    return report.finish()


def chosen(names: list[str], wanted: str) -> list[str]:
    """Return the names that are wanted: all, if nothing is said."""
    asked = [name.strip() for name in wanted.split(",") if name.strip()]
    if unknown := set(asked) - set(names):
        raise BenchError(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    return asked or names


def present(report: Report, names: list[str]) -> list[Peer]:
    """Return the peers that are installed, after installing what root may install; say what is missing."""
    found = []
    for peer in (each for each in PEERS if each.facts.name in names):
        command = peer.missing()
        if command.startswith("apt-get install "):
            report.say(f"{peer.facts.name} needs {command.removeprefix('apt-get install ')}: {command}")
            if install(command.split()[2:]):
                report.say("installed, as this is root's machine")
            command = peer.missing()
        if command:
            report.say(f"{peer.facts.name} is left out, since it is not installed: {command}")
        else:
            found.append(peer)
    if OWN not in [peer.facts.name for peer in found]:
        raise BenchError(f"PEERS must name {OWN}: the goals are its")
    return found


def weathers(report: Report, plan: Plan, names: list[str]) -> list[Case]:
    """Return the networks; the recorded drive is left out where it is not."""
    cases = [case for case in all_cases(plan.lasts_s) if case.name in names]
    for name in names:
        if name not in [case.name for case in cases]:
            report.say(f"{name} is left out: its recorded trace is not on this machine")
    if not cases:
        raise BenchError("no network is left to measure")
    return cases


@dataclass(frozen=True, slots=True)
class Bench:
    """What all conversations share."""

    report: Report
    plan: Plan
    folder: Path
    places: asyncio.Semaphore

    async def measure(self, peer: Peer, case: Case, number: int, port: int) -> Row:
        """Hold the conversations of one peer over one network at once, as soon as there are places."""
        async with asyncio.TaskGroup() as group:
            rounds = [
                group.create_task(self._hold(peer, case, self.plan.rounds * number + turn, port, self.plan.seed + turn))
                for turn in range(self.plan.rounds)
            ]
        row = row_of([task.result() for task in rounds])
        said = row.failure or f"{row.sent} sent, {row.lost} lost, p95 {row.p95_s:.2f} s, {row.dials} dials"
        said += f", photos {row.photos}, {row.photos_lost} lost, p95 {row.photo_p95_s:.1f} s" if row.photos else ""
        self.report.say(f"{case.name}, {peer.facts.name}: {said}")
        return row

    async def _hold(self, peer: Peer, case: Case, number: int, port: int, seed: int) -> Held:
        users = (2 * number + 1, 2 * number + 2)
        script = write_script(self.plan.texts, self.plan.lasts_s, seed)
        photos = photos_of(self.plan.photos, self.plan.lasts_s)
        async with self.places:
            return await hold(
                peer,
                case,
                port,
                users,
                script,
                photos,
                folder=self.folder,
                seed=1000 * seed,
                settle_s=self.plan.settle_s,
            )


async def measure_all(
    report: Report, peers: Sequence[Peer], cases: Sequence[Case], plan: Plan, folder: Path
) -> tuple[list[Row], float]:
    """Run the servers and hold all conversations, some at once; return the rows by network, and the loop's lag."""
    report.say(
        f"{plan.rounds} conversations of {plan.texts} texts in {plan.lasts_s:.0f} s each,"
        f" {len(cases)} networks, {len(peers)} peers"
    )
    bench = Bench(report, plan, folder, asyncio.Semaphore(AT_ONCE))
    lags_s: list[float] = []
    watching = asyncio.create_task(watch_lag(lags_s))
    async with AsyncExitStack() as stack:
        ports = {}
        for peer in peers:
            (own := folder / peer.facts.name).mkdir()
            ports[peer.facts.name] = await stack.enter_async_context(peer.serving(own, photos=bool(plan.photos)))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(bench.measure(peer, case, number, ports[peer.facts.name]))
                for number, case in enumerate(cases)
                for peer in peers
            ]
    watching.cancel()
    return [task.result() for task in tasks], percentile(sorted(lags_s), 99)


async def watch_lag(lags_s: list[float]) -> None:
    """Measure how late the loop wakes up, until cancelled."""
    while True:
        due_s = time.monotonic() + LAG_LOOK_S
        await asyncio.sleep(LAG_LOOK_S)
        lags_s.append(time.monotonic() - due_s)


def add_figures(report: Report, rows: Sequence[Row]) -> None:
    """Add Onebar's figures, those with goals among them."""
    own = [row for row in rows if row.peer == OWN]
    cases = cases_of(rows)
    first = [case for case in cases if is_first(rows, OWN, case)]
    behind = ", ".join(case for case in cases if case not in first)
    report.add("profiles", "networks", len(cases), "")
    report.add("first_in", "first or equal first in p95 and recovery", len(first), "")
    report.add("behind_in", "behind another peer", len(cases) - len(first), "", behind)
    for key, values in (
        ("lost", [row.lost for row in own]),
        ("duplicated", [row.doubled for row in own]),
        ("reordered", [row.reordered for row in own]),
    ):
        report.add(key, f"texts {key}, all networks", sum(values), "")
    if photos := sum(row.photos for row in own):
        late = ", ".join(f"{row.case} {row.photo_p95_s:.1f}" for row in own)
        report.add(
            "photos_lost", f"photos lost, of {photos}", sum(row.photos_lost for row in own), "", f"p95, s: {late}"
        )
    for row in own:
        if not math.isnan(row.recovery_s) and math.isfinite(row.recovery_s):
            key = f"{row.case.replace('-', '_')}_recovery_s"
            report.add(key, f"{row.case}: network back to all delivered", row.recovery_s, "s")
    report.add("bytes_ratio", "bytes, as a part of the thriftiest peer's", bytes_ratio(rows, OWN), "x")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # slixmpp and engineio tell of every connection that weather ends
    sys.exit(asyncio.run(main(dict(os.environ))))
