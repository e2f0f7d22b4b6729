"""Who sent what when, what came, and what that says: lost, doubled, reordered, late."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.weak.conversation import number_of

AFTER_BACK_S: Final = 1.0
"""What is sent this soon after the network is back belongs to the outage: links that look alive are still dead."""

BEFORE_OUT_S: Final = 2.0
"""What was sent this shortly before an outage was still under way when it began."""

Text = tuple[int, int]
"""A text: its sender, 0 or 1, and its number."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a network, or the moment when connections died (then both ends are the same)."""

    out_s: float
    back_s: float


@dataclass(slots=True)
class Ledger:
    """The account of one conversation; times are those of one clock, in seconds."""

    sent: dict[Text, float] = field(default_factory=dict)
    """When `send` was called."""
    came: dict[Text, float] = field(default_factory=dict)
    """When the recipient's application first had it."""
    doubled: int = 0
    """Texts that came once more than once."""
    reordered: int = 0
    """Texts that came after one that was sent later."""
    _newest: list[int] = field(default_factory=lambda: [0, 0])

    def note_sent(self, text: Text, at_s: float) -> None:
        """Note a call of `send`."""
        self.sent[text] = at_s

    def note_came(self, sender: int, words: str, at_s: float) -> None:
        """Note that the recipient's application was handed a text."""
        text = (sender, number_of(words))
        if text in self.came:
            self.doubled += 1
            return
        self.came[text] = at_s
        if text[1] < self._newest[sender]:
            self.reordered += 1
        self._newest[sender] = max(self._newest[sender], text[1])

    @property
    def lost(self) -> int:
        """How many have not come."""
        return len(self.sent.keys() - self.came.keys())

    def took_s(self) -> list[float]:
        """Return the time from `send` to the recipient of each text, in order; infinity for what was lost."""
        return sorted(self.came.get(text, math.inf) - at_s for text, at_s in self.sent.items())

    def recoveries_s(self, outages: Iterable[Outage]) -> list[float]:
        """Return, for each outage, how long after its end everything had come that it could have delayed."""
        found = []
        for outage in joined(outages):
            concerned = [
                self.came.get(text, math.inf)
                for text, at_s in self.sent.items()
                if outage.out_s - BEFORE_OUT_S <= at_s <= outage.back_s + AFTER_BACK_S
            ]
            if concerned:
                found.append(max(0.0, max(concerned) - outage.back_s))
        return found


def joined(outages: Iterable[Outage]) -> list[Outage]:
    """Join those that overlap: the conversation goes on when both phones have a network."""
    found: list[Outage] = []
    for outage in sorted(outages, key=lambda each: each.out_s):
        if found and outage.out_s <= found[-1].back_s:
            found[-1] = Outage(found[-1].out_s, max(found[-1].back_s, outage.back_s))
        else:
            found.append(outage)
    return found


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile by nearest rank, so that it is a value that was measured; 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
