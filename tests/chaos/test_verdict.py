from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.ledger import Ledger
from tests.chaos.verdict import judge

TEXTS = ("one", "two", "two", "three")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Alice has sent TEXTS to Bob, and Bob has reported them."""
    ledger = Ledger(tmp_path / "ledger.jsonl", ("alice", "bob"))
    for number, text in enumerate(TEXTS, 1):
        ledger.log("alice", "bob", text, 1.0)
        ledger.event("bob", {"event": "MessageReceived", "event_no": number, "text": text}, 2.0)
    yield ledger
    ledger.close()


def history(*texts: str, outgoing: bool, state: str = "delivered") -> list[dict[str, Any]]:
    return [
        {"message_no": number, "outgoing": outgoing, "text": text, "state": state, "missing_before": 0}
        for number, text in enumerate(texts, 1)
    ]


def test_all_is_right(ledger: Ledger) -> None:
    alice, bob = history(*TEXTS, outgoing=True), history(*TEXTS, outgoing=False)
    verdict = judge(ledger, {"alice": alice, "bob": bob})
    assert verdict.right
    assert (verdict.account.sent, verdict.delivered, verdict.problems) == (4, 4, [])


@pytest.mark.parametrize(
    ("alice", "bob", "lost", "duplicated", "reordered"),
    [
        pytest.param(TEXTS, TEXTS[:3], 1, 0, 0, id="the recipient lost one"),
        pytest.param(TEXTS[1:], TEXTS, 1, 0, 0, id="the sender forgot one"),
        pytest.param(TEXTS, (*TEXTS, "one"), 0, 1, 0, id="the recipient has one twice"),
        pytest.param((*TEXTS, "one"), TEXTS, 0, 1, 0, id="the sender has one twice"),
        pytest.param(TEXTS, TEXTS[::-1], 0, 0, 2, id="the recipient has another order"),
        pytest.param(TEXTS[:3], TEXTS[:3], 1, 0, 0, id="both lost the same one"),
    ],
)
def test_a_difference_in_either_history_is_wrong(
    ledger: Ledger, alice: tuple[str, ...], bob: tuple[str, ...], lost: int, duplicated: int, reordered: int
) -> None:
    histories = {"alice": history(*alice, outgoing=True), "bob": history(*bob, outgoing=False)}
    verdict = judge(ledger, histories)
    assert not verdict.right
    account = verdict.account
    assert (account.lost, account.duplicated, account.reordered) == (lost, duplicated, reordered)
    assert verdict.problems


def test_an_event_that_never_came_is_wrong(ledger: Ledger) -> None:
    ledger.log("alice", "bob", "four", 3.0)
    texts = (*TEXTS, "four")
    histories = {"alice": history(*texts, outgoing=True), "bob": history(*texts, outgoing=False)}
    verdict = judge(ledger, histories)
    assert verdict.account.lost == 1
    assert verdict.problems[0].startswith("events of bob: 1 lost")


def test_a_sender_that_does_not_know_is_wrong(ledger: Ledger) -> None:
    alice = history(*TEXTS, outgoing=True)
    alice[2]["state"] = "sent"
    verdict = judge(ledger, {"alice": alice, "bob": history(*TEXTS, outgoing=False)})
    assert verdict.account.right
    assert (verdict.right, verdict.delivered) == (False, 3)


def test_a_gap_is_wrong(ledger: Ledger) -> None:
    bob = history(*TEXTS, outgoing=False)
    bob[2]["missing_before"] = 1
    assert not judge(ledger, {"alice": history(*TEXTS, outgoing=True), "bob": bob}).right
