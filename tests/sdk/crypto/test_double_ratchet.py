"""Two ratchets: order, gaps, caps, ages, damage, and how they are kept."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.crypto import double_ratchet
from onebar.crypto.double_ratchet import (
    SKIP_MAX,
    SKIPPED_AGE_MS,
    SKIPPED_MAX,
    GapTooLongError,
    Ratchet,
    from_bytes,
    key_id,
    open_,
    start_as_initiator,
    start_as_responder,
    to_bytes,
)
from onebar.crypto.primitives import public_of
from onebar.crypto.suites import ONEBAR_V1, OVERHEAD_BYTES, SALT_BYTES, Header
from onebar.errors import DecryptionError, InputError
from tests.sdk.crypto.devices import DAY_MS, LOW_ORDER, NOW_MS, dice

WAY = b"from alice to bob"
ENTROPY = dice("double ratchet")
SALT = bytes(range(SALT_BYTES))


def seal(ratchet: Ratchet, plain: bytes, way: bytes) -> tuple[Ratchet, bytes]:
    return double_ratchet.seal(ratchet, plain, way, ENTROPY(SALT_BYTES))


def pair() -> tuple[Ratchet, Ratchet]:
    """The two sides of a session in which nothing was said yet."""
    root, secret = hashlib.sha256(b"root").digest(), hashlib.sha256(b"prekey").digest()
    return start_as_initiator(ONEBAR_V1, root, public_of(secret), ENTROPY), start_as_responder(ONEBAR_V1, root, secret)


def talking() -> tuple[Ratchet, Ratchet]:
    """The two sides after one message each way."""
    alice, bob = pair()
    alice, sealed = seal(alice, b"hello", WAY)
    bob, _ = read(bob, sealed)
    bob, sealed = seal(bob, b"hello yourself", WAY)
    alice, _ = read(alice, sealed)
    return alice, bob


def read(ratchet: Ratchet, sealed: bytes, now_ms: int = NOW_MS) -> tuple[Ratchet, bytes]:
    return open_(ratchet, sealed, WAY, now_ms, ENTROPY)


def write(ratchet: Ratchet, count: int) -> tuple[Ratchet, list[bytes]]:
    """Seal the numbers from 0."""
    messages = []
    for number in range(count):
        ratchet, sealed = seal(ratchet, str(number).encode(), WAY)
        messages.append(sealed)
    return ratchet, messages


def no_entropy(count: int) -> bytes:
    raise AssertionError(f"{count} random bytes were asked for")


def test_a_conversation_opens_message_by_message() -> None:
    alice, bob = pair()
    for turn in range(5):
        for number in range(turn + 1):
            alice, sealed = seal(alice, b"a%d" % number, WAY)
            bob, plain = read(bob, sealed)
            assert plain == b"a%d" % number
        bob, sealed = seal(bob, b"b%d" % turn, WAY)
        alice, plain = read(alice, sealed)
        assert plain == b"b%d" % turn


def test_a_responder_cannot_speak_first() -> None:
    _, bob = pair()
    with pytest.raises(InputError, match="opened the first message"):
        seal(bob, b"hello", WAY)


def test_sealing_leaves_the_ratchet_that_it_was_given() -> None:
    alice, _ = pair()
    before = to_bytes(alice)
    after, _ = seal(alice, b"hello", WAY)
    assert to_bytes(alice) == before != to_bytes(after)


def test_opening_leaves_the_ratchet_that_it_was_given() -> None:
    alice, bob = pair()
    before = to_bytes(bob)
    _, messages = write(alice, 3)
    after, _ = read(bob, messages[2])
    late, _ = read(after, messages[0])
    assert to_bytes(bob) == before
    assert (len(after.state.skipped), len(late.state.skipped)) == (2, 1)


@given(st.permutations(range(6)))
def test_messages_open_in_any_order_and_once(order: list[int]) -> None:
    alice, bob = pair()
    _, messages = write(alice, 6)
    for number in order:
        bob, plain = read(bob, messages[number])
        assert plain == str(number).encode()
    for message in messages:
        with pytest.raises(DecryptionError):
            read(bob, message)
    assert not bob.state.skipped


def test_late_messages_of_an_earlier_chain_open() -> None:
    alice, bob = talking()
    alice, earlier = write(alice, 3)
    bob, _ = read(bob, earlier[0])
    bob, sealed = seal(bob, b"answer", WAY)
    alice, _ = read(alice, sealed)
    alice, later = write(alice, 2)
    bob, _ = read(bob, later[1])
    assert len(bob.state.skipped) == 3
    for message, plain in [(earlier[2], b"2"), (later[0], b"0"), (earlier[1], b"1")]:
        bob, opened = read(bob, message)
        assert opened == plain


@pytest.mark.parametrize("missing", [1, 2])
def test_the_last_messages_of_an_earlier_chain_may_be_late(missing: int) -> None:
    alice, bob = talking()
    alice, earlier = write(alice, 1 + missing)
    bob, _ = read(bob, earlier[0])
    bob, sealed = seal(bob, b"answer", WAY)
    alice, _ = read(alice, sealed)
    bob, _ = read(bob, write(alice, 1)[1][0])
    assert len(bob.state.skipped) == missing
    for message in earlier[1:]:
        bob, _ = read(bob, message)


def test_a_message_opened_before_is_refused_as_such() -> None:
    alice, bob = talking()
    _, messages = write(alice, 1)
    bob, _ = read(bob, messages[0])
    with pytest.raises(DecryptionError, match="message 0 of its chain was opened before"):
        read(bob, messages[0])


@pytest.mark.parametrize("place", range(OVERHEAD_BYTES + 5))
@pytest.mark.parametrize("bit", [0, 7])
@pytest.mark.parametrize("start", [pair, talking])
def test_a_flipped_bit_does_not_open_and_changes_nothing(
    place: int, bit: int, start: Callable[[], tuple[Ratchet, Ratchet]]
) -> None:
    alice, bob = start()
    _, sealed = seal(alice, b"hello", WAY)
    changed = bytearray(sealed)
    changed[place] ^= 1 << bit
    before = to_bytes(bob)
    with pytest.raises(DecryptionError):
        open_(bob, bytes(changed), WAY, NOW_MS, no_entropy)
    assert to_bytes(bob) == before
    assert read(bob, sealed)[1] == b"hello"


def test_a_message_for_another_way_does_not_open() -> None:
    alice, bob = pair()
    _, sealed = seal(alice, b"hello", b"from alice to carol")
    with pytest.raises(DecryptionError, match="tag"):
        read(bob, sealed)


def test_the_header_cannot_move_into_the_way() -> None:
    """The front is read before the way, and has one reading: what stands on the border cannot change sides."""
    alice, bob = pair()
    _, sealed = seal(alice, b"hello", b"\0" + WAY)
    _, body_at = ONEBAR_V1.parse(sealed)
    with pytest.raises(DecryptionError):
        open_(bob, sealed[:body_at] + b"\0" + sealed[body_at:], WAY, NOW_MS, ENTROPY)


def test_a_message_of_another_session_does_not_open() -> None:
    (alice, _), (_, bob) = talking(), talking()
    _, sealed = seal(alice, b"hello", WAY)
    with pytest.raises(DecryptionError):
        read(bob, sealed)


def test_a_message_that_names_the_prekey_as_its_ratchet_key_is_refused() -> None:
    """The initiator knows that key as the other side's, but has no chain for it."""
    alice, _ = pair()
    assert alice.state.their_public is not None
    sealed = ONEBAR_V1.seal(bytes(32), Header(alice.state.their_public, 0, 0, SALT), b"", WAY)
    with pytest.raises(DecryptionError, match="opened before"):
        read(alice, sealed)


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
def test_low_order_points_are_refused(point: bytes) -> None:
    alice, bob = talking()
    sealed = ONEBAR_V1.seal(bytes(32), Header(point, 0, 0, SALT), b"hello", WAY)
    for ratchet in (alice, bob, pair()[1]):
        with pytest.raises(DecryptionError, match="low-order"):
            read(ratchet, sealed)
    with pytest.raises(DecryptionError, match="low-order"):
        start_as_initiator(ONEBAR_V1, bytes(32), point, ENTROPY)


