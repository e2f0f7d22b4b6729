"""The quantisation table is the one measured, and passes are counted as a decoder makes them."""

import io

import pytest
from PIL import Image

from onebar.media.jpeg import count_scans, quantisation
from tests.sdk.media.made import saved, scene, with_metadata


def test_at_80_it_is_the_table_of_the_pictures_that_whatsapp_sends() -> None:
    table = quantisation(80)
    assert table[:8] == [6, 6, 6, 7, 10, 15, 22, 34]
    assert table[32:40] == [10, 14, 17, 21, 28, 38, 52, 76]
    assert table[56:] == [34, 30, 54, 62, 76, 95, 124, 167]
    assert sum(table) == 2278


def test_qualities_are_scaled_and_stay_within_a_byte() -> None:
    assert quantisation(100) == [1] * 64
    assert quantisation(50)[0] == 16
    assert max(quantisation(1)) == 255
    sums = [sum(quantisation(quality)) for quality in range(1, 101)]
    assert sums == sorted(sums, reverse=True)


def test_a_decoder_reads_the_table_that_was_written() -> None:
    data = saved(scene(), "JPEG", qtables=[quantisation(80)] * 2)
    written = Image.open(io.BytesIO(data)).quantization  # type: ignore[attr-defined]
    assert list(written[0]) == quantisation(80)


@pytest.mark.parametrize(("options", "scans"), [({}, 1), ({"progressive": True}, 10)])
def test_passes_are_counted(options: dict[str, bool], scans: int) -> None:
    assert count_scans(saved(scene(), "JPEG", **options)) == scans


def test_a_thumbnail_in_the_metadata_is_no_pass() -> None:
    thumbnail = saved(scene(64, 48), "JPEG")
    exif = Image.Exif()
    exif[0x010E] = thumbnail.decode("latin-1")
    assert count_scans(saved(scene(), "JPEG", exif=exif.tobytes())) == 1
    assert count_scans(with_metadata("JPEG")) == 1


def test_bytes_behind_the_end_do_not_count_and_nothing_else_is_no_jpeg() -> None:
    data = saved(scene(), "JPEG")
    assert count_scans(data + data) == 1
    assert count_scans(b"") == 0
    assert count_scans(b"\xff") == 0
    assert count_scans(b"\xff\xda") == 1
