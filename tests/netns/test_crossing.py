"""The suite's arithmetic; the suite itself is `make netns`."""

from tests.chaos.ledger import Entry
from tests.netns.crossing import TEXTS, recovery_s, talk


def entry(logged_at_s: float, delivered_at_s: float | None) -> Entry:
    return Entry("k", "alice", "bob", "hi", logged_at_s, delivered_at_s=delivered_at_s)


def test_recovery_is_until_the_last_of_before_and_the_first_of_after() -> None:
    early = [entry(1, 1.5), entry(5, 12.0), entry(6, None)]
    assert recovery_s(early, None) == 0
    assert recovery_s(early, 10.0) == 2.0
    assert recovery_s([*early, entry(11, 15.0), entry(12, 14.0)], 10.0) == 4.0
    assert recovery_s([entry(1, 1.5)], 2.0) == 0


def test_phones_speak_in_turn() -> None:
    actions = talk()
    assert [action.target for action in actions[:3]] == ["alice", "bob", "alice"]
    assert len(actions) == 2 * TEXTS
    assert actions == sorted(actions, key=lambda action: action.at_s)