def test_the_longest_gap_opens_and_one_more_needs_a_new_session() -> None:
    alice, bob = talking()
    _, messages = write(alice, SKIP_MAX + 2)
    with pytest.raises(GapTooLongError, match=f"{SKIP_MAX + 1} messages are missing, more than {SKIP_MAX}"):
        read(bob, messages[SKIP_MAX + 1])
    bob, _ = read(bob, messages[SKIP_MAX])
    assert len(bob.state.skipped) == SKIP_MAX


def test_the_gap_is_counted_from_what_was_opened_last() -> None:
    alice, bob = talking()
    alice, messages = write(alice, SKIP_MAX + 5)
    for message in messages[:3]:
        bob, _ = read(bob, message)
    with pytest.raises(GapTooLongError, match=f"{SKIP_MAX + 1} messages are missing"):
        read(bob, messages[SKIP_MAX + 4])
    bob, _ = read(bob, messages[SKIP_MAX + 3])
    assert len(bob.state.skipped) == SKIP_MAX


def test_a_gap_at_the_end_of_the_chain_before_has_the_same_limit() -> None:
    _, bob = talking()
    sealed = ONEBAR_V1.seal(
        bytes(32), Header(public_of(bytes(32)), bob.state.received + SKIP_MAX + 1, 0, SALT), b"", WAY
    )
    with pytest.raises(GapTooLongError):
        read(bob, sealed)


