"""Which font draws what; the icons are all there; the licences are shipped."""

import re
from pathlib import Path

import pytest

import onebar_app
from onebar_app.text.fonts import FONTS, draws, family_of, icon, in_emoji, load


@pytest.mark.parametrize(
    ("char", "family"),
    [("a", "Inter"), ("ß", "Inter"), ("Ж", "Inter"), ("ạ", "Inter"), ("ش", "Arabic"), ("ש", "Hebrew"),
     ("न", "Devanagari"),

     ("ব", "Bengali"), ("ก", "Thai"), ("你", "Han"), ("の", "Han"), ("한", "Hangul"), ("☎", "Symbols")],
)  # fmt: skip
def test_each_script_has_its_font(char: str, family: str) -> None:
    assert family_of(char) == family
    assert draws(family, char)
    assert load(family, 20).getbbox(char) != (0, 0, 0, 0)


def test_emoji_are_emoji() -> None:
    assert in_emoji("🎉")
    assert not in_emoji("a" * 1)


def test_every_icon_that_is_used_is_there() -> None:
    named = re.compile(r"""(?:icon=|IconButton\(|Emptiness\(|\.icon\()"([a-z0-9-]+)\"""")
    for path in Path(onebar_app.__file__).parent.rglob("*.py"):
        for name in named.findall(path.read_text(encoding="utf-8")):
            assert icon(name)


def test_every_font_has_its_licence() -> None:
    licences = {path.stem for path in (FONTS / "licences").glob("*.txt")}
    for font in FONTS.glob("*.?tf"):
        family = re.sub(r"(-.*|Arabic|Hebrew|Devanagari|Bengali|Thai)", "", font.stem)
        assert family in licences, font.name
