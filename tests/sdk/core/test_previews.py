"""What comes to be shown before a file is here: only what this SDK makes itself passes, and nothing is decoded."""

import io
import logging
import time
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from onebar.core.previews import PREVIEW_PX_MAX, check_preview, check_thumbhash, harmless
from onebar.errors import PreviewError
from onebar.media.offload import Stop
from onebar.media.photos import encode_preview, prepare_photo
from onebar.media.thumbhash import encode_thumbhash
from tests.sdk.core.courier import Courier, a_file
from tests.sdk.media.made import corpus, png_of, scene

PHOTO = prepare_photo(Stop(), corpus()["jpeg"])
PREVIEW = PHOTO.preview


def webp(width: int, height: int, frame: bytes = b"", fourcc: bytes = b"VP8 ") -> bytes:
    """A WebP of one picture that claims these sides."""
    body = b"\x30\x01\x00\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + frame
    body += bytes(len(body) % 2)
    riff = b"WEBP" + fourcc + len(body).to_bytes(4, "little") + body
    return b"RIFF" + len(riff).to_bytes(4, "little") + riff


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


NOISE = Image.effect_noise((72, 72), 90).convert("RGB")
TINY = Image.new("RGB", (16, 16), "red")
HOSTILE = {
    "a bomb": webp(16383, 16383, bytes(900)),
    "a long one": webp(PREVIEW_PX_MAX + 1, 1),
    "one to be enlarged": webp(64 | 1 << 14, 64),
    "no pixels": webp(0, 72),
    "a picture of another format": saved(TINY, "PNG"),
    "a PNG bomb": png_of(30_000, 30_000, b""),
    "a JPEG": saved(TINY, "JPEG"),
    "a GIF": saved(TINY, "GIF"),
    "an AVIF": saved(TINY, "AVIF"),
    "without loss": saved(TINY, "WEBP", lossless=True),
    "moving": saved(TINY, "WEBP", save_all=True, append_images=[Image.new("RGB", (16, 16))]),
    "with metadata": saved(TINY, "WEBP", exif=b"Exif\0\0" + bytes(20)),
    "cut short": PREVIEW[:-2],
    "with more behind it": PREVIEW + b"\0\0",
    "a header only": PREVIEW[:25],
    "no key frame": PREVIEW[:20] + bytes([PREVIEW[20] | 1]) + PREVIEW[21:],
    "another start code": PREVIEW[:23] + b"\0\0\0" + PREVIEW[26:],
    "zeros": bytes(1000),
    "one byte": b"R",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_preview_is_left_out_by_name_and_nothing_of_it_is_decoded(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    began_s = time.process_time()
    tracemalloc.start()
    with pytest.raises(PreviewError):
        check_preview(HOSTILE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert time.process_time() - began_s < 1, "a bomb takes seconds"
    if len(HOSTILE[name]) <= 1024:  # a longer one is no content at all
        with caplog.at_level(logging.WARNING, "onebar"):
            phone = Courier()
            shown = phone.shown(phone.receive(msgspec.structs.replace(a_file(kind="photo"), preview=HOSTILE[name])))
        assert shown.preview == b""
        assert "the preview of message" in caplog.text


@pytest.mark.parametrize(
    "data", [b"", b"1234", b"\xff" * 5, bytes(25), b"\0\0\x80\x01\0" + bytes(16), PHOTO.thumbhash + b"\0"]
)
def test_a_malformed_thumbhash_is_left_out(data: bytes) -> None:
    with pytest.raises(PreviewError):
        check_thumbhash(data)
    assert harmless(1, msgspec.structs.replace(a_file(), thumbhash=data)).thumbhash == b""


@given(width=st.integers(1, 100), height=st.integers(1, 100))
def test_every_hash_that_is_made_passes(width: int, height: int) -> None:
    check_thumbhash(encode_thumbhash(width, height, bytes(3 * width * height)))


@pytest.mark.parametrize("picture", [scene().resize((72, 54)), scene().resize((10, 72)), NOISE, TINY])
def test_every_preview_that_is_made_passes(picture: Image.Image) -> None:
    check_preview(encode_preview(picture.convert("RGB")))


def test_what_is_well_reaches_the_app() -> None:
    phone = Courier()
    file = msgspec.structs.replace(a_file(kind="photo"), preview=PREVIEW, thumbhash=PHOTO.thumbhash)
    assert harmless(1, file) is file
    shown = phone.shown(phone.receive(file))
    assert (shown.preview, shown.thumbhash) == (PREVIEW, PHOTO.thumbhash)
