"""Safety numbers are libsignal's for the same bytes, equal on both sides, and different as soon as a key differs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.crypto.safety_numbers import (
    DIGITS,
    QR_BYTES,
    SafetyNumber,
    fingerprint,
    safety_number,
)
from onebar.errors import (
    NotASafetyNumberError,
    OnebarError,
    SafetyNumberError,
    SafetyNumberMismatchError,
    SafetyNumberVersionError,
)

# The constants of libsignal's own tests: rust/protocol/src/fingerprint.rs, `fingerprint_test_v1` and `_v2`.
ALICE_ID, BOB_ID = b"+14152222222", b"+14153333333"
ALICE_KEY = bytes.fromhex("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868")
BOB_KEY = bytes.fromhex("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b")
DISPLAYED = "300354477692869396892869876765458257569162576843440918079131"
ALICE_PART = "1e301a0353dce3dbe7684cb8336e85136cdc0ee96219494ada305d62a7bd61df"
BOB_PART = "d62cbf73a11592015b6b9f1682ac306fea3aaf3885b84d12bca631e9d4fb3a4d"
ALICE_SCANNED = bytes.fromhex(f"080212220a20{ALICE_PART}1a220a20{BOB_PART}")
BOB_SCANNED = bytes.fromhex(f"080212220a20{BOB_PART}1a220a20{ALICE_PART}")

ALICES = safety_number(ALICE_ID, ALICE_KEY, BOB_ID, BOB_KEY)
BOBS = safety_number(BOB_ID, BOB_KEY, ALICE_ID, ALICE_KEY)
FINGERPRINTS = st.binary(min_size=64, max_size=64)


def test_both_sides_see_the_digits_of_libsignal() -> None:
    assert ALICES.digits == BOBS.digits == DISPLAYED


def test_the_codes_are_those_of_libsignal() -> None:
    assert ALICES.qr() == ALICE_SCANNED
    assert BOBS.qr() == BOB_SCANNED
    encoded = SafetyNumber(b"\x12" * 64, b"\xba" * 64).qr()
    assert encoded.hex() == "080212220a20" + "12" * 32 + "1a220a20" + "ba" * 32


def test_each_side_accepts_the_code_of_the_other() -> None:
    ALICES.compare(BOBS.qr())
    BOBS.compare(ALICES.qr())


@given(FINGERPRINTS, FINGERPRINTS)
def test_digits_are_sixty_and_the_same_on_both_sides(own: bytes, other: bytes) -> None:
    number = SafetyNumber(own, other)
    assert number.digits == SafetyNumber(other, own).digits
    assert len(number.digits) == DIGITS
    assert number.digits.isdecimal()
    assert len(number.qr()) == QR_BYTES
    SafetyNumber(other, own).compare(number.qr())


def test_small_groups_keep_their_zeros() -> None:
    assert (
        SafetyNumber(bytes(64), (100_007).to_bytes(5, "big").ljust(64, b"\0")).digits == "0" * 30 + "00007" + "0" * 25
    )


@pytest.mark.parametrize(
    "bobs",
    [
        safety_number(BOB_ID, BOB_KEY, ALICE_ID, BOB_KEY[::-1]),  # somebody shows Bob another key for Alice
        safety_number(BOB_ID, ALICE_KEY[::-1], ALICE_ID, ALICE_KEY),  # or Alice another key for Bob
        safety_number(b"+14154444444", BOB_KEY, ALICE_ID, ALICE_KEY),  # or Bob is not who Alice thinks
        ALICES,  # her own screen
    ],
    ids=["alice's key", "bob's key", "bob's id", "own code"],
)
def test_a_code_with_other_keys_or_ids_is_a_mismatch(bobs: SafetyNumber) -> None:
    with pytest.raises(SafetyNumberMismatchError, match="keys differ"):
        ALICES.compare(bobs.qr())
    assert bobs is ALICES or bobs.digits != ALICES.digits


@settings(max_examples=20)
@given(st.integers(0, QR_BYTES * 8 - 1))
def test_any_changed_bit_is_noticed(bit: int) -> None:
    changed = bytearray(BOBS.qr())
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SafetyNumberError):
        ALICES.compare(bytes(changed))


@pytest.mark.parametrize("version", [0, 1, 3])
def test_another_version_is_named(version: int) -> None:
    with pytest.raises(SafetyNumberVersionError, match=f"version {version} and this app's 2"):
        ALICES.compare(b"\x08" + bytes((version,)) + BOBS.qr()[2:])


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"https://example.org",
        BOB_SCANNED[:-1],
        BOB_SCANNED + b"x",
        b"\x09" + BOB_SCANNED[1:],
        BOB_SCANNED[:2] + b"\x13" + BOB_SCANNED[3:],
        BOB_SCANNED[:38] + b"\x1b" + BOB_SCANNED[39:],
    ],
)
def test_any_other_code_is_no_safety_number(code: bytes) -> None:
    with pytest.raises(NotASafetyNumberError, match=f"code of {len(code)} bytes"):
        ALICES.compare(code)


def test_every_error_can_be_caught_as_one_and_as_ours() -> None:
    for kind in (NotASafetyNumberError, SafetyNumberVersionError, SafetyNumberMismatchError):
        assert issubclass(kind, SafetyNumberError)
    assert issubclass(SafetyNumberError, OnebarError)


def test_an_id_and_a_key_cannot_trade_places_and_nothing_shows_in_a_repr() -> None:
    assert fingerprint(b"ab", b"c" * 32) != fingerprint(b"a", b"bc" * 16)
    assert ALICES.own.hex() not in repr(ALICES)
    assert repr(ALICES) == "SafetyNumber()"
