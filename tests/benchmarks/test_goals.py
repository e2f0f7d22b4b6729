from pathlib import Path

import pytest
from benchmarks.goals import GOALS, WIRE, Goal, Verdict, goal_of

ARCHITECTURE = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
FIGURES = ARCHITECTURE.partition("\n## Figures\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(99, Verdict.MET), (100, Verdict.MET), (101, Verdict.EXCUSED), (120, Verdict.EXCUSED), (121, Verdict.MISSED)],
)
def test_an_excuse_covers_a_miss_up_to_its_end(value: float, verdict: Verdict) -> None:
    assert Goal(WIRE, "ack", 100, "later", 120).judge(value) is verdict


def test_without_an_excuse_a_miss_is_a_miss() -> None:
    assert Goal(WIRE, "ack", 100).judge(100.1) is Verdict.MISSED


def test_goals_are_found_by_bench_and_key() -> None:
    assert goal_of(WIRE, "ack") in GOALS
    assert goal_of(WIRE, "idle_kb") is None
    assert len({(goal.bench, goal.key) for goal in GOALS}) == len(GOALS)


def test_every_excuse_is_in_architecture_in_the_same_words() -> None:
    rows = [row.split(" | ") for row in FIGURES.splitlines() if row.startswith("| `")]
    told = {(row[0].strip("| `"), float(row[1]), row[3].removesuffix(" |")) for row in rows}
    assert told == {(goal.key, float(goal.at_most), goal.excused) for goal in GOALS if goal.excused}


def test_an_excuse_ends_beyond_its_goal() -> None:
    assert all(goal.excused_up_to > goal.at_most for goal in GOALS if goal.excused)
