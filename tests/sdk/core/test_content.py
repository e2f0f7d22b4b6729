"""What an envelope holds is text, control, something newer, or an error without a word of it (§6)."""

import hashlib
import os
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.chats import ABOUT_CHARS_MAX, NAME_CHARS_MAX, PHOTO_BYTES_MAX
from onebar.core import content
from onebar.core.compression import INFLATED_BYTES_MAX, compress, decompress
from onebar.core.content import AGAIN_MAX, MARKS_MAX, Again, Copy, Profile, Read, Resealed, Text, Unknown
from onebar.crypto.padding import pad, unpad
from onebar.models import TEXT_BYTES_MAX

TOP = 2**63 - 1
NUMBERS = st.integers(0, TOP)
TEXTS = st.builds(Text, NUMBERS, NUMBERS, NUMBERS, st.text(min_size=1, max_size=200))
CONTENTS = st.one_of(
    TEXTS,
    st.builds(Again, st.lists(NUMBERS, max_size=AGAIN_MAX).map(tuple)),
    st.builds(Resealed, NUMBERS, TEXTS, NUMBERS),
    st.builds(Read, st.lists(st.tuples(NUMBERS, NUMBERS), max_size=MARKS_MAX).map(tuple)),
    st.builds(Copy, TEXTS, NUMBERS),
    st.builds(Profile, NUMBERS, st.text(max_size=64), st.text(max_size=140), st.binary(max_size=200)),
)


def encoded(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def refusal(plain: bytes) -> ValueError:
    """Read what must not be readable."""
    try:
        understood = content.read(plain)
    except ValueError as error:
        return error
    pytest.fail(f"{understood} was understood")


@given(CONTENTS)
def test_what_is_said_is_what_is_understood(said: content.Content) -> None:
    assert content.decode(content.encode(said)) == said


@given(st.binary(max_size=200))
def test_any_bytes_are_content_or_a_value_error(data: bytes) -> None:
    for attempt in (data, b"\x95\x01" + data, b"\x93\x03\x01\x95" + data):
        try:
            content.decode(attempt)
        except ValueError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_inside_padding_and_compression_are_content_or_a_value_error(data: bytes) -> None:
    for attempt in (data, b"\x95\x01" + data, b"\x93\x03\x01\x95" + data):
        for inside in (pad(attempt), pad(compress(attempt))):
            try:
                content.decode(inside)
            except ValueError:
                continue


@given(CONTENTS, st.data())
def test_damaged_content_is_content_or_a_value_error(said: content.Content, data: st.DataObject) -> None:
    damaged = bytearray(content.encode(said))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        content.decode(bytes(damaged))
    except ValueError:
        return


@pytest.mark.parametrize("tag", [0, 9, 99, 2**32, TOP])
@pytest.mark.parametrize("fields", [[], [1, 2, 3, 4], [{"poll": []}]])
def test_content_of_a_later_version_is_kept_with_its_place(tag: int, fields: list[Any]) -> None:
    plain = encoded([tag, 7, 8, 9, *fields])
    assert content.decode(pad(compress(plain))) == Unknown(7, 8, 9, plain)


@pytest.mark.parametrize("fields", [[], [1, 2], [1, 2, "soon"], [1, -2, 3], [{"poll": []}]])
def test_content_of_a_later_version_without_a_place_is_a_value_error(fields: list[Any]) -> None:
    assert "later version" in str(refusal(encoded([99, *fields])))


@pytest.mark.parametrize(
    "broken",
    [
        [],
        5,
        None,
        {1: 1},
        ["text"],
        [True],
        [1],
        [1, 1, 1, 1, ""],
        [1, -1, 1, 1, "x"],
        [1, 1, 1, TOP + 1, "x"],
        [1, 1, 1, 1, "x" * 4097],
        [1, 1, 1, 1, b"x"],
        [2, 5],
        [2, [-1]],
        [2, [1] * (AGAIN_MAX + 1)],
        [3, 1],
        [3, 1, [2, [1]]],
        [3, 1, [9, 1, 1, 1, "x"]],
        [3, 1, [3, 1, [1, 1, 1, 1, "x"]]],
        [4, [[1]]],
        [4, [[1, -1]]],
        [4, [[1, 1]] * (MARKS_MAX + 1)],
        [5, [1, 1, 1, 1, "x"]],
        [5, [1, 1, 1, 1, "x"], -1],
    ],
)
def test_broken_content_is_not_taken_for_newer_content(broken: object) -> None:
    assert "later version" not in str(refusal(encoded(broken)))


@pytest.mark.parametrize("data", [b"", b"\x95\x01\x01\x01\x01\xa1\xff", b"\x95\x01\x01\x01\x01\xa3\xed\xa0\x80",
                                  b"\x91" * 100_000, encoded([2, [1]]) + b"\0"])  # fmt: skip
def test_bytes_that_are_no_content_are_a_plain_value_error(data: bytes) -> None:
    assert type(refusal(data)) is ValueError


def test_an_error_never_quotes_the_text() -> None:
    """A UnicodeDecodeError carries the whole text with it, and a log would show it."""
    error = refusal(b"\x95\x01\x01\x01\x01\xac" + b"secret text\xff")
    assert "secret" not in str(error)
    assert not isinstance(error, UnicodeDecodeError)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_fields_that_a_later_version_added_are_ignored() -> None:
    assert content.read(encoded([1, 1, 2, 3, "hi", "new", [1]])) == Text(1, 2, 3, "hi")


def test_a_log_never_shows_a_text() -> None:
    text = Text(1, 2, 3, "secret")
    assert "secret" not in f"{text!r} {Resealed(1, text)!r} {text}"


@given(CONTENTS)
def test_what_is_sealed_is_compressed_and_then_padded(said: content.Content) -> None:
    assert decompress(unpad(content.encode(said))) == encoded(said)
    assert content.read(encoded(said)) == said


def test_texts_of_about_the_same_length_have_one_length() -> None:
    words = ["see you soon", "on my way now", "call me later", "it's raining!", "where are you"]
    assert len({len(content.encode(Text(2**62 + 1, 7, 1_795_509_943_123, one))) for one in words}) == 1


def test_the_longest_text_and_the_longest_unknown_content_pass() -> None:
    noise = hashlib.shake_256(b"long").digest(TEXT_BYTES_MAX // 4)
    longest = Text(TOP, TOP, TOP, "".join(chr(0x10000 + byte * 1000) for byte in noise))
    assert len(longest.text.encode()) == TEXT_BYTES_MAX
    assert content.decode(content.encode(longest)) == longest
    assert content.decode(content.encode(Copy(longest, TOP))) == Copy(longest, TOP)
    plain = encoded([99, 1, 2, 3, bytes(INFLATED_BYTES_MAX - 8)])
    assert content.decode(pad(compress(plain))) == Unknown(1, 2, 3, plain)


def test_the_largest_profile_fits_one_envelope() -> None:
    largest = Profile(TOP, "\U0001f600" * NAME_CHARS_MAX, "\U0001f600" * ABOUT_CHARS_MAX, os.urandom(PHOTO_BYTES_MAX))
    assert content.decode(content.encode(largest)) == largest
    assert repr(largest) == f"<Profile {TOP}>"


def test_an_older_version_that_gets_skipped_places_drops_them() -> None:
    """To it, they are content that stands nowhere, in a silent envelope: nothing is shown for them."""
    plain = encoded([9, [3, 4], 0])
    with pytest.raises(ValueError, match="stands nowhere"):
        content.decode(pad(compress(plain)))
    assert content.decode(pad(compress(encoded([8, [3, 4], 7])))) == content.Skipped((3, 4), 7)