def test_the_oldest_keys_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(double_ratchet, "SKIPPED_MAX", 4)
    alice, bob = talking()
    _, messages = write(alice, 8)
    bob, _ = read(bob, messages[3])
    assert len(bob.state.skipped) == 3
    bob, _ = read(bob, messages[7])
    assert len(bob.state.skipped) == 4
    for number in (0, 1):
        with pytest.raises(DecryptionError):
            read(bob, messages[number])
    for number in (2, 4, 5, 6):
        bob, plain = read(bob, messages[number])
        assert plain == str(number).encode()


def test_keys_of_missing_messages_are_bounded_and_can_be_kept() -> None:
    alice, bob = talking()
    _, messages = write(alice, 2 * SKIP_MAX + 400)
    for number in (SKIP_MAX, 2 * SKIP_MAX, 2 * SKIP_MAX + 399):
        bob, _ = read(bob, messages[number])
    assert len(bob.state.skipped) == SKIPPED_MAX
    assert from_bytes(ONEBAR_V1, to_bytes(bob)) == bob


def test_a_key_is_kept_for_the_horizon_and_no_longer() -> None:
    assert SKIPPED_AGE_MS >= (30 + 30 + 7) * DAY_MS  # R23
    alice, bob = talking()
    _, messages = write(alice, 4)
    bob, _ = read(bob, messages[1])
    bob, _ = read(bob, messages[3], NOW_MS + DAY_MS)
    assert read(bob, messages[0], NOW_MS + SKIPPED_AGE_MS)[1] == b"0"
    before = to_bytes(bob)
    with pytest.raises(DecryptionError, match="dropped"):
        read(bob, messages[0], NOW_MS + SKIPPED_AGE_MS + 1)
    assert to_bytes(bob) == before
    bob, plain = read(bob, messages[2], NOW_MS + SKIPPED_AGE_MS + DAY_MS)
    assert (plain, len(bob.state.skipped)) == (b"2", 0)


def test_the_age_is_an_argument() -> None:
    alice, bob = talking()
    _, messages = write(alice, 2)
    bob, _ = read(bob, messages[1])
    assert open_(bob, messages[0], WAY, NOW_MS + 10, ENTROPY, skipped_age_ms=10)[1] == b"0"
    with pytest.raises(DecryptionError):
        open_(bob, messages[0], WAY, NOW_MS + 11, ENTROPY, skipped_age_ms=10)


def test_each_message_has_a_key_of_its_own() -> None:
    alice, bob = talking()
    alice, first = write(alice, 3)
    bob, _ = read(bob, first[0])
    bob, answers = write(bob, 3)
    names = [key_id(ONEBAR_V1, message) for message in first + answers]
    assert len(set(names)) == 6
    assert {len(name) for name in names} == {36 + SALT_BYTES}


# --- the salt -------------------------------------------------------------------------------------


def seal_by_a_copy(ratchet: Ratchet, plain: bytes, salt: bytes) -> bytes:
    """Seal once with a ratchet that came back from an older image."""
    return double_ratchet.seal(from_bytes(ONEBAR_V1, to_bytes(ratchet)), plain, WAY, salt)[1]


