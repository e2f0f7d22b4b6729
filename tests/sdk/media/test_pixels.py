"""Whatever comes in, plain pixels come out: upright, opaque, sRGB."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from onebar.media.errors import DamagedMediaError, MediaCancelledError
from onebar.media.pixels import fitting, plain_pixels, scaled
from tests.sdk.media.made import corpus, display_p3_profile, saved, scene, with_metadata


def on() -> None:
    """Go on."""


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean difference of two pictures, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(first, second)).mean)


@pytest.mark.parametrize("name", [name for name in corpus() if "16" not in name and "metadata" not in name])
def test_every_kind_gives_the_same_picture(name: str) -> None:
    plain = plain_pixels(corpus()[name], 1000, on)
    assert (plain.mode, plain.size, plain.info) == ("RGB", (96, 72), {})
    expected = scene(96, 72)
    if "grey" in name:
        expected = expected.convert("L").convert("RGB")
    assert difference(plain, expected) < (12 if "gif" in name or "palette" in name else 6)


def test_sixteen_bits_of_grey_become_eight() -> None:
    grey = Image.new("I;16", (4, 4), 0x8000)
    assert plain_pixels(saved(grey, "PNG"), 10, on).getpixel((0, 0)) == (128, 128, 128)


ORIENTED: list[tuple[int, Callable[[Image.Image], Image.Image]]] = [
    (2, lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    (3, lambda picture: picture.rotate(180)),
    (4, lambda picture: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)),
    (5, lambda picture: picture.rotate(90, expand=True).transpose(Image.Transpose.FLIP_TOP_BOTTOM)),
    (6, lambda picture: picture.rotate(90, expand=True)),
    (7, lambda picture: picture.rotate(-90, expand=True).transpose(Image.Transpose.FLIP_TOP_BOTTOM)),
    (8, lambda picture: picture.rotate(-90, expand=True)),
]


@pytest.mark.parametrize(("orientation", "held"), ORIENTED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_camera_gives_an_upright_picture(
    orientation: int, held: Callable[[Image.Image], Image.Image], kind: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = plain_pixels(saved(held(scene()), kind, exif=exif.tobytes()), 1000, on)
    assert plain.size == scene().size
    assert difference(plain, scene()) < 6


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
@pytest.mark.filterwarnings("ignore")
def test_broken_exif_does_not_hold_a_photo_up(exif: bytes) -> None:
    assert difference(plain_pixels(saved(scene(), "JPEG", exif=exif), 1000, on), scene()) < 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_another_colour_space_becomes_srgb(kind: str) -> None:
    red = saved(Image.new("RGB", (16, 16), (200, 60, 60)), kind, icc_profile=display_p3_profile(), quality=100)
    r, g, b = plain_pixels(red, 16, on).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert (r, g, b) == (pytest.approx(216, abs=4), pytest.approx(42, abs=8), pytest.approx(54, abs=6))


def test_a_profile_of_other_channels_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    red = saved(Image.new("RGB", (8, 8), (200, 60, 60)), "PNG", icc_profile=lab)
    assert plain_pixels(red, 8, on).getpixel((0, 0)) == (200, 60, 60)


@pytest.mark.parametrize("profile", [b"", b"garbage", bytes(500)])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    plain = plain_pixels(saved(scene(), "PNG", icc_profile=profile), 1000, on)
    assert difference(plain, scene()) == 0


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    assert plain_pixels(saved(clear, "PNG"), 10, on).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_large_pictures_shrink_and_small_ones_do_not_grow(kind: str) -> None:
    data = saved(scene(1000, 750), kind)
    assert plain_pixels(data, 160, on).size == (160, 120)
    assert plain_pixels(data, 5000, on).size == (1000, 750)
    assert difference(plain_pixels(data, 160, on), scene(1000, 750).resize((160, 120), 1)) < 6


def test_nothing_that_the_file_carried_stays() -> None:
    assert plain_pixels(with_metadata("JPEG"), 1000, on).info == {}
    assert dict(plain_pixels(with_metadata("PNG"), 1000, on).getexif()) == {}


def test_sides_are_never_zero() -> None:
    assert fitting((10_000, 1), 100) == (100, 1)
    assert fitting((100, 50), 100) == (100, 50)
    assert scaled(Image.new("RGB", (1000, 1)), 10).size == (10, 1)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_it_can_be_ended_between_any_two_steps(step: int) -> None:
    left = [step]

    def check() -> None:
        left[0] -= 1
        if not left[0]:
            raise MediaCancelledError("enough")

    with pytest.raises(MediaCancelledError, match="enough"):
        plain_pixels(saved(scene(), "JPEG"), 100, check)


def test_a_picture_cut_short_is_damaged() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "BMP"):
        data = saved(scene(), kind)
        with pytest.raises(DamagedMediaError):
            plain_pixels(data[: len(data) // 2], 1000, on)
