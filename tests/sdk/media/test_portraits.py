"""The photo of a profile is the middle of a picture, small, and without metadata."""

import random
import re

import pytest
from PIL import Image

from onebar.chats import PHOTO_BYTES_MAX
from onebar.media.errors import UnsupportedMediaError
from onebar.media.offload import Stop
from onebar.media.portraits import PORTRAIT_PX, harmless_portrait, prepare_portrait
from tests.sdk.media.made import loaded, saved, scene, with_metadata


@pytest.mark.parametrize("size", [(1200, 800), (300, 900), (2000, 2000)])
def test_it_is_square_and_fits(size: tuple[int, int]) -> None:
    data = prepare_portrait(Stop(), saved(scene(*size), "JPEG"), PHOTO_BYTES_MAX)
    assert len(data) <= PHOTO_BYTES_MAX
    assert loaded(data).size == (PORTRAIT_PX, PORTRAIT_PX)


def test_the_middle_is_taken() -> None:
    flag = Image.new("RGB", (900, 300), "red")
    flag.paste("white", (300, 0, 600, 300))
    middle = loaded(prepare_portrait(Stop(), saved(flag, "PNG"), PHOTO_BYTES_MAX))
    assert all(min(middle.getpixel(place)) > 250 for place in ((2, 2), (250, 250)))  # type: ignore[arg-type]


def test_a_small_picture_is_not_blown_up_and_noise_is_made_smaller() -> None:
    assert loaded(prepare_portrait(Stop(), saved(scene(100, 60), "JPEG"), PHOTO_BYTES_MAX)).size == (60, 60)
    noise = Image.frombytes("RGB", (600, 600), random.Random(7).randbytes(3 * 600 * 600))
    assert len(prepare_portrait(Stop(), saved(noise, "PNG"), PHOTO_BYTES_MAX)) <= PHOTO_BYTES_MAX


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(UnsupportedMediaError):
        prepare_portrait(Stop(), b"no picture", PHOTO_BYTES_MAX)


def test_no_metadata_leaves() -> None:
    data = prepare_portrait(Stop(), with_metadata("JPEG"), PHOTO_BYTES_MAX)
    assert not re.search(rb"Secret|Exif|xmp|acsp|ICC|GPS", data)


def test_only_a_small_jpeg_of_others_is_harmless() -> None:
    ours = prepare_portrait(Stop(), saved(scene(600, 600), "JPEG"), PHOTO_BYTES_MAX)
    assert harmless_portrait(ours) == ours
    bomb = saved(Image.new("L", (6000, 6000)), "JPEG")
    for hostile in (b"", b"no picture", bomb, saved(scene(64, 64), "PNG"), saved(scene(300, 20), "JPEG"), ours[:9]):
        assert harmless_portrait(hostile) == b""
