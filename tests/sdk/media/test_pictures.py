"""A picture is looked at before it is decoded: kind, bytes, pixels, passes."""

from pathlib import Path

import pytest

from onebar.media import pictures
from onebar.media.errors import DamagedMediaError, MediaError, MediaTooLargeError, UnsupportedMediaError
from onebar.media.pictures import PictureFacts, inspect_picture, named_failures, read_picture
from tests.sdk.media.made import corpus, png_of, saved, scene


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("jpeg", "image/jpeg"),
        ("jpeg two", "image/jpeg"),
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
        ("gif", "image/gif"),
        ("bmp", "image/bmp"),
    ],
)
def test_it_says_what_it_is(name: str, media_type: str) -> None:
    assert inspect_picture(corpus()[name]) == PictureFacts(96, 72, media_type)


def test_a_path_does_as_well_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(saved(scene(), "JPEG"))
    assert inspect_picture(path) == PictureFacts(320, 240, "image/jpeg")


def test_a_file_that_cannot_be_read_is_named_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file") as told:
        read_picture(tmp_path / "holiday.jpg")
    assert "holiday" not in str(told.value)


@pytest.mark.parametrize("size", [(30_000, 30_000), (50_001, 1_000)])
def test_a_bomb_is_refused_by_its_size(size: tuple[int, int]) -> None:
    with pytest.raises(MediaTooLargeError, match="PIXELS_MAX = 50000000"):
        inspect_picture(png_of(*size, b""))


def test_a_very_long_picture_is_refused() -> None:
    with pytest.raises(MediaTooLargeError, match="SIDE_PX_MAX = 32768"):
        inspect_picture(png_of(32_769, 1, b""))


def test_fifty_megapixels_are_taken() -> None:
    assert inspect_picture(png_of(10_000, 5_000, b"")).width == 10_000


def test_a_long_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pictures, "PICTURE_BYTES_MAX", 1000)
    path = tmp_path / "a.png"
    path.write_bytes(bytes(1001))
    for source in (bytes(1001), path):
        with pytest.raises(MediaTooLargeError, match="PICTURE_BYTES_MAX = 1000"):
            read_picture(source)
    assert read_picture(bytes(1000)) == bytes(1000)


def test_a_jpeg_of_many_passes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(scene(), "JPEG", progressive=True)
    assert inspect_picture(data)
    scan = data[data.index(b"\xff\xda") : data.index(b"\xff\xd9")]
    assert inspect_picture(data[:-2] + 10 * scan + b"\xff\xd9"), "a small picture may have them"
    monkeypatch.setattr(pictures, "SCANNED_PIXELS_MAX", 12 * 320 * 240)
    with pytest.raises(MediaTooLargeError, match=r"wants [0-9]+ passes over 320 x 240 pixels"):
        inspect_picture(data[:-2] + 10 * scan + b"\xff\xd9")


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", bytes(1000)])
def test_what_is_no_picture_is_not_taken(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaError, match="taken are AVIF, BMP, GIF, JPEG, PNG, WEBP"):
        inspect_picture(data)


def test_other_decoders_of_pillow_are_never_reached() -> None:
    for kind in ("TIFF", "PPM", "ICO", "TGA"):
        with pytest.raises(UnsupportedMediaError):
            inspect_picture(saved(scene(), kind))


def test_heic_says_what_to_do() -> None:
    with pytest.raises(UnsupportedMediaError, match="HEIC picture; convert it to JPEG"):
        inspect_picture(b"\0\0\0\x18ftypheic" + bytes(100))


def test_whatever_a_decoder_raises_gets_a_name() -> None:
    for raised, named in (
        (MemoryError(), MediaTooLargeError),
        (KeyError("x"), DamagedMediaError),
        (UnsupportedMediaError("mine"), UnsupportedMediaError),
    ):
        with pytest.raises(named), named_failures():
            raise raised
