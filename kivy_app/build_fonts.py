"""Make the app's fonts from those of Debian and of Lucide: fewer characters, smaller emoji, a table of what each has.

    mkdir /tmp/fonts && cd /tmp/fonts
    apt-get download fonts-inter fonts-noto-core fonts-noto-color-emoji fonts-dejavu-core fonts-droid-fallback \
        fonts-nanum
    for package in *.deb; do dpkg -x $package .; done
    npm pack lucide-static@1.62.0 && tar xzf lucide-static-1.62.0.tgz
    python kivy_app/build_fonts.py /tmp/fonts

Needs fonttools. The fonts are committed, so that building the app needs none of this; who adds an icon runs it again.
"""

import io
import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Final

from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image

OUT: Final = Path(__file__).parent / "onebar_app" / "assets" / "fonts"
DEBIAN: Final = "usr/share/fonts"
NOTO: Final = f"{DEBIAN}/truetype/noto"

# Latin with accents and combining marks, Greek, Cyrillic, Vietnamese, punctuation, currencies, arrows.
EUROPEAN: Final = [
    *range(0x20, 0x530),
    *range(0x1E00, 0x2000),
    *range(0x2000, 0x2070),
    *range(0x20A0, 0x20C0),
    *range(0x2100, 0x2200),
]
SYMBOLS: Final = [*range(0x2070, 0x20A0), *range(0x2100, 0x2C00), 0xFFFD, *range(0x10A0, 0x1100), *range(0x530, 0x590)]

# Han, kana and Hangul of the national standards: what people type, and no more.
ENCODINGS: Final = ("gb2312", "shift_jis", "big5")

EMOJI_PIXELS: Final = 72
"""Height of an emoji: a text at its usual size needs 50 on most phones; the font has 128."""
EMOJI_COLOURS: Final = 64
"""Colours of one emoji: fewer show steps in the yellow faces."""

ICONS: Final = [
    "archive",
    "arrow-down",
    "arrow-left",
    "arrow-right",
    "ban",
    "bell",
    "bell-off",
    "bug",
    "check",
    "check-check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle-alert",
    "clock",
    "copy",
    "database",
    "download",
    "ellipsis-vertical",
    "eye",
    "eye-off",
    "file",
    "file-text",
    "flag",
    "forward",
    "globe",
    "hard-drive",
    "hourglass",
    "image",
    "info",
    "key-round",
    "keyboard",
    "languages",
    "link",
    "list-checks",
    "lock",
    "log-out",
    "message-circle",
    "mic",
    "monitor",
    "moon",
    "palette",
    "paperclip",
    "pause",
    "pencil",
    "phone",
    "pin",
    "pin-off",
    "play",
    "plus",
    "qr-code",
    "refresh-cw",
    "search",
    "send-horizontal",
    "settings",
    "shield",
    "shield-alert",
    "shield-check",
    "smartphone",
    "square-pen",
    "sun",
    "trash-2",
    "type",
    "unlock",
    "user",
    "user-plus",
    "users",
    "video",
    "wifi",
    "wifi-off",
    "x",
    "zap",
    "camera",
    "circle-check",
    "circle-x",
    "inbox",
    "archive-restore",
    "smile",
    "volume-2",
]


def text_font(source: Path, name: str, wanted: list[int] | None, called: str = "") -> None:
    """Keep the wanted characters, and all features that they need; `called` where its licence reserves the name."""
    font = TTFont(source)
    options = subset.Options(layout_features=["*"], hinting=False, name_IDs=["*"], notdef_outline=True)
    options.drop_tables += ["DSIG", "FFTM"]
    smaller = subset.Subsetter(options)
    smaller.populate(unicodes=font.getBestCmap() if wanted is None else wanted)
    smaller.subset(font)
    for entry in list(font["name"].names) if called else ():
        font["name"].removeNames(nameID=entry.nameID)
    if called:
        for name_id, text in enumerate(
            ("Made from a font of NAVER Corporation (OFL 1.1)", called, "Regular", called, called)
        ):
            font["name"].setName(text, name_id, 3, 1, 0x409)
    font.save(OUT / name)


def emoji_font(source: Path, name: str) -> None:
    """Make the pictures smaller, and their metrics with them."""
    font = TTFont(source)
    for strike, data in zip(font["CBLC"].strikes, font["CBDT"].strikeData, strict=True):
        table = strike.bitmapSizeTable
        scale = EMOJI_PIXELS / 128
        table.ppemX, table.ppemY = (round(ppem * scale) for ppem in (table.ppemX, table.ppemY))
        for line in (table.hori, table.vert):
            for field in ("ascender", "descender", "widthMax"):
                setattr(line, field, round(getattr(line, field) * scale))
        for glyph in data.values():
            shrink(glyph, scale)
    font.save(OUT / name)
    print(name, "is", table.ppemX, "pixels an em")  # noqa: T201


