"""The sessions with one device: how they start, meet, heal, and are kept."""

import itertools

import pytest
from msgspec.structs import replace

from onebar.crypto import double_ratchet, pqxdh
from onebar.crypto.keys import DeviceKeys
from onebar.crypto.pqxdh import DowngradeError, OtherIdentityError, PrekeyError
from onebar.crypto.sessions import (
    NOTHING_SPENT,
    SESSIONS_MAX,
    PeerSessions,
    answered,
    from_bytes,
    key_id,
    open_envelope,
    seal,
    start,
    to_bytes,
)
from onebar.crypto.suites import ONEBAR_V1, SALT_BYTES
from onebar.errors import DecryptionError, InputError
from tests.sdk.crypto.devices import NOW_MS, WAY, Device, FakeKem, Secrets, dice, pair, talking

BOTH = pytest.mark.parametrize("kem", [False, True], ids=["x3dh", "pqxdh"])


# --- the ordinary course --------------------------------------------------------------------------


@BOTH
def test_a_conversation(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    opened = bob.open(alice, alice.seal(b"hello"))
    assert (opened.plain, opened.is_new, opened.is_pq) == (b"hello", True, kem)
    assert opened.spent == pqxdh.Spent(1, 1 if kem else None)
    opened = alice.open(bob, bob.seal(b"hello yourself"))
    assert (opened.plain, opened.is_new, opened.is_pq) == (b"hello yourself", False, kem)
    assert opened.spent == NOTHING_SPENT
    assert alice.sessions.is_pq == bob.sessions.is_pq == kem
    for number in range(5):
        assert bob.open(alice, alice.seal(b"a%d" % number)).plain == b"a%d" % number
        assert alice.open(bob, bob.seal(b"b%d" % number)).plain == b"b%d" % number


def test_nothing_is_sealed_without_a_session() -> None:
    alice, _ = pair()
    assert alice.sessions.need_bundle(NOW_MS)
    assert not alice.sessions.is_pq
    with pytest.raises(InputError, match="fetch its prekey bundle"):
        alice.seal(b"hello")


def test_what_an_envelope_gains() -> None:
    alice, bob = talking()
    assert len(alice.seal(bytes(100))) == 100 + 57
    alice, bob = pair()
    alice.start(bob)
    assert len(alice.seal(bytes(100))) == 100 + 57 + 73
    alice, bob = pair(kem=True)
    alice.start(bob)
    assert len(alice.seal(bytes(100))) == 100 + 57 + 73 + 1 + 1088


@BOTH
def test_the_initial_header_is_repeated_until_the_peer_has_answered(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    envelopes = [alice.seal(b"%d" % number) for number in range(4)]
    first = 0x31 if kem else 0x30
    assert {envelope[0] for envelope in envelopes} == {first}
    facts = [bob.open(alice, envelopes[number]) for number in (2, 0, 3, 1)]
    assert [opened.plain for opened in facts] == [b"2", b"0", b"3", b"1"]
    assert [opened.is_new for opened in facts] == [True, False, False, False]
    assert bob.spent == [1]
    assert alice.seal(b"4")[0] == first
    alice.open(bob, bob.seal(b"answer"))
    assert alice.seal(b"5")[0] == 0x20


def test_lost_first_messages_do_not_matter() -> None:
    alice, bob = pair()
    alice.start(bob)
    lost = [alice.seal(b"lost") for _ in range(3)]
    assert bob.open(alice, alice.seal(b"first to arrive")).plain == b"first to arrive"
    assert bob.open(alice, lost[1]).plain == b"lost"


def test_a_contact_without_one_time_prekeys_can_be_written_to() -> None:
    alice, bob = pair(kem=True, stock=0)
    alice.start(bob)
    opened = bob.open(alice, alice.seal(b"hello"))
    assert (opened.plain, opened.spent) == (b"hello", NOTHING_SPENT)
    assert 0 in bob.kem_prekeys


# --- answered by a tick ---------------------------------------------------------------------------


@BOTH
def test_once_answered_the_header_is_not_repeated_and_the_peer_opens_the_rest_in_any_order(kem: bool) -> None:
    for order in itertools.permutations(range(4)):
        alice, bob = pair(kem)
        alice.start(bob)
        late = alice.seal(b"late, with the header")
        bob.open(alice, alice.seal(b"hello"))
        alice.sessions = answered(alice.sessions)
        envelopes = [late, *(alice.seal(b"%d" % number) for number in range(3))]
        assert [envelope[0] for envelope in envelopes[1:]] == [0x20] * 3
        opened = [bob.open(alice, envelopes[place]) for place in order]
        assert [it.plain for it in opened] == [(b"late, with the header", b"0", b"1", b"2")[place] for place in order]
        assert not any(it.is_new for it in opened)
        assert alice.open(bob, bob.seal(b"answer")).plain == b"answer"


def test_answered_changes_nothing_but_the_header_of_the_newest_session() -> None:
    alice, bob = pair()
    alice.start(bob)
    alice.start(bob)
    newest, older = alice.sessions.sessions
    after = answered(alice.sessions)
    assert newest.pending
    assert older.pending
    assert after == PeerSessions((replace(newest, pending=b""), older))
    assert not after.need_bundle(NOW_MS * 2)
    assert from_bytes(to_bytes(after)) == after


def test_answered_changes_nothing_without_a_session_or_a_pending_header() -> None:
    alice, bob = talking()
    for sessions in (PeerSessions(), alice.sessions, bob.sessions):
        assert answered(sessions) is sessions
    assert answered(answered(alice.sessions)) is alice.sessions


def test_answered_asks_the_newest_session_only() -> None:
    alice, bob = talking()
    alice.start(bob)
    newest, older = alice.sessions.sessions
    assert (bool(newest.pending), older.pending) == (True, b"")
    assert answered(alice.sessions) == PeerSessions((replace(newest, pending=b""), older))
    alice.sessions = PeerSessions((older, newest))
    assert answered(alice.sessions) is alice.sessions


# --- damage ---------------------------------------------------------------------------------------


@BOTH
def test_an_envelope_with_a_changed_byte_does_not_open(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    first = alice.seal(b"hello")
    refuses_changes(bob, alice, first)
    bob.open(alice, first)
    refuses_changes(bob, alice, alice.seal(b"again, with the header"))
    refuses_changes(alice, bob, bob.seal(b"answer"))


def refuses_changes(reader: Device, writer: Device, envelope: bytes) -> None:
    before, prekeys = to_bytes(reader.sessions), dict(reader.one_time_prekeys)
    for place in [*range(min(len(envelope), 130)), *range(130, len(envelope), 37)]:
        changed = bytearray(envelope)
        changed[place] ^= 0x41
        with pytest.raises(DecryptionError):
            reader.open(writer, bytes(changed))
    assert (to_bytes(reader.sessions), reader.one_time_prekeys) == (before, prekeys)
    assert reader.try_open(writer, envelope).plain


@pytest.mark.parametrize("length", [0, 1, 40, 72, 73, 100])
def test_an_envelope_that_is_cut_does_not_open(length: int) -> None:
    alice, bob = pair()
    alice.start(bob)
    with pytest.raises(DecryptionError):
        bob.open(alice, alice.seal(b"hello")[:length])


def test_an_envelope_opens_once() -> None:
    alice, bob = pair()
    alice.start(bob)
    envelope = alice.seal(b"hello")
    bob.open(alice, envelope)
    with pytest.raises(DecryptionError, match="opened before"):
        bob.open(alice, envelope)
    assert bob.spent == [1]


def test_of_several_sessions_the_likely_one_says_why_it_does_not_open() -> None:
    alice, bob = talking()
    alice.start(bob)
    bob.open(alice, alice.seal(b"hello"))
    alice.open(bob, bob.seal(b"hello yourself"))
    envelope = alice.seal(b"once")
    bob.open(alice, envelope)
    with pytest.raises(DecryptionError, match="opened before"):
        bob.open(alice, envelope)


def test_an_envelope_for_another_way_does_not_open() -> None:
    alice, bob = pair()
    alice.start(bob)
    envelope = alice.seal(b"hello", WAY + b"1")
    with pytest.raises(DecryptionError):
        bob.open(alice, envelope, WAY + b"2")
    assert bob.open(alice, envelope, WAY + b"1").plain == b"hello"


def test_an_envelope_sent_back_does_not_open() -> None:
    alice, bob = pair()
    alice.start(bob)
    with pytest.raises(DecryptionError):
        alice.open(bob, alice.seal(b"hello"))


def test_an_initial_header_cannot_be_put_before_another_message() -> None:
    alice, bob = pair()
    alice.start(bob)
    first = alice.seal(b"hello")
    bob.open(alice, first)
    alice.open(bob, bob.seal(b"answer"))
    ordinary = alice.seal(b"ordinary")
    with pytest.raises(DecryptionError, match="tag"):
        bob.open(alice, first[:73] + ordinary)
    assert bob.open(alice, ordinary).plain == b"ordinary"


def test_the_initial_header_cannot_be_taken_off() -> None:
    alice, bob = pair()
    alice.start(bob)
    bob.open(alice, alice.seal(b"hello"))
    with pytest.raises(DecryptionError, match="tag"):
        bob.open(alice, alice.seal(b"again")[73:])


@BOTH
def test_the_associated_data_of_a_message_is_laid_out_as_documented(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    initial = alice.sessions.sessions[0].pending
    check_associated_data(alice, initial, len(initial).to_bytes(2, "big") + initial)
    bob.open(alice, alice.seal(b"hello"))
    check_associated_data(bob, b"", bytes(2))


def check_associated_data(writer: Device, front: bytes, covered: bytes) -> None:
    """What this device seals is what its ratchet makes with the documented associated data."""
    session, salt = writer.sessions.sessions[0], bytes(SALT_BYTES)
    _, envelope = seal(writer.sessions, b"text", WAY, lambda length: bytes(length))
    bound = session.associated_data + covered + WAY
    _, sealed = double_ratchet.seal(double_ratchet.Ratchet(ONEBAR_V1, session.ratchet), b"text", bound, salt)
    assert envelope == front + sealed


# --- who it is ------------------------------------------------------------------------------------


def test_an_initial_message_by_another_identity_is_told_apart() -> None:
    alice, bob = pair()
    alice.start(bob)
    reinstalled = Device("alice, reinstalled")
    with pytest.raises(OtherIdentityError) as caught:
        bob.open(reinstalled, alice.seal(b"hello"))
    assert caught.value.identity_key == alice.public.identity_key


def test_who_has_the_identity_key_but_not_the_box_key_cannot_start() -> None:
    alice, bob = pair()
    thief = Device("thief")
    thief.keys = DeviceKeys(alice.keys.identity_seed, thief.keys.box_secret)
    thief.start(bob)
    with pytest.raises(DecryptionError, match="tag"):
        bob.open(alice, thief.seal(b"hello"))


def test_a_bundle_of_another_device_is_refused() -> None:
    alice, bob = pair()
    with pytest.raises(PrekeyError):
        bob.start(replace_bundle(alice, bob))


def replace_bundle(owner: Device, other: Device) -> Device:
    """A device whose server hands out another device's bundle."""
    owner.signed_prekeys, owner.keys = other.signed_prekeys, other.keys
    return owner


def test_a_contact_that_has_used_ml_kem_is_not_downgraded() -> None:
    alice, bob = talking(kem=True)
    assert alice.must_be_pq
    assert bob.must_be_pq
    alice.kem, alice.must_be_pq = None, False
    alice.start(bob, NOW_MS + 1)
    with pytest.raises(DowngradeError):
        bob.open(alice, alice.seal(b"hello"))
    alice.must_be_pq = True
    with pytest.raises(DowngradeError):
        alice.start(bob, NOW_MS + 2)


def test_ml_kem_need_not_be_unless_it_is_asked_for() -> None:
    alice, bob = pair()
    sessions = start(PeerSessions(), alice.keys, bob.public, bob.bundle(), NOW_MS, alice.entropy)
    _, envelope = seal(sessions, b"hello", WAY, alice.entropy)
    opened = open_envelope(PeerSessions(), envelope, WAY, bob.keys, alice.public, Secrets(bob), NOW_MS, bob.entropy)
    assert (opened.plain, opened.is_pq) == (b"hello", False)


def test_a_session_without_ml_kem_can_be_replaced_by_one_with_it() -> None:
    alice, bob = Device("alice", FakeKem(dice("kem"))), Device("bob")
    alice.start(bob)
    assert not bob.open(alice, alice.seal(b"hello")).is_pq
    kem = FakeKem(dice("kem of bob"))
    bob = Device("bob", kem, sessions=bob.sessions)
    alice.start(bob)
    assert bob.open(alice, alice.seal(b"hello")).is_pq
    assert bob.sessions.is_pq


# --- names and bytes ------------------------------------------------------------------------------


@BOTH
def test_each_envelope_has_a_key_of_its_own(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    bob.start(alice)
    envelopes = [alice.seal(b"a") for _ in range(3)] + [bob.seal(b"b") for _ in range(3)]
    bob.open(alice, envelopes[0])
    alice.open(bob, envelopes[3])
    envelopes += [alice.seal(b"a") for _ in range(3)] + [bob.seal(b"b") for _ in range(3)]
    assert len({key_id(envelope) for envelope in envelopes}) == 12
    with pytest.raises(DecryptionError):
        key_id(b"")


@BOTH
def test_a_copied_device_seals_no_two_envelopes_with_one_key(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    image = to_bytes(alice.sessions)
    one = alice.seal(b"one")
    alice.sessions = from_bytes(image)
    two = alice.seal(b"two")
    assert key_id(one)[:-SALT_BYTES] == key_id(two)[:-SALT_BYTES]
    assert key_id(one) != key_id(two)
    assert len(key_id(one)) == 42
    assert [bob.try_open(alice, envelope).plain for envelope in (one, two)] == [b"one", b"two"]


@BOTH
def test_sessions_come_back_as_they_were(kem: bool) -> None:
    alice, bob = pair(kem)
    alice.start(bob)
    assert from_bytes(to_bytes(alice.sessions)) == alice.sessions
    envelopes = [alice.seal(b"%d" % number) for number in range(4)]
    bob.start(alice)
    bob.open(alice, envelopes[3])
    assert from_bytes(to_bytes(bob.sessions)) == bob.sessions
    assert from_bytes(to_bytes(PeerSessions())) == PeerSessions()


def test_a_session_is_kept_in_few_bytes() -> None:
    alice, _ = talking()
    assert len(to_bytes(alice.sessions)) <= 300


def test_damaged_sessions_are_refused() -> None:
    data = to_bytes(talking()[0].sessions)
    for cut in range(0, len(data), 5):
        with pytest.raises(InputError, match="PeerSessions"):
            from_bytes(data[:cut])
    newest = talking()[0].sessions.sessions[0]
    many = PeerSessions((newest,) * (SESSIONS_MAX + 1))
    short = PeerSessions((replace(newest, associated_data=bytes(31)),))
    long = PeerSessions((replace(newest, ratchet=replace(newest.ratchet, sent=-1)),))
    for wrong in (many, short, long):
        with pytest.raises(InputError):
            from_bytes(to_bytes(wrong))


def test_reprs_show_neither_text_nor_key() -> None:
    alice, bob = talking()
    opened = bob.open(alice, alice.seal(b"secret"))
    assert repr(opened) == "Opened(plain of 6 bytes, is_new=False, is_pq=False)"
    assert repr(bob.sessions) == "PeerSessions(…)"
    assert repr(bob.sessions.sessions[0]) == "Session(…)"
    assert double_ratchet.VERSION == 1
