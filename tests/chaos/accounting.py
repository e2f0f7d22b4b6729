"""Compares what was sent with what a history holds: pure functions, whose tests show what they catch.

A history does not carry the ledger's keys, so the two are compared as sequences of texts. The same text may
occur several times; then it does not matter which copy is which, and that never hides a difference.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """What a comparison found."""

    sent: int
    """Texts that should be there."""
    arrived: int
    """How many of them are there, each counted once."""
    lost: int
    """How many are not there."""
    duplicated: int
    """How many are there that nobody sent, or not so often."""
    reordered: int
    """How many of the arrived ones stand in a wrong place: the fewest whose removal leaves the order."""

    @property
    def right(self) -> bool:
        """Whether everything is there, once, in order."""
        return self.lost == self.duplicated == self.reordered == 0


def compare(sent: Sequence[str], found: Sequence[str]) -> Account:
    """Compare the texts that were sent, in order, with those that were found, in order."""
    wanted, there = Counter(sent), Counter(found)
    arrived = (wanted & there).total()
    return Account(
        sent=len(sent),
        arrived=arrived,
        lost=(wanted - there).total(),
        duplicated=(there - wanted).total(),
        reordered=arrived - _longest_common_subsequence(sent, found),
    )


def worse(one: Account, other: Account) -> Account:
    """Return the worse of each figure: two views of the same texts do not count a loss twice."""
    return Account(
        sent=max(one.sent, other.sent),
        arrived=min(one.arrived, other.arrived),
        lost=max(one.lost, other.lost),
        duplicated=max(one.duplicated, other.duplicated),
        reordered=max(one.reordered, other.reordered),
    )


def total(accounts: Sequence[Account]) -> Account:
    """Add up accounts of different texts."""
    return Account(
        sent=sum(account.sent for account in accounts),
        arrived=sum(account.arrived for account in accounts),
        lost=sum(account.lost for account in accounts),
        duplicated=sum(account.duplicated for account in accounts),
        reordered=sum(account.reordered for account in accounts),
    )


def _longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest sequence that both hold in order (Hunt and Szymanski, 1977)."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place in range(len(one) - 1, -1, -1):
        places[one[place]].append(place)  # descending, so that one text of `other` takes at most one place
    ends: list[int] = []  # ends[n]: the earliest place in `one` where a common sequence of n + 1 texts can end
    for text in other:
        for place in places.get(text, ()):
            at = bisect_left(ends, place)
            ends[at : at + 1] = [place]
    return len(ends)
