"""Padding hides lengths: what was padded comes back, and only few lengths exist."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.core.frames import SUBMIT_BYTES_MAX
from onebar.crypto.padding import BUCKETS, CONTENT_BYTES_MAX, PaddingError, pad, unpad


@given(st.binary(max_size=2000))
def test_what_was_padded_comes_back(content: bytes) -> None:
    padded = pad(content)
    assert unpad(padded) == content
    assert padded.startswith(content + b"\x80")
    assert not any(padded[len(content) + 1 :])


@pytest.mark.parametrize("ending", [b"", b"\0", b"\x80", b"\x80\0\0", b"\0\x80"])
def test_content_that_ends_like_padding_comes_back_too(ending: bytes) -> None:
    assert unpad(pad(b"content" + ending)) == b"content" + ending


def test_content_takes_the_first_bucket_that_has_room_for_the_mark() -> None:
    lengths = {length: len(pad(bytes(length))) for length in range(CONTENT_BYTES_MAX + 1)}
    assert set(lengths.values()) == set(BUCKETS)
    for length, padded in lengths.items():
        assert padded == min(bucket for bucket in BUCKETS if bucket > length)


def test_the_buckets_are_few_and_no_further_apart_than_promised() -> None:
    assert BUCKETS[:4] == (40, 56, 80, 112)
    assert len(BUCKETS) == 18
    assert all(before < after <= 1.43 * before for before, after in pairwise(BUCKETS))
    assert BUCKETS[-1] + 1024 < SUBMIT_BYTES_MAX  # a Submit has room around the longest


def test_longer_content_is_refused_with_the_limit() -> None:
    with pytest.raises(PaddingError, match="14336 bytes is longer than CONTENT_BYTES_MAX = 14335"):
        pad(bytes(CONTENT_BYTES_MAX + 1))


@pytest.mark.parametrize("length", [0, 1, 39, 41, 14337])
def test_a_length_of_no_bucket_is_refused(length: int) -> None:
    with pytest.raises(PaddingError, match=f"{length} bytes; no bucket"):
        unpad(b"x" * (length - 1) + b"\x80"[:length])


@pytest.mark.parametrize("padded", [bytes(40), b"x" * 40, b"\x80" * 39 + b"\1", b"\x80" + b"\1".rjust(39, b"\0")])
def test_padding_without_its_mark_is_refused(padded: bytes) -> None:
    with pytest.raises(PaddingError, match="no mark"):
        unpad(padded)
