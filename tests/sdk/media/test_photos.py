"""A photo goes out small, in its mode and codec, and tells nothing about its maker."""

import random
import re
from pathlib import Path

import pytest
from PIL import Image

from onebar.media.errors import MediaBudgetError, MediaCancelledError
from onebar.media.jpeg import count_scans, quantisation
from onebar.media.offload import Offload, Stop
from onebar.media.photos import (
    PREVIEW_BYTES_MAX,
    RECIPES,
    Codec,
    Photo,
    PhotoMode,
    encode_preview,
    prepare_photo,
)
from onebar.media.thumbhash import decode_thumbhash
from tests.sdk.media.made import loaded, saved, scene, with_metadata


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(7).randbytes(3 * width * height))


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize(
    ("mode", "size"),
    [(PhotoMode.STANDARD, (1600, 1200)), (PhotoMode.HD, (2000, 1500)), (PhotoMode.DATA_SAVER, (1600, 1200))],
)
def test_each_mode_has_its_size(mode: PhotoMode, codec: Codec, size: tuple[int, int]) -> None:
    photo = prepare_photo(Stop(), saved(scene(2000, 1500), "JPEG"), mode, codec)
    assert (photo.width, photo.height) == loaded(photo.data).size == size
    assert photo.media_type == codec


def test_a_jpeg_is_progressive_and_has_the_measured_table() -> None:
    photo = prepare_photo(Stop(), saved(scene(), "PNG"))
    written = loaded(photo.data)
    assert list(written.quantization[0]) == quantisation(80)  # type: ignore[attr-defined]
    assert list(written.quantization.get(1, written.quantization[0])) == quantisation(80)  # type: ignore[attr-defined]
    assert written.info["progressive"]
    assert count_scans(photo.data) == 10
    assert written.layer[0][1:3] == (2, 2), "4:2:0"  # type: ignore[attr-defined]


def test_data_saver_is_much_smaller_and_avif_smaller_than_jpeg() -> None:
    data = saved(scene(640, 480).effect_spread(20), "PNG")
    sizes = {key: len(prepare_photo(Stop(), data, *key).data) for key in RECIPES}
    for codec in Codec:
        assert sizes[PhotoMode.DATA_SAVER, codec] < 0.8 * sizes[PhotoMode.STANDARD, codec]
    assert sizes[PhotoMode.STANDARD, Codec.AVIF] < sizes[PhotoMode.STANDARD, Codec.JPEG]


# --- metadata -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("codec", Codec)
def test_no_metadata_leaves(kind: str, codec: Codec) -> None:
    source = with_metadata(kind)
    assert b"Secret" in source
    photo = prepare_photo(Stop(), source, PhotoMode.STANDARD, codec)
    for data in (photo.data, photo.preview):
        assert not re.search(rb"Secret|Exif|xmp|acsp|ICC|GPS", data)
    for data in (photo.data, photo.preview):
        assert dict(loaded(data).getexif()) == {}
        assert not {"icc_profile", "exif", "xmp", "comment"} & loaded(data).info.keys()


def test_a_jpeg_holds_nothing_but_what_a_decoder_needs() -> None:
    assert set(jpeg_markers(with_metadata("JPEG"))) >= {0xE1, 0xE2, 0xFE}, "EXIF, profile, comment went in"
    markers = jpeg_markers(prepare_photo(Stop(), with_metadata("JPEG")).data)
    assert set(markers) == {0xD8, 0xE0, 0xDB, 0xC2, 0xC4, 0xDA, 0xD9}
    assert markers.count(0xE0) == 1


def test_an_avif_holds_one_picture_and_nothing_else() -> None:
    assert b"Exif" in avif_items(with_metadata("AVIF"))
    items = avif_items(prepare_photo(Stop(), with_metadata("AVIF"), PhotoMode.STANDARD, Codec.AVIF).data)
    assert items == [b"av01"]


