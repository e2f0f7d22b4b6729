"""Pictures made on the spot: a scene with edges, colours and gradients, in any format."""

import io
import zlib
from functools import cache
from typing import Any

from PIL import Image, ImageCms, ImageDraw

SCENE = (320, 240)


@cache
def scene(width: int = SCENE[0], height: int = SCENE[1]) -> Image.Image:
    """A sky that fades, a red house on the left, a sun on the right above: every turn of it looks different."""
    across, down = Image.linear_gradient("L").rotate(90).resize((width, height)), Image.linear_gradient("L")
    picture = Image.merge("RGB", (across, down.resize((width, height)), Image.new("L", (width, height), 200)))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height // 2, width // 4, height), fill=(220, 20, 20))
    draw.ellipse((width * 3 // 4, 0, width - 1, height // 4), fill=(250, 240, 40))
    return picture


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def loaded(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def with_metadata(kind: str) -> bytes:
    """A file that tells where it was made, by what, and carries a comment."""
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}  # where it was taken
    options: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": srgb_profile()}
    if kind == "JPEG":
        options["comment"] = b"SecretComment"
    if kind in ("JPEG", "WEBP", "AVIF"):
        options["xmp"] = b"<x:xmpmeta>SecretXmp</x:xmpmeta>"
    return saved(scene(), kind, **options)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def display_p3_profile() -> bytes:
    """The colours of phones' screens, as a profile of primaries and a gamma of 2.2 (ICC.1:2001)."""

    def number(value: float) -> bytes:
        return round(value * 65536).to_bytes(4, "big", signed=True)

    primaries = {"rXYZ": (0.5151, 0.2412, -0.0011), "gXYZ": (0.2920, 0.6922, 0.0419), "bXYZ": (0.1571, 0.0666, 0.7841)}
    white = {"wtpt": (0.9642, 1.0, 0.8249)}
    tags = {name: b"XYZ " + bytes(4) + b"".join(map(number, xyz)) for name, xyz in (primaries | white).items()}
    tags |= {name: b"curv" + bytes(4) + b"\0\0\0\1\x02\x33\0\0" for name in ("rTRC", "gTRC", "bTRC")}
    tags["desc"] = b"desc" + bytes(4) + b"\0\0\0\3P3\0" + bytes(80)
    tags["cprt"] = b"text" + bytes(4) + b"none"
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name.encode() + (place + len(body)).to_bytes(4, "big") + len(content).to_bytes(4, "big")
        body += content
    head = bytes(8) + b"\x02\x10\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += b"".join(map(number, white["wtpt"]))
    whole = head.ljust(128, b"\0") + len(tags).to_bytes(4, "big") + table + body
    return (place + len(body)).to_bytes(4, "big") + whole[4:]


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """A PNG with any size in its head, whatever its pixels are."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def corpus() -> dict[str, bytes]:
    """One valid file of each kind that a decoder takes another way through."""
    small = scene(96, 72)
    frames = [small.rotate(angle) for angle in (0, 90)]
    return {
        "jpeg": saved(small, "JPEG"),
        "jpeg progressive": saved(small, "JPEG", progressive=True),
        "jpeg grey": saved(small.convert("L"), "JPEG"),
        "jpeg cmyk": saved(small.convert("CMYK"), "JPEG"),
        "jpeg metadata": with_metadata("JPEG"),
        "jpeg two": saved(small, "MPO", save_all=True, append_images=[small]),
        "png": saved(small, "PNG"),
        "png palette": saved(small.quantize(64), "PNG", transparency=3),
        "png alpha": saved(small.convert("RGBA"), "PNG"),
        "png 16": saved(small.convert("I;16"), "PNG"),
        "png metadata": with_metadata("PNG"),
        "webp": saved(small, "WEBP"),
        "webp lossless": saved(small.convert("RGBA"), "WEBP", lossless=True),
        "webp moving": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "avif": saved(small, "AVIF", speed=10),
        "avif alpha": saved(small.convert("RGBA"), "AVIF", speed=10),
        "gif": saved(frames[0].quantize(64), "GIF", save_all=True, append_images=[frames[1].quantize(64)]),
        "bmp": saved(small, "BMP"),
    }
