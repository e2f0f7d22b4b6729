"""The colours of the app, light and dark. A test holds every pair of text and ground to WCAG AA (4.5 : 1)."""

from dataclasses import dataclass, fields
from typing import Final

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours by what they are for; `on_X` is text or an icon on `X`."""

    name: str
    surface: str
    """Lists, bars, sheets."""
    ground: str
    """Behind the bubbles of a chat, and between groups of settings."""
    text: str
    quiet: str
    """Text that is less important; on surface and ground."""
    line: str
    """Hairlines; carries no meaning."""
    accent: str
    """Text and icons that can be tapped; on surface and ground."""
    fill: str
    """Filled buttons and badges."""
    on_fill: str
    muted_fill: str
    """Badges of muted chats, tracks of switches that are off."""
    on_muted_fill: str
    danger: str
    theirs: str
    """Bubbles that came in."""
    on_theirs: str
    quiet_on_theirs: str
    ours: str
    """Bubbles that were sent."""
    on_ours: str
    quiet_on_ours: str
    read: str
    """The ticks of what was read; on `ours` and on surface."""
    link_on_theirs: str
    link_on_ours: str
    danger_on_ours: str
    banner: str
    on_banner: str
    field: str
    """Input lines."""
    pressed: str
    """Laid over what is being touched, at 10 %."""
    veil: str
    """Behind sheets and dialogs, at 50 %."""
    chip: str
    """Behind the headings of days."""
    on_chip: str

    def rgb(self, name: str) -> Rgb:
        """Return a colour by its name, or one written as `#rrggbb`."""
        return parse(name if name.startswith("#") else str(getattr(self, name)))


# The two themes.
LIGHT: Final = Theme(
    name="light",
    surface="#ffffff",
    ground="#eef2f0",
    text="#111816",
    quiet="#56625e",
    line="#e1e7e4",
    accent="#0a6b5b",
    fill="#0a7564",
    on_fill="#ffffff",
    muted_fill="#dde4e1",
    on_muted_fill="#4a5652",
    danger="#b3261e",
    theirs="#ffffff",
    on_theirs="#111816",
    quiet_on_theirs="#5c6864",
    ours="#cdeee3",
    on_ours="#0e1f1a",
    quiet_on_ours="#3f5d54",
    read="#0b5cad",
    link_on_theirs="#0b5cad",
    link_on_ours="#0a4f96",
    danger_on_ours="#a1201a",
    banner="#fdf0cf",
    on_banner="#5b4300",
    field="#eef2f0",
    pressed="#111816",
    veil="#000000",
    chip="#ffffff",
    on_chip="#4a5652",
)

# At night, and where the system says so.
DARK: Final = Theme(
    name="dark",
    surface="#151d1b",
    ground="#0c1211",
    text="#e8efec",
    quiet="#9eaca7",
    line="#28322f",
    accent="#5fd6bc",
    fill="#5fd6bc",
    on_fill="#04231c",
    muted_fill="#35413d",
    on_muted_fill="#c3cfca",
    danger="#ff9a90",
    theirs="#212b28",
    on_theirs="#e8efec",
    quiet_on_theirs="#a3b1ac",
    ours="#0f4a3f",
    on_ours="#eaf7f2",
    quiet_on_ours="#abd3c8",
    read="#7cc7ff",
    link_on_theirs="#8fd0ff",
    link_on_ours="#a6daff",
    danger_on_ours="#ffb4ab",
    banner="#3b3013",
    on_banner="#ffe0a3",
    field="#212b28",
    pressed="#ffffff",
    veil="#000000",
    chip="#212b28",
    on_chip="#b4c1bc",
)

AVATARS: Final = ("#b04a2e", "#8a5a00", "#55691a", "#0c7260", "#0b6b8c", "#3f5cc0", "#7c48b3", "#a63d74")
"""Grounds of avatars; white letters stand on them in both themes."""

PAIRS: Final = (
    ("text", "surface"),
    ("text", "ground"),
    ("text", "field"),
    ("quiet", "surface"),
    ("quiet", "ground"),
    ("quiet", "field"),
    ("accent", "surface"),
    ("accent", "ground"),
    ("accent", "field"),
    ("on_fill", "fill"),
    ("on_muted_fill", "muted_fill"),
    ("danger", "surface"),
    ("danger", "ground"),
    ("on_theirs", "theirs"),
    ("quiet_on_theirs", "theirs"),
    ("on_ours", "ours"),
    ("quiet_on_ours", "ours"),
    ("read", "ours"),
    ("read", "surface"),
    ("link_on_theirs", "theirs"),
    ("link_on_ours", "ours"),
    ("danger_on_ours", "ours"),
    ("on_banner", "banner"),
    ("on_chip", "chip"),
    ("on_chip", "ground"),
)
"""Which colour is written on which."""


def parse(colour: str) -> Rgb:
    """Return the parts of `#rrggbb`."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    brighter, darker = sorted((_luminance(parse(one)), _luminance(parse(other))), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        (part / 255 / 12.92) if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def names() -> list[str]:
    """Return the names of all colours."""
    return [field.name for field in fields(Theme) if field.name != "name"]