def test_copies_of_one_ratchet_seal_with_different_keys_and_each_message_opens() -> None:
    alice, bob = talking()
    copies = [from_bytes(ONEBAR_V1, to_bytes(bob)) for _ in range(2)]
    messages = [seal_by_a_copy(alice, b"hello", bytes(SALT_BYTES - 1) + last) for last in (b"1", b"2")]
    (first, at), (second, _) = map(ONEBAR_V1.parse, messages)
    assert first._replace(salt=b"") == second._replace(salt=b"")  # one message key
    keystreams = [bytes(a ^ b for a, b in zip(sealed[at:], b"hello", strict=False)) for sealed in messages]
    assert keystreams[0] != keystreams[1]
    assert [read(copy, sealed)[1] for copy, sealed in zip(copies, messages, strict=True)] == [b"hello"] * 2


def test_of_two_messages_with_one_message_key_a_ratchet_opens_one() -> None:
    alice, bob = talking()
    one, two = (seal_by_a_copy(alice, b"hello", bytes([number]) * SALT_BYTES) for number in (1, 2))
    bob, _ = read(bob, one)
    with pytest.raises(DecryptionError, match="opened before"):
        read(bob, two)


def test_the_name_of_a_key_has_the_salt_at_its_end() -> None:
    alice, _ = pair()
    one, two = (key_id(ONEBAR_V1, seal_by_a_copy(alice, b"hello", bytes([n]) * SALT_BYTES)) for n in (1, 2))
    assert one[:-SALT_BYTES] == two[:-SALT_BYTES] == alice.state.own_public + bytes(4)
    assert (one[-SALT_BYTES:], two[-SALT_BYTES:]) == (b"\1" * SALT_BYTES, b"\2" * SALT_BYTES)


@pytest.mark.parametrize("length", [0, SALT_BYTES - 1, SALT_BYTES + 1, 32])
def test_a_salt_of_another_length_is_refused_and_no_message_is_lost(length: int) -> None:
    alice, _ = pair()
    before = to_bytes(alice)
    with pytest.raises(InputError, match=f"a salt of {length} bytes; it has {SALT_BYTES}"):
        double_ratchet.seal(alice, b"hello", WAY, bytes(length))
    assert to_bytes(alice) == before


def test_a_salt_is_not_left_out() -> None:
    alice, _ = pair()
    with pytest.raises(InputError, match="a salt of 0 bytes"):
        double_ratchet.seal(alice, b"hello", WAY)


# --- as bytes -------------------------------------------------------------------------------------


def test_a_ratchet_comes_back_as_it_was_at_any_time() -> None:
    alice, bob = pair()
    for ratchet in (alice, bob, *talking()):
        assert from_bytes(ONEBAR_V1, to_bytes(ratchet)) == ratchet
    _, messages = write(alice, 5)
    bob, _ = read(bob, messages[4])
    assert from_bytes(ONEBAR_V1, to_bytes(bob)) == bob
    assert list(from_bytes(ONEBAR_V1, to_bytes(bob)).state.skipped) == list(bob.state.skipped)


def test_a_ratchet_is_kept_in_few_bytes() -> None:
    alice, bob = talking()
    assert max(len(to_bytes(alice)), len(to_bytes(bob))) <= 220


def test_damaged_ratchets_are_refused() -> None:
    data = to_bytes(talking()[0])
    for cut in range(len(data)):
        with pytest.raises(InputError, match="RatchetState"):
            from_bytes(ONEBAR_V1, data[:cut])
    for wrong in (data + b"\0", b"\0" + data[1:], b"\2" + data[1:]):
        with pytest.raises(InputError):
            from_bytes(ONEBAR_V1, wrong)


@given(st.data())
def test_a_ratchet_with_a_changed_byte_is_refused_or_opens_nothing_wrong(data: st.DataObject) -> None:
    alice, bob = talking()
    _, messages = write(alice, 2)
    bob, _ = read(bob, messages[1])
    kept = bytearray(to_bytes(bob))
    kept[data.draw(st.integers(0, len(kept) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        damaged = from_bytes(ONEBAR_V1, bytes(kept))
        _, plain = read(damaged, messages[0])
    except (InputError, DecryptionError):
        return
    assert plain == b"0"


def test_the_repr_shows_no_key() -> None:
    alice, _ = talking()
    assert repr(alice) == "Ratchet(suite=Suite(name='onebar ratchet 1'))"
    assert repr(alice.state) == "RatchetState(…)"
