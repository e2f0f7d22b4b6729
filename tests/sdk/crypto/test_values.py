"""Values are written down strictly, and read back exactly."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from onebar.crypto.values import (
    COUNT_MAX,
    Count,
    Key,
    Moment,
    Number,
    PrekeyId,
    Signature,
    Value,
    pack,
    read_varint,
    unpack,
    varint,
)
from onebar.errors import DecryptionError, InputError


class Pair(Value, frozen=True):
    key: Key
    count: int


class Everything(Value, frozen=True):
    key: Key = bytes(32)
    count: Count = 0
    prekey_id: PrekeyId = 0
    number: Number = 0
    moment: Moment = 0
    signature: Signature = bytes(64)


PAIR = Pair(bytes(32), 7)


def test_a_value_comes_back_as_it_was() -> None:
    assert unpack(1, pack(1, PAIR), Pair) == PAIR


def test_a_value_shows_none_of_its_fields() -> None:
    assert repr(Pair(b"secret".ljust(32), 7)) == "Pair(…)"


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        PAIR.count = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\2" + pack(1, PAIR)[1:],
        pack(1, PAIR)[:-1],
        pack(1, PAIR) + b"\0",
        b"\1" + msgspec.msgpack.encode([bytes(31), 7]),
        b"\1" + msgspec.msgpack.encode([bytes(33), 7]),
        b"\1" + msgspec.msgpack.encode([bytes(32), "7"]),
        b"\1" + msgspec.msgpack.encode([bytes(32), 7, 7]),
        b"\1" + msgspec.msgpack.encode([bytes(32)]),
        b"\1" + msgspec.msgpack.encode({"key": bytes(32), "count": 7}),
    ],
)
def test_other_bytes_are_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(InputError, match=r"Pair .*made anew"):
        unpack(1, data, Pair)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("count", 0, 2**32 - 1),
        ("prekey_id", 0, 2**32 - 2),
        ("number", 0, 2**63 - 1),
        ("moment", 0, 2**48 - 1),
    ],
)
def test_a_number_is_read_up_to_its_limits_and_refused_beyond(field: str, lowest: int, highest: int) -> None:
    for number in (lowest, highest):
        assert getattr(unpack(1, pack(1, replace(Everything(), **{field: number})), Everything), field) == number
    for number in (lowest - 1, highest + 1):
        with pytest.raises(InputError, match=r"Everything .*damaged"):
            unpack(1, pack(1, replace(Everything(), **{field: number})), Everything)


@pytest.mark.parametrize(("field", "length"), [("key", 32), ("signature", 64)])
def test_a_key_and_a_signature_have_one_length(field: str, length: int) -> None:
    assert unpack(1, pack(1, Everything()), Everything) == Everything()
    for wrong in (0, length - 1, length + 1):
        with pytest.raises(InputError, match=r"Everything .*damaged"):
            unpack(1, pack(1, replace(Everything(), **{field: bytes(wrong)})), Everything)


@given(st.binary(max_size=80))
def test_hostile_bytes_give_a_value_or_an_input_error(data: bytes) -> None:
    try:
        value = unpack(1, b"\1" + data, Pair)
    except InputError:
        return
    assert len(value.key) == 32


@given(st.integers(0, COUNT_MAX), st.binary(max_size=4), st.binary(max_size=4))
def test_a_number_comes_back_from_between_other_bytes(number: int, before: bytes, after: bytes) -> None:
    data = before + varint(number) + after
    assert read_varint(data, len(before)) == (number, len(data) - len(after))


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (COUNT_MAX, "ffffffff0f")],
)
def test_numbers_are_written_as_leb128(number: int, written: str) -> None:
    assert varint(number).hex() == written


@pytest.mark.parametrize("data", ["", "80", "8000", "808000", "ffffffff1f", "ffffffffff0f", "8080808080"])
def test_a_number_has_one_form_and_a_limit(data: str) -> None:
    with pytest.raises(DecryptionError, match=r"no number from 0 to 4294967295 at byte 0"):
        read_varint(bytes.fromhex(data), 0)


def test_a_number_without_an_end_is_refused_before_all_of_it_is_read() -> None:
    """Each byte that is read makes the number longer: two megabytes would take minutes."""
    with pytest.raises(DecryptionError, match="of an envelope of 2000000 bytes"):
        read_varint(b"\xff" * 2_000_000, 0)
