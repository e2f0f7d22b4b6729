"""Reading QR codes on a phone, by ZXing's own Java library: zxing-cpp has no wheel for Android."""

from array import array
from collections.abc import Sequence
from typing import Any, Final

from PIL import Image

from onebar_app.phone.android import java

_ZXING: Final = "com.google.zxing"


def read_codes(picture: Image.Image) -> Sequence[bytes]:
    """Return what the QR code in a grey picture holds, as `view_models.scan.Reader`."""
    grey = picture.convert("L")
    source = java(f"{_ZXING}.RGBLuminanceSource")(grey.width, grey.height, _argb(grey))
    bitmap = java(f"{_ZXING}.BinaryBitmap")(java(f"{_ZXING}.common.HybridBinarizer")(source))
    try:
        result = java(f"{_ZXING}.qrcode.QRCodeReader")().decode(bitmap)
    except Exception:  # noqa: BLE001 - NotFoundException and its likes: pyjnius has one class for all of Java's
        return []
    segments: Any = result.getResultMetadata().get(java(f"{_ZXING}.ResultMetadataType").BYTE_SEGMENTS)
    if segments is None:
        return []
    return [bytes(byte & 0xFF for byte in segments.get(at)) for at in range(segments.size())]


def _argb(grey: Image.Image) -> list[int]:
    """Return a grey picture as Java's pixels: one signed number of 32 bits each."""
    return array("i", Image.merge("RGBA", (grey, grey, grey, Image.new("L", grey.size, 255))).tobytes()).tolist()
