"""What the figures must be, and which misses are known. Bytes are those of one WebSocket message, header included.

A goal that is missed makes its bench fail, unless it is excused here. ARCHITECTURE.md, "Figures", says the same in the
same words; a test compares the two.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """How a figure stands against its goal."""

    MET = "met"
    EXCUSED = "missed, excused"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: a figure is at most this."""

    bench: str
    """The bench that measures it."""
    key: str
    """The figure's name in the bench's last line and in its JSON."""
    at_most: float
    """The goal, in the figure's own unit."""
    excused: str = ""
    """Why the goal may be missed for now; empty: it may not."""
    excused_up_to: float = 0.0
    """The worst figure that the excuse covers, so that it hides no new fault."""

    def judge(self, value: float) -> Verdict:
        """Compare a measured figure with the goal."""
        if value <= self.at_most:
            return Verdict.MET
        if self.excused and value <= self.excused_up_to:
            return Verdict.EXCUSED
        return Verdict.MISSED


WIRE: Final = "bench-wire"
SDK: Final = "bench-sdk"
SERVER: Final = "bench-server-quick"

GOALS: Final[tuple[Goal, ...]] = (
    Goal(WIRE, "short_text_up", 120),
    Goal(WIRE, "short_text_down", 125),
    Goal(WIRE, "ack", 12),
    Goal(WIRE, "tick", 20),
    Goal(WIRE, "rtt_to_ack", 1.2),
    Goal(SDK, "import_ms", 110),
    Goal(SDK, "idle_mb", 34),
    Goal(SERVER, "us_window1", 60),
    Goal(SERVER, "us_window8", 30),
    Goal(SERVER, "idle_kb", 10),
)
"""The goals of the design's budgets that these benches measure."""


def goal_of(bench: str, key: str) -> Goal | None:
    """Return the goal of a figure, if it has one."""
    return next((goal for goal in GOALS if (goal.bench, goal.key) == (bench, key)), None)
