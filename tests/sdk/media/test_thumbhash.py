"""A ThumbHash is the format's, gives the colours back, and refuses what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.media.errors import DamagedMediaError
from onebar.media.thumbhash import decode_thumbhash, encode_thumbhash
from tests.sdk.media.made import scene

SCENE_HASH = "e4460e3d8c6086889489777777777778e3107acf71"
"""Made with the package `thumbhash` 0.1.2 from the same pixels."""


def test_it_is_what_another_implementation_makes() -> None:
    small = scene().resize((50, 38))
    assert encode_thumbhash(50, 38, small.tobytes()).hex() == SCENE_HASH


@given(st.integers(7, 40), st.integers(7, 40), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_plain_colour_comes_back(width: int, height: int, colour: tuple[int, int, int]) -> None:
    across, down, pixels = decode_thumbhash(encode_thumbhash(width, height, bytes(colour) * (width * height)))
    assert max(across, down) == 32
    assert len(pixels) == 3 * across * down
    assert all(abs(given - got) <= 12 for given, got in zip(colour * (across * down), pixels, strict=True))


def test_a_picture_keeps_its_shape_and_its_sides() -> None:
    width, height, pixels = decode_thumbhash(encode_thumbhash(50, 38, scene().resize((50, 38)).tobytes()))
    assert (width, height) == (32, 23)
    house, sky = pixels[3 * width * (height - 3) + 6 :][:3], pixels[3 * width * (height - 3) + 75 :][:3]
    assert house[0] - house[2] > 60 > sky[0] - sky[2], "red on the left below, and only there"


@given(st.binary(max_size=40))
def test_hostile_bytes_are_a_picture_or_damaged(coded: bytes) -> None:
    try:
        width, height, pixels = decode_thumbhash(coded)
    except DamagedMediaError:
        return
    assert len(pixels) == 3 * width * height <= 3 * 32 * 32


@pytest.mark.parametrize("length", [0, 4, 5, 20, 22])
def test_another_length_is_damaged(length: int) -> None:
    whole = encode_thumbhash(50, 38, scene().resize((50, 38)).tobytes())
    with pytest.raises(DamagedMediaError):
        decode_thumbhash((whole + whole)[:length])


@pytest.mark.parametrize(("width", "height", "size"), [(101, 1, 303), (0, 1, 0), (2, 2, 11)])
def test_a_picture_that_is_too_large_or_none_is_refused(width: int, height: int, size: int) -> None:
    with pytest.raises(ValueError, match="at most 100 px a side"):
        encode_thumbhash(width, height, bytes(size))
