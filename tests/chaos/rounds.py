"""What happens in the rounds of `make chaos`: a pure function of a seed, like the demo's schedule."""

import random
from typing import Final

from tests.chaos.schedule import BURST_LEAD_S_MAX, Action

ROUND_S: Final = 2.0
"""Length of a round: a killed process is down for up to 0.6 s and needs half a second to start."""

TEXTS_EACH_MAX: Final = 8
"""Most texts of one phone in one round."""

FAULTS_MAX: Final = 3
"""Most faults of one round; the first is always a kill, of each process in turn."""

DOWN_S_MAX: Final = 0.6
"""Longest time that a killed process stays down."""


def plan_rounds(seed: int, rounds: int, phones: tuple[str, str], backend: str) -> list[Action]:
    """Return the actions of all rounds, in order of time."""
    dice = random.Random(seed)
    processes = [*phones, backend]
    dice.shuffle(processes)
    actions: list[Action] = []
    for number in range(rounds):
        start_s = number * ROUND_S
        victim = processes[number % len(processes)]
        faults = [_kill(dice, victim, start_s)]
        also = dice.choice([name for name in processes if name != victim])
        others = [_kill(dice, also, start_s), *(_cut(dice, name, start_s) for name in phones)]
        faults += dice.sample(others, dice.randint(0, FAULTS_MAX - 1))
        actions += faults
        for phone in phones:
            actions += _texts(dice, phone, start_s, faults[0].at_s)
    return sorted(actions, key=lambda action: action.at_s)


def _kill(dice: random.Random, target: str, start_s: float) -> Action:
    return Action(start_s + dice.uniform(0.1, 0.7) * ROUND_S, "kill", target, pause_s=dice.uniform(0, DOWN_S_MAX))


def _cut(dice: random.Random, target: str, start_s: float) -> Action:
    at_s = start_s + dice.uniform(0.05, 0.95) * ROUND_S
    if dice.random() < 0.7:
        return Action(at_s, "cut", target, pause_s=dice.uniform(0, 0.8), cut="reset")
    return Action(at_s, "cut", target, pause_s=dice.uniform(0.5, 1.5), cut="silence")


def _texts(dice: random.Random, phone: str, start_s: float, kill_s: float) -> list[Action]:
    """Tell some right before the round's first kill, so that it finds them at every stage, and some at any time."""
    count = dice.randint(2, TEXTS_EACH_MAX)
    burst = dice.randint(1, count)
    told = [Action(kill_s - dice.uniform(0, BURST_LEAD_S_MAX), "tell", phone, count=burst)]
    told += [Action(start_s + dice.uniform(0, ROUND_S), "tell", phone, count=1) for _ in range(count - burst)]
    return told
