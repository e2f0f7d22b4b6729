"""Compares the ledger with what both phones' databases hold after a round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.accounting import Account, compare, total, worse
from tests.chaos.ledger import Ledger

SHOWN_MAX: Final = 5
"""Most texts that a complaint quotes."""

History = Sequence[Mapping[str, Any]]
"""A chat's messages, oldest first, as `onebar history --json` prints them."""


@dataclass(slots=True)
class Verdict:
    """What came of a round."""

    account: Account
    """The figures of both directions together."""
    delivered: int
    """Texts that arrived and whose sender's history says so."""
    problems: list[str] = field(default_factory=list)
    """What is wrong, in words."""

    @property
    def right(self) -> bool:
        """Whether every text arrived, once, in order, and every phone knows it."""
        return self.account.right and self.delivered == self.account.sent and not self.problems


def judge(ledger: Ledger, histories: Mapping[str, History]) -> Verdict:
    """Compare each direction with three views: the recipient's history and events, the sender's history."""
    accounts, delivered = [], 0
    problems = [*ledger.problems]
    problems += [f"{entry.key} failed: {entry.failed}" for entry in ledger.failures()]
    for recipient in histories:
        (sender,) = (name for name in histories if name != recipient)
        sent = [entry.text for entry in ledger.sent_by(sender)]
        own = [m for m in histories[sender] if m["outgoing"] and not m.get("attachment")]
        views = {
            f"history of {recipient}": [
                m["text"] for m in histories[recipient] if not m["outgoing"] and not m.get("attachment")
            ],
            f"events of {recipient}": ledger.received_by(recipient),
            f"own history of {sender}": [message["text"] for message in own],
        }
        account = compare(sent, sent)
        for view, found in views.items():
            seen = compare(sent, found)
            account = worse(account, seen)
            if not seen.right:
                problems.append(f"{view}: {_difference(seen, sent, found)}")
        accounts.append(account)
        delivered += min(account.arrived, sum(message["state"] == "delivered" for message in own))
        problems += [
            f"own history of {sender}: message {message['message_no']} is {message['state']}"
            for message in own
            if message["state"] != "delivered"
        ][:SHOWN_MAX]
        problems += [
            f"history of {recipient}: {message['missing_before']} missing before {message['message_no']}"
            for message in histories[recipient]
            if message["missing_before"]
        ][:SHOWN_MAX]
    return Verdict(total(accounts), delivered, problems)


def _difference(seen: Account, sent: Sequence[str], found: Sequence[str]) -> str:
    """Say in words how a view differs, and where first."""
    place = next(
        (n for n, (one, other) in enumerate(zip(sent, found, strict=False)) if one != other),
        min(len(sent), len(found)),
    )
    wanted, there = list(sent[place : place + SHOWN_MAX]), list(found[place : place + SHOWN_MAX])
    return (
        f"{seen.lost} lost, {seen.duplicated} duplicated, {seen.reordered} reordered; from place {place} on "
        f"{wanted!r} should be there, and is {there!r}"
    )