def shrink(glyph: object, scale: float) -> None:
    """Make one picture of the font smaller."""
    glyph.ensureDecompiled()  # type: ignore[attr-defined]
    metrics, picture = glyph.metrics, Image.open(io.BytesIO(glyph.imageData)).convert("RGBA")  # type: ignore[attr-defined]
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.LANCZOS).quantize(EMOJI_COLOURS, method=Image.Quantize.FASTOCTREE)
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    glyph.imageData = out.getvalue()  # type: ignore[attr-defined]
    metrics.width, metrics.height = size
    metrics.BearingX, metrics.BearingY = round(metrics.BearingX * scale), round(metrics.BearingY * scale)
    metrics.Advance = round(metrics.Advance * scale)


def icon_font(folder: Path) -> None:
    """Keep the icons of the list; write which character is which."""
    codes: dict[str, int] = json.loads((folder / "font" / "codepoints.json").read_text())
    missing = [icon for icon in ICONS if icon not in codes]
    if missing:
        raise SystemExit(f"Lucide has no {', '.join(missing)}")
    text_font(folder / "font" / "lucide.ttf", "Lucide.ttf", [codes[icon] for icon in ICONS])
    font = TTFont(OUT / "Lucide.ttf")
    for name, (advance, _) in list(font["hmtx"].metrics.items()):  # it says 0, and FreeType moves icons to the left
        font["hmtx"][name] = (advance, getattr(font["glyf"][name], "xMin", 0))
    font.save(OUT / "Lucide.ttf")
    (OUT / "icons.json").write_text(json.dumps({icon: codes[icon] for icon in sorted(ICONS)}, indent=0) + "\n")


def coverage(name: str) -> list[list[int]]:
    """Return the ranges of characters that a font has, first and last."""
    codes = sorted(TTFont(OUT / name).getBestCmap())
    runs = (list(run) for _, run in groupby(enumerate(codes), lambda pair: pair[1] - pair[0]))
    return [[run[0][1], run[-1][1]] for run in runs]


def main(folder: Path) -> None:
    """Make all fonts."""
    OUT.mkdir(parents=True, exist_ok=True)
    for weight in ("Regular", "SemiBold"):
        text_font(folder / f"{DEBIAN}/opentype/inter/Inter-{weight}.otf", f"Inter-{weight}.otf", EUROPEAN)
    for script in ("Arabic", "Hebrew", "Devanagari", "Bengali", "Thai"):
        for weight in ("Regular", "Bold") if script in {"Arabic", "Hebrew"} else ("Regular",):
            text_font(folder / f"{NOTO}/NotoSans{script}-{weight}.ttf", f"NotoSans{script}-{weight}.ttf", None)
    han = {ord(char) for encoding in ENCODINGS for char in every_char(encoding) if char > "\u2e7f"}
    droid = folder / f"{DEBIAN}/truetype/droid/DroidSansFallbackFull.ttf"
    text_font(droid, "DroidSansFallback.ttf", [0x20, *han, *range(0x3000, 0x3100), *range(0xFF00, 0xFFEF)])
    hangul = {ord(char) for char in every_char("euc_kr") if "\u1100" <= char <= "\u11ff" or char >= "\u3130"} - han
    text_font(folder / f"{DEBIAN}/truetype/nanum/NanumGothic.ttf", "OnebarHangul.ttf", [0x20, *hangul], "Onebar Hangul")
    text_font(folder / f"{DEBIAN}/truetype/dejavu/DejaVuSans.ttf", "DejaVuSans.ttf", [*SYMBOLS, *EUROPEAN])
    emoji_font(folder / f"{NOTO}/NotoColorEmoji.ttf", "NotoColorEmoji.ttf")
    icon_font(folder / "package")
    fonts = sorted(path.name for path in OUT.glob("*.?tf") if path.name != "Lucide.ttf")
    (OUT / "coverage.json").write_text(
        json.dumps({name: coverage(name) for name in fonts}, separators=(",", ":")) + "\n"
    )


def every_char(encoding: str) -> str:
    """Return what two bytes of an encoding can say."""
    pairs = (bytes((high, low)) for high in range(0x81, 0xFF) for low in range(0x40, 0xFF))
    return "".join(pair.decode(encoding, errors="ignore") for pair in pairs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
