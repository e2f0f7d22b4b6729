import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.chaos import chaos
from tests.chaos.harness import BACKEND, PHONES
from tests.chaos.rounds import FAULTS_MAX, ROUND_S, TEXTS_EACH_MAX, plan_rounds

ROUNDS = 30

KNOWN = {
    "sent": 100,
    "delivered": 100,
    "lost": 0,
    "duplicated": 0,
    "reordered": 0,
    "kills": 12,
    "cuts": 9,
    "kills_by_process": {BACKEND: 12},
    "kills_in_flight": 6,
    "cuts_by_kind": {"reset": 9},
    "delivered_after_s_median": 0.1,
    "delivered_after_s_p95": 1.0,
    "seed": 1,
    "rounds": 10,
    "took_s": 20.0,
    "problems": [],
}


def test_a_seed_gives_the_same_rounds_again_and_another_seed_others() -> None:
    assert plan_rounds(1, ROUNDS, PHONES, BACKEND) == plan_rounds(1, ROUNDS, PHONES, BACKEND)
    assert plan_rounds(1, ROUNDS, PHONES, BACKEND) != plan_rounds(2, ROUNDS, PHONES, BACKEND)


@pytest.mark.parametrize("seed", range(5))
def test_each_round_has_texts_both_ways_and_one_to_three_faults(seed: int) -> None:
    actions = plan_rounds(seed, ROUNDS, PHONES, BACKEND)
    assert [action.at_s for action in actions] == sorted(action.at_s for action in actions)
    for number in range(ROUNDS):
        mine = [action for action in actions if number <= action.at_s / ROUND_S < number + 1]
        faults = [action for action in mine if action.kind != "tell"]
        assert 1 <= len(faults) <= FAULTS_MAX
        assert any(action.kind == "kill" for action in faults)
        for phone in PHONES:
            assert 2 <= sum(action.count for action in mine if action.target == phone) <= TEXTS_EACH_MAX
    kills = Counter(action.target for action in actions if action.kind == "kill")
    assert all(kills[name] >= ROUNDS // 3 for name in (*PHONES, BACKEND))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"kills": 9}, 2),
        ({"kills_in_flight": 5}, 2),
        ({"lost": 1}, 1),
        ({"duplicated": 1, "kills": 0}, 1),
        ({"delivered": 99}, 1),
    ],
    ids=str,
)
def test_the_figures_decide_the_exit_code(
    changes: dict[str, Any],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(chaos, "REPORT", tmp_path / "reports" / "chaos.json")
    known = KNOWN | changes
    assert chaos.finish(known, Console(file=io.StringIO())) == code
    assert json.loads(chaos.REPORT.read_text(encoding="utf-8")) == known
    keys = ("sent", "delivered", "lost", "duplicated", "reordered", "kills", "cuts")
    line = "chaos: " + " ".join(f"{key}={known[key]}" for key in keys)
    assert capsys.readouterr().out.splitlines()[-1] == line
