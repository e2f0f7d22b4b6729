"""Medians of rounds, and how far the rounds are apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Rounds:
    """What several rounds measured."""

    median: float
    least: float
    most: float
    rounds: int

    def __str__(self) -> str:
        """Say how far apart the rounds are."""
        if self.rounds == 1 or self.least == self.most:
            return ""
        return f"{shown(self.least)} to {shown(self.most)} in {self.rounds} rounds"


def summarize(values: Sequence[float]) -> Rounds:
    """Summarize the values of some rounds, at least one."""
    return Rounds(median(values), min(values), max(values), len(values))


def ratio(value: float, peer: float) -> str:
    """Say how a figure compares to its peer's."""
    return f"{value / peer:.2f} x" if peer else "-"


def shown(value: float) -> str:
    """Write a figure with three digits, or as the whole number that it is."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"
