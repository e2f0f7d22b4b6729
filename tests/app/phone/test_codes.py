"""ZXing's Java classes get the picture as Java wants it, and their bytes come back unsigned."""

from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from onebar_app.phone import codes
from onebar_app.phone.codes import read_codes


def zxing(monkeypatch: pytest.MonkeyPatch, segments: list[list[int]] | None) -> list[tuple[int, int, list[int]]]:
    """Let ZXing find this, or nothing; return what it was given."""
    given: list[tuple[int, int, list[int]]] = []

    def decode(_: object) -> Any:
        if segments == []:
            raise RuntimeError("JavaException: NotFoundException")
        found = None if segments is None else SimpleNamespace(size=lambda: len(segments), get=segments.__getitem__)
        return SimpleNamespace(getResultMetadata=lambda: {"bytes": found})

    classes = {
        "RGBLuminanceSource": lambda width, height, pixels: given.append((width, height, pixels)),
        "BinaryBitmap": lambda binarizer: binarizer,
        "common.HybridBinarizer": lambda source: source,
        "qrcode.QRCodeReader": lambda: SimpleNamespace(decode=decode),
        "ResultMetadataType": SimpleNamespace(BYTE_SEGMENTS="bytes"),
    }
    monkeypatch.setattr(codes, "java", lambda name: classes[name.removeprefix("com.google.zxing.")])
    return given


def test_bytes_come_back_unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    given = zxing(monkeypatch, [[8, 2, -1, -128]])
    picture = Image.new("RGB", (2, 1))
    picture.putpixel((1, 0), (255, 255, 255))
    assert read_codes(picture) == [b"\x08\x02\xff\x80"]
    assert given == [(2, 1, [-0x1000000, -1])]  # ARGB: black, white


def test_no_code_and_a_code_of_letters_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    zxing(monkeypatch, [])
    assert read_codes(Image.new("L", (4, 4))) == []
    zxing(monkeypatch, None)
    assert read_codes(Image.new("L", (4, 4))) == []
