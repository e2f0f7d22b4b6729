"""Content comes out as it went in, is rarely longer, and cannot blow up whoever opens it."""

import hashlib
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.core import compression
from onebar.core.compression import (
    ENGLISH_1,
    INFLATED_BYTES_MAX,
    STORED,
    InflatedTooLongError,
    UnknownCompressionError,
    compress,
    decompress,
)
from onebar.core.content import Text
from onebar.crypto.padding import pad

TEXTS = [
    "My bus broke down so I'm going to be about 20 minutes late, sorry!",
    "Can you grab some oat milk and a loaf on your way back?",
    "What's the code for the gate again?",
    "no worries, take your time",
    "I think I left my charger at your place",
    "haha yeah same 😂",
]

EQUAL = b" kvjvjvvk"  # its deflated form is as long as itself


def content_of(text: str) -> bytes:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return msgspec.msgpack.encode(Text(number, 7, 1_795_509_943_123, text))


@given(st.binary(max_size=3000) | st.text(max_size=1000).map(str.encode))
def test_what_was_compressed_comes_back(content: bytes) -> None:
    assert decompress(compress(content)) == content
    assert len(compress(content)) <= len(content) + 1


def test_chat_texts_shrink_well_with_their_framing() -> None:
    before = sum(len(content_of(text)) for text in TEXTS)
    after = sum(len(compress(content_of(text))) for text in TEXTS)
    assert after < 0.7 * before
    without = sum(len(zlib.compress(content_of(text), 9, -15)) for text in TEXTS)
    assert without > 0.95 * before  # the dictionary does it


def test_a_short_text_of_32_bytes_takes_the_smallest_bucket() -> None:
    text = "ok, I'll meet you by the gate :)"
    assert len(text) == 32
    assert len(pad(compress(content_of(text)))) == 40


def test_no_shorter_is_stored_too() -> None:
    """Nothing is gained, so the recipient shall have no work with it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=compression._dictionary(ENGLISH_1))
    assert len(deflate.compress(EQUAL) + deflate.flush()) == len(EQUAL)
    assert compress(EQUAL)[0] == STORED


@pytest.mark.parametrize("content", [b"", b"\x00", hashlib.shake_256(b"noise").digest(500)])
def test_what_does_not_shrink_is_stored(content: bytes) -> None:
    assert compress(content) == bytes((STORED,)) + content


def test_the_dictionary_is_the_one_that_was_released() -> None:
    """Whoever changes it makes every text sealed before unreadable: add another one under a number of its own."""
    assert hashlib.sha256(compression._dictionary(ENGLISH_1)).hexdigest() == (
        "cdf340732346b0532ccc145c2eb035294352d987ab18b102e244fce672a00a87"
    )
    assert len(compression._dictionary(ENGLISH_1)) <= 32 * 1024  # deflate looks no further back


def test_what_an_earlier_version_compressed_still_opens() -> None:
    assert decompress(bytes.fromhex("01439a0a419a1784b79700")) == b"See you at the station tomorrow"


def test_another_way_is_named() -> None:
    with pytest.raises(UnknownCompressionError, match="way 2; this version knows 0 and"):
        decompress(b"\x02whatever")


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x01\xff\xff", compress(b"hello " * 9)[:-1], compress(b"a" * 99) + b"x"]
)
def test_damaged_content_is_a_value_error_that_shows_nothing(data: bytes) -> None:
    with pytest.raises(ValueError, match="compressed content") as caught:
        decompress(data)
    assert "hello" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("size", [INFLATED_BYTES_MAX + 1, 10_000_000])
def test_a_bomb_is_not_inflated_beyond_the_limit(size: int) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"\x01" + deflate.compress(bytes(size)) + deflate.flush()
    with pytest.raises(InflatedTooLongError, match="INFLATED_BYTES_MAX = 16384"):
        decompress(bomb)


def test_the_longest_content_passes_and_a_longer_one_is_refused_before_it_is_sealed() -> None:
    longest = hashlib.shake_256(b"long").digest(INFLATED_BYTES_MAX)
    for content in (longest, bytes(INFLATED_BYTES_MAX)):
        assert decompress(compress(content)) == content
    with pytest.raises(InflatedTooLongError):
        compress(bytes(INFLATED_BYTES_MAX + 1))
    with pytest.raises(InflatedTooLongError):
        decompress(bytes((STORED,)) + longest + b"x")