def test_a_preview_is_webp_without_further_chunks() -> None:
    preview = prepare_photo(Stop(), with_metadata("WEBP")).preview
    assert preview[:4] + preview[8:16] == b"RIFFWEBPVP8 "
    assert 20 + int.from_bytes(preview[16:20], "little") + len(preview) % 2 >= len(preview)


def jpeg_markers(data: bytes) -> list[int]:
    """The markers of a JPEG in order, read by its rules and without a library."""
    found, at = [], 0
    while at < len(data):
        if data[at] == 0xFF and data[at + 1] not in (0, 0xFF) and not 0xD0 <= data[at + 1] <= 0xD7:
            found.append(data[at + 1])
            at += 2 if data[at + 1] in (0xD8, 0xD9) else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        else:
            assert 0xDA in found, "only coded data may stand between markers"
            at += 1
    return found


def avif_items(data: bytes) -> list[bytes]:
    """The types of the items in an AVIF file (ISO/IEC 23008-12: the boxes `infe`)."""
    return [match[1] for match in re.finditer(rb"infe\x02.{3}.{2}.{2}(.{4})", data, re.DOTALL)]


# --- previews -------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", [scene(), scene(1, 1), scene(3000, 2), noise(200, 150)])
def test_previews_are_always_small(picture: Image.Image) -> None:
    photo = prepare_photo(Stop(), saved(picture, "PNG"))
    assert len(photo.preview) <= PREVIEW_BYTES_MAX
    assert max(loaded(photo.preview).size) <= 72
    assert len(photo.thumbhash) <= 25
    assert max(decode_thumbhash(photo.thumbhash)[:2]) == 32


def test_a_preview_of_noise_becomes_smaller_until_it_fits() -> None:
    preview = encode_preview(noise(72, 72))
    assert len(preview) <= PREVIEW_BYTES_MAX
    assert max(loaded(preview).size) in (72, 36, 18)


# --- budgets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("bytes_max", [12_000, 7_000])
def test_a_budget_is_kept_and_used(codec: Codec, bytes_max: int) -> None:
    source = saved(noise(60, 45).resize((400, 300)), "PNG")
    photo = prepare_photo(Stop(), source, bytes_max=bytes_max, codec=codec)
    assert bytes_max / 3 < len(photo.data) <= bytes_max
    assert loaded(photo.data).size == (photo.width, photo.height)


def test_a_large_budget_changes_nothing() -> None:
    source = saved(scene(), "PNG")
    assert prepare_photo(Stop(), source, bytes_max=10**6) == prepare_photo(Stop(), source)


def test_more_budget_is_more_quality_and_then_more_pixels() -> None:
    source = saved(noise(80, 60).resize((800, 600)), "PNG")
    photos = [prepare_photo(Stop(), source, bytes_max=size) for size in (7_000, 16_000, 60_000)]
    assert photos[0].width < photos[2].width == 800
    assert [len(photo.data) for photo in photos] == sorted(len(photo.data) for photo in photos)


def test_an_impossible_budget_is_named() -> None:
    with pytest.raises(MediaBudgetError, match="does not fit into 300 bytes"):
        prepare_photo(Stop(), saved(noise(400, 300), "PNG"), bytes_max=300)


# --- work -----------------------------------------------------------------------------------------


def test_stopped_work_ends() -> None:
    stop = Stop()
    stop.ask()
    for options in ({}, {"bytes_max": 1000}):
        with pytest.raises(MediaCancelledError):
            prepare_photo(stop, saved(scene(), "PNG"), **options)  # type: ignore[arg-type]


async def test_it_runs_off_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(scene(), "PNG"))
    with Offload() as offload:
        photo = await offload.run(prepare_photo, path, PhotoMode.DATA_SAVER)
    assert isinstance(photo, Photo)
    assert repr(photo) == f"Photo(image/jpeg, 320x240, {len(photo.data)} bytes)"
