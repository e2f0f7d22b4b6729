"""Sessions that begin at the same time become one, and those that are broken are replaced."""

import itertools

import pytest

from onebar.crypto import sessions
from onebar.crypto.double_ratchet import SKIP_MAX, GapTooLongError
from onebar.crypto.prekeys import UNANSWERED_MS_MAX
from onebar.crypto.sessions import SESSIONS_MAX, PeerSessions, from_bytes, to_bytes
from onebar.crypto.values import MOMENT_MAX_MS
from onebar.errors import DecryptionError
from tests.sdk.crypto.devices import DAY_MS, NOW_MS, Device, pair, talking


def agree_on_one(alice: Device, bob: Device) -> bool:
    return alice.sessions.sessions[0].ephemeral == bob.sessions.sessions[0].ephemeral


# --- simultaneous starts --------------------------------------------------------------------------


@pytest.mark.parametrize("bobs_clock_ms", [-1, 0, 1])
def test_two_who_start_at_the_same_time_agree_in_every_order(bobs_clock_ms: int) -> None:
    for order in itertools.permutations(range(4)):
        alice, bob = pair()
        alice.start(bob)
        bob.start(alice, NOW_MS + bobs_clock_ms)
        envelopes = [alice.seal(b"a0"), alice.seal(b"a1"), bob.seal(b"b0"), bob.seal(b"b1")]
        opened = [(bob.open(alice, envelopes[n]) if n < 2 else alice.open(bob, envelopes[n])).plain for n in order]
        assert sorted(opened) == [b"a0", b"a1", b"b0", b"b1"]
        assert agree_on_one(alice, bob)
        assert bob.spent == alice.spent == [1]
        for _ in range(2):
            assert bob.open(alice, alice.seal(b"on")).plain == b"on"
            assert alice.open(bob, bob.seal(b"and on")).plain == b"and on"
        assert alice.seal(b"ordinary")[0] == bob.seal(b"ordinary")[0] == 0x20


@pytest.mark.parametrize("bobs_clock_ms", [-1, 0, 1])
def test_two_who_start_at_the_same_time_agree_in_every_interleaving_of_two_turns(bobs_clock_ms: int) -> None:
    """Each seals again in between, with what it has heard by then."""
    for steps in set(itertools.permutations(["alice", "bob", "to alice", "to alice", "to bob"])):
        alice, bob = pair()
        alice.start(bob)
        bob.start(alice, NOW_MS + bobs_clock_ms)
        to_alice, to_bob, opened = [bob.seal(b"b")], [alice.seal(b"a")], 0
        for step in steps:
            if step == "alice":
                to_bob.append(alice.seal(b"a"))
            elif step == "bob":
                to_alice.append(bob.seal(b"b"))
            elif step == "to alice":
                opened += sum(alice.open(bob, to_alice.pop()).plain == b"b" for _ in to_alice[-1:])
            else:
                opened += sum(bob.open(alice, to_bob.pop()).plain == b"a" for _ in to_bob[-1:])
        opened += sum(alice.open(bob, envelope).plain == b"b" for envelope in to_alice)
        opened += sum(bob.open(alice, envelope).plain == b"a" for envelope in to_bob)
        assert opened == 4
        assert agree_on_one(alice, bob)


def test_of_two_that_started_in_the_same_millisecond_the_higher_key_wins() -> None:
    alice, bob = pair()
    alice.start(bob)
    bob.start(alice)
    keys = alice.sessions.sessions[0].ephemeral, bob.sessions.sessions[0].ephemeral
    bob.open(alice, alice.seal(b"a"))
    assert bob.sessions.sessions[0].ephemeral == max(keys)


# --- healing --------------------------------------------------------------------------------------


def test_a_new_session_replaces_one_that_is_lost_at_the_other_side() -> None:
    alice, bob = talking()
    bob.sessions = PeerSessions()
    with pytest.raises(DecryptionError, match="no session"):
        bob.open(alice, alice.seal(b"unreadable"))
    bob.start(alice, NOW_MS + 1)
    assert alice.open(bob, bob.seal(b"please again")).is_new
    assert agree_on_one(alice, bob)
    assert bob.open(alice, alice.seal(b"again")).plain == b"again"


def test_a_device_restored_from_an_old_copy_heals_with_a_new_session() -> None:
    alice, bob = talking()
    copy = to_bytes(bob.sessions)
    for _ in range(3):
        bob.open(alice, alice.seal(b"on"))
        alice.open(bob, bob.seal(b"and on"))
    bob.sessions = from_bytes(copy)
    with pytest.raises(DecryptionError):
        bob.open(alice, alice.seal(b"unreadable"))
    with pytest.raises(DecryptionError):
        alice.open(bob, bob.seal(b"unreadable"))
    bob.start(alice, NOW_MS + 1)
    alice.open(bob, bob.seal(b"please again"))
    assert bob.open(alice, alice.seal(b"again")).plain == b"again"


