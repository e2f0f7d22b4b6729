import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.jsonl", ("alice", "bob"))
    yield ledger
    ledger.close()


def delivered(event_no: int, message_no: int) -> dict[str, object]:
    return {"event": "MessageDelivered", "event_no": event_no, "message_no": message_no}


def received(event_no: int, text: str) -> dict[str, object]:
    return {"event": "MessageReceived", "event_no": event_no, "message_no": event_no, "text": text}


def test_a_text_is_in_the_file_before_anybody_hears_of_it(ledger: Ledger, tmp_path: Path) -> None:
    entry = ledger.log("alice", "bob", "hi", 1.0)
    (line,) = (tmp_path / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    assert (json.loads(line)["key"], json.loads(line)["text"]) == (entry.key, "hi")
    assert ledger.log("alice", "bob", "hi", 2.0).key != entry.key


def test_delivered_may_be_reported_before_queued_and_twice(ledger: Ledger) -> None:
    entry = ledger.log("alice", "bob", "hi", 1.0)
    ledger.event("alice", delivered(1, 7), 2.0)
    assert ledger.undelivered_of("alice") == [entry]
    ledger.queued("alice", entry.key, 7, 3.0)
    ledger.event("alice", delivered(1, 7), 4.0)
    assert (ledger.delivered, ledger.repeated_events(), entry.delivered_at_s) == (1, 1, 3.0)
    assert ledger.undelivered_of("alice") == []


def test_an_event_counts_once_and_a_second_event_counts_again(ledger: Ledger) -> None:
    for event_no in (1, 2, 2, 3):
        ledger.event("bob", received(event_no, "hi"), 1.0)
    assert ledger.received_by("bob") == ["hi", "hi", "hi"]
    assert ledger.repeated_events() == 1


def test_in_flight_is_what_was_told_and_is_not_known_to_be_delivered(ledger: Ledger) -> None:
    entry = ledger.log("alice", "bob", "hi", 1.0)
    names = ("alice", "bob", "backend")
    assert [ledger.in_flight(name) for name in names] == [0, 0, 0]
    entry.told = True
    assert [ledger.in_flight(name) for name in names] == [1, 1, 1]
    ledger.queued("alice", entry.key, 1, 2.0)
    ledger.event("alice", delivered(1, 1), 3.0)
    assert [ledger.in_flight(name) for name in names] == [0, 0, 0]


def test_settled_needs_both_sides(ledger: Ledger) -> None:
    entry = ledger.log("alice", "bob", "hi", 1.0)
    ledger.queued("alice", entry.key, 1, 2.0)
    ledger.event("alice", delivered(1, 1), 3.0)
    assert not ledger.settled()
    ledger.event("bob", received(1, "hi"), 4.0)
    assert ledger.settled()


def test_a_key_under_a_second_number_is_a_problem(ledger: Ledger) -> None:
    entry = ledger.log("alice", "bob", "hi", 1.0)
    ledger.queued("alice", entry.key, 1, 2.0)
    ledger.queued("alice", entry.key, 1, 3.0)
    assert ledger.problems == []
    ledger.queued("alice", entry.key, 2, 4.0)
    assert len(ledger.problems) == 1


def test_failures_are_kept(ledger: Ledger) -> None:
    entry = ledger.log("alice", "bob", "hi", 1.0)
    ledger.queued("alice", entry.key, 1, 2.0)
    failed = {"event": "MessageFailed", "event_no": 1, "message_no": 1, "state": "rejected", "reason": "internal"}
    ledger.event("alice", failed, 3.0)
    assert [failure.failed for failure in ledger.failures()] == ["rejected (internal)"]
