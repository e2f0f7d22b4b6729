"""An envelope opens for whom it was sealed, unchanged, on its own way, and for nobody else (§5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.crypto.sealer import OVERHEAD_BYTES, VERSION, associated_data, open_sealed, seal
from onebar.errors import DecryptionError
from tests.sdk.crypto.conftest import device_keys

ALICE, BOB = device_keys("alice"), device_keys("bob")
NUMBERS = st.integers(0, 2**63 - 1)
WAY = associated_data((1, 2), 3, (4, 5))
NONCE = bytes(range(24))


def sealed_by_alice(content: bytes = b"hello", bound: bytes = WAY, nonce: bytes = NONCE) -> bytes:
    return seal(content, bound, ALICE, BOB.public(), lambda size: nonce[:size])


@given(st.binary(max_size=5000), st.binary(max_size=100), st.binary(min_size=24, max_size=24))
def test_what_is_sealed_is_what_opens(content: bytes, bound: bytes, nonce: bytes) -> None:
    sealed = sealed_by_alice(content, bound, nonce)
    assert open_sealed(sealed, bound, BOB, ALICE.public()) == content
    assert len(sealed) == len(content) + OVERHEAD_BYTES
    assert sealed[:25] == bytes((VERSION,)) + nonce


def test_the_nonce_is_all_that_entropy_gives_and_is_asked_for_once() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return b"\7" * size

    assert seal(b"x", WAY, ALICE, BOB.public(), entropy)[1:25] == b"\7" * 24
    assert asked == [24]


def test_the_same_text_twice_looks_different() -> None:
    assert sealed_by_alice(nonce=b"a" * 24)[25:] != sealed_by_alice(nonce=b"b" * 24)[25:]


def test_neither_the_text_nor_the_way_can_be_read() -> None:
    sealed = sealed_by_alice(b"attack at dawn" * 9, WAY)
    assert b"attack" not in sealed
    assert WAY not in sealed


def test_any_single_flipped_bit_is_noticed() -> None:
    sealed = sealed_by_alice()
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptionError):
            open_sealed(bytes(changed), WAY, BOB, ALICE.public())


def test_an_envelope_cut_short_or_made_longer_does_not_open() -> None:
    sealed = sealed_by_alice()
    for damaged in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", b"\0" + sealed]:
        with pytest.raises(DecryptionError):
            open_sealed(damaged, WAY, BOB, ALICE.public())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_one_kind_of_error(garbage: bytes) -> None:
    for data in (garbage, bytes((VERSION,)) + garbage):
        with pytest.raises(DecryptionError):
            open_sealed(data, WAY, BOB, ALICE.public())


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_named_and_not_tried(version: int) -> None:
    with pytest.raises(DecryptionError, match="version"):
        open_sealed(bytes((version,)) + sealed_by_alice()[1:], WAY, BOB, ALICE.public())


@given(st.tuples(*[NUMBERS] * 5), st.tuples(*[NUMBERS] * 5))
def test_two_ways_are_never_bound_alike(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    def bound(way: tuple[int, ...]) -> bytes:
        return associated_data((way[0], way[1]), way[2], (way[3], way[4]))

    assert (bound(one) == bound(other)) == (one == other)
    assert len(bound(one)) == len(bound(other))


@pytest.mark.parametrize(
    "moved",
    [((9, 2), 3, (4, 5)), ((1, 9), 3, (4, 5)), ((1, 2), 9, (4, 5)), ((1, 2), 3, (9, 5)), ((1, 2), 3, (4, 9))],
)
def test_an_envelope_moved_to_another_sender_number_or_recipient_does_not_open(
    moved: tuple[tuple[int, int], int, tuple[int, int]],
) -> None:
    with pytest.raises(DecryptionError, match="another way"):
        open_sealed(sealed_by_alice(), associated_data(*moved), BOB, ALICE.public())


def test_the_layout_of_the_associated_data_is_that_of_the_protocol() -> None:
    numbers = b"".join(bytes(7) + bytes((no,)) for no in (1, 2, 3, 4, 5))
    assert associated_data((1, 2), 3, (4, 5)) == b"onebar envelope 1\0" + numbers


def test_nobody_else_opens_it_and_nobody_else_sealed_it(mallory: DeviceKeys) -> None:
    with pytest.raises(DecryptionError):
        open_sealed(sealed_by_alice(), WAY, mallory, ALICE.public())
    with pytest.raises(DecryptionError):
        open_sealed(sealed_by_alice(), WAY, BOB, mallory.public())
    forged = seal(b"hello", WAY, mallory, BOB.public(), lambda size: NONCE[:size])
    with pytest.raises(DecryptionError):
        open_sealed(forged, WAY, BOB, ALICE.public())


@pytest.mark.parametrize("box_key", [b"", b"\1" * 31, bytes(32), b"\1" + bytes(31)])
def test_a_bad_key_of_the_sender_is_a_decryption_error_too(box_key: bytes) -> None:
    with pytest.raises(DecryptionError):
        open_sealed(sealed_by_alice(), WAY, BOB, PeerKeys(b"", box_key, b""))


def test_the_error_says_nothing_of_what_was_inside() -> None:
    with pytest.raises(DecryptionError) as raised:
        open_sealed(sealed_by_alice(b"secret words"), b"another way", BOB, ALICE.public())
    assert "secret" not in str(raised.value)
