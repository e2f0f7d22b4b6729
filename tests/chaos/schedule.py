"""When what happens in a round: a pure function of a seed, so that the same seed gives the same schedule."""

import random
from dataclasses import dataclass
from typing import Final, Literal

from tests.chaos.cutter import CutKind

KILLS_EACH: Final = 7
"""Kills of each process: one more than the demo promises, in case a process is still down at one moment."""

CUTS_EACH: Final = 9
"""Cuts of each phone's link: one in 5 s, so that there is time for a link between two of them."""

BURST_LINES_MAX: Final = 6
"""Texts told at once right before a kill: a phone commits them one by one, so some are at every stage."""

BURST_SHARE: Final = 0.9
"""Share of the kills that hit right after a burst; the others come when they come."""

BURST_LEAD_S_MAX: Final = 0.04
"""Longest time from a burst to its kill: about as long as its first texts need to be delivered."""

QUIET_END_S: Final = 2.0
"""Nothing is killed at the very end, so that the last processes are back when the settling begins."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the harness does at a moment."""

    at_s: float
    """When, counted from the start of the round."""
    kind: Literal["tell", "kill", "cut"]
    """`tell` gives a phone texts to send."""
    target: str
    """Name of the process; for a cut, the phone whose link it is."""
    count: int = 0
    """How many texts to tell."""
    pause_s: float = 0.0
    """How long a killed process stays down, or a cut lasts."""
    cut: CutKind = "reset"
    """How the link is cut."""


def plan(seed: int, lines: int, duration_s: float, phones: tuple[str, str], backend: str) -> list[Action]:
    """Return the actions of a round in which each phone sends `lines` texts, in order of time."""
    dice = random.Random(seed)
    kills = [kill for target in (*phones, backend) for kill in _kills(dice, target, duration_s - QUIET_END_S)]
    actions = [*kills]
    left = dict.fromkeys(phones, lines)
    burst_lines = max(1, min(BURST_LINES_MAX, lines // (2 * len(kills))))
    for kill in kills:
        if dice.random() < BURST_SHARE:
            for phone in phones if kill.target == backend else (dice.choice(phones),):
                count = min(burst_lines, left[phone])
                left[phone] -= count
                at_s = max(0.0, kill.at_s - dice.uniform(0, BURST_LEAD_S_MAX))
                actions.append(Action(at_s, "tell", phone, count=count))
    for phone in phones:
        actions += [Action(dice.uniform(0, duration_s), "tell", phone, count=1) for _ in range(left[phone])]
        actions += _cuts(dice, phone, duration_s - QUIET_END_S)
    return sorted((action for action in actions if action.kind != "tell" or action.count), key=lambda a: a.at_s)


def _kills(dice: random.Random, target: str, duration_s: float) -> list[Action]:
    """One kill in each of equal slots, anywhere in it."""
    slot_s = duration_s / KILLS_EACH
    return [
        Action((slot + dice.uniform(0.05, 0.95)) * slot_s, "kill", target, pause_s=dice.uniform(0, 0.6))
        for slot in range(KILLS_EACH)
    ]


def _cuts(dice: random.Random, target: str, duration_s: float) -> list[Action]:
    slot_s = duration_s / CUTS_EACH
    cuts = []
    for slot in range(CUTS_EACH):
        at_s = (slot + dice.uniform(0.05, 0.95)) * slot_s
        if dice.random() < 0.7:
            cuts.append(Action(at_s, "cut", target, pause_s=dice.uniform(0, 1.0), cut="reset"))
        else:
            cuts.append(Action(at_s, "cut", target, pause_s=dice.uniform(1.0, 3.0), cut="silence"))
    return cuts