def test_a_new_session_is_the_newest_even_if_the_clock_went_back() -> None:
    alice, bob = talking()
    alice.start(bob, NOW_MS - DAY_MS)
    assert alice.sessions.sessions[0].started_ms == NOW_MS + 1
    bob.open(alice, alice.seal(b"hello"))
    assert agree_on_one(alice, bob)


@pytest.mark.parametrize(("now_ms", "started_ms"), [(0, 0), (1, 1), (-1, 0), (-DAY_MS, 0)])
def test_the_first_session_is_dated_now_and_not_before_1970(now_ms: int, started_ms: int) -> None:
    alice, bob = pair()
    alice.start(bob, now_ms)
    assert alice.sessions.sessions[0].started_ms == started_ms
    assert from_bytes(to_bytes(alice.sessions)) == alice.sessions
    assert bob.open(alice, alice.seal(b"hello")).plain == b"hello"


def test_a_date_beyond_all_dates_does_not_stop_new_sessions() -> None:
    alice, bob = talking()
    alice.start(bob, MOMENT_MAX_MS + 5)
    alice.start(bob, NOW_MS)
    assert {one.started_ms for one in alice.sessions.sessions[:2]} == {MOMENT_MAX_MS}
    assert bob.open(alice, alice.seal(b"hello")).plain == b"hello"


def test_what_was_on_its_way_in_the_older_session_opens_and_changes_nothing() -> None:
    alice, bob = talking()
    late = bob.seal(b"late")
    alice.start(bob)
    newest = alice.sessions.sessions[0].ephemeral
    assert alice.open(bob, late).plain == b"late"
    assert alice.sessions.sessions[0].ephemeral == newest
    assert alice.seal(b"hello")[0] == 0x30


def test_the_likely_session_is_the_one_that_has_seen_the_ratchet_key_though_it_is_older() -> None:
    alice, bob = talking()
    envelope = alice.seal(b"once")
    bob.open(alice, envelope)
    bob.start(alice)
    assert len(bob.sessions.sessions) == 2
    with pytest.raises(DecryptionError, match="opened before"):
        bob.open(alice, envelope)


def test_a_gap_that_is_too_long_is_told_apart() -> None:
    alice, bob = talking()
    alice.start(bob)
    bob.open(alice, alice.seal(b"hello"))
    alice.open(bob, bob.seal(b"hello yourself"))
    bob.open(alice, alice.seal(b"0"))
    for _ in range(SKIP_MAX + 1):
        alice.seal(b"lost")
    with pytest.raises(GapTooLongError):
        bob.open(alice, alice.seal(b"too far"))


def test_an_unanswered_session_is_given_up_after_a_week() -> None:
    alice, bob = pair()
    alice.start(bob)
    assert not alice.sessions.need_bundle(NOW_MS + UNANSWERED_MS_MAX - 1)
    assert alice.sessions.need_bundle(NOW_MS + UNANSWERED_MS_MAX)
    bob.open(alice, alice.seal(b"hello"))
    alice.open(bob, bob.seal(b"hello yourself"))
    assert not alice.sessions.need_bundle(NOW_MS + 10 * UNANSWERED_MS_MAX)
    assert not bob.sessions.need_bundle(NOW_MS + 10 * UNANSWERED_MS_MAX)


def test_the_oldest_sessions_leave() -> None:
    alice, bob = pair(stock=SESSIONS_MAX + 2)
    kept = []
    for number in range(SESSIONS_MAX + 2):
        alice.start(bob, NOW_MS + number)
        kept.append(alice.seal(b"in session %d" % number))
    assert len(alice.sessions.sessions) == SESSIONS_MAX
    for number, envelope in enumerate(kept):
        assert bob.open(alice, envelope).plain == b"in session %d" % number
    assert len(bob.sessions.sessions) == SESSIONS_MAX
    assert [one.started_ms for one in bob.sessions.sessions] == [NOW_MS + n for n in range(SESSIONS_MAX + 1, 1, -1)]
    assert agree_on_one(alice, bob)


def test_keys_of_missing_messages_are_bounded_over_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SKIPPED_MAX", 5)
    alice, bob = pair(stock=3)
    late = []
    for number in range(3):
        alice.start(bob, NOW_MS + number)
        late += [alice.seal(b"%d" % n) for n in range(3)]
        bob.open(alice, alice.seal(b"in session %d" % number))
    assert [len(one.ratchet.skipped) for one in bob.sessions.sessions] == [3, 2, 0]
    gone = late[:4]
    for envelope in gone:
        with pytest.raises(DecryptionError):
            bob.open(alice, envelope)
    for envelope in late[4:]:
        bob.open(alice, envelope)
    assert not any(one.ratchet.skipped for one in bob.sessions.sessions)


def test_a_replayed_start_whose_prekey_is_spent_is_refused() -> None:
    alice, bob = pair()
    alice.start(bob)
    envelope = alice.seal(b"hello")
    bob.open(alice, envelope)
    bob.sessions = PeerSessions()
    with pytest.raises(DecryptionError, match="one-time prekey 1 is gone"):
        bob.open(alice, envelope)
