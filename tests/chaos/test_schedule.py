from collections import Counter

import pytest

from tests.chaos.schedule import CUTS_EACH, KILLS_EACH, Action, plan

PHONES = ("alice", "bob")


def actions(seed: int, lines: int = 300) -> list[Action]:
    return plan(seed, lines, 45.0, PHONES, "backend")


def test_a_seed_gives_the_same_schedule_again_and_another_seed_another() -> None:
    assert actions(1) == actions(1)
    assert actions(1) != actions(2)


@pytest.mark.parametrize("lines", [1, 50, 300, 1000])
def test_every_line_is_told_and_every_process_dies_often_enough(lines: int) -> None:
    for seed in range(5):
        found = actions(seed, lines)
        told: Counter[str] = Counter()
        for action in found:
            told[action.target] += action.count
        assert told["alice"] == told["bob"] == lines
        kills = Counter(action.target for action in found if action.kind == "kill")
        assert kills == {"alice": KILLS_EACH, "bob": KILLS_EACH, "backend": KILLS_EACH}
        assert Counter(action.target for action in found if action.kind == "cut") == dict.fromkeys(PHONES, CUTS_EACH)
        assert [action.at_s for action in found] == sorted(action.at_s for action in found)
        assert all(0 <= action.at_s <= 45.0 for action in found)
