"""Which phone has which network: a mix of profiles, such as "30% lte, 40% 3g, 20% edge, 10% tunnel"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from onebar.testing import NetworkProfile, profile

MIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "commute": "30% lte, 40% 3g, 20% edge, 10% tunnel",
        "city": "60% lte, 20% wifi, 10% handover, 10% 3g",
        "countryside": "40% edge, 30% 3g-lossy, 20% 2g-urban, 10% 2g-rural",
        "worst": "25% very-bad, 25% flapping, 25% cutting, 25% half-open",
    }
)
"""Mixes by name; the shares are ours, the profiles are of `onebar.testing.PROFILES`."""

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%\s*(\S+)")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mix(Generic[T]):
    """Things with their shares, which add up to 1."""

    parts: tuple[tuple[float, T], ...]

    def of(self, no: int) -> T:
        """Return what the phone of this number gets: of any run of numbers, each thing has its share of them."""
        place = (no * GOLDEN) % 1.0
        for share, thing in self.parts:
            place -= share
            if place < 0:
                return thing
        return self.parts[-1][1]


GOLDEN: Final = 0.6180339887498949
"""Multiples of the golden ratio are spread evenly, however many there are (Weyl; Knuth, vol. 3, §6.4)."""


def parse_mix(text: str) -> Mix[str]:
    """Read a mix of names: "30% lte, 70% edge", or one name for all.

    Raises:
        ValueError: It is not written like that, or the shares do not add up to 100 %.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 and "%" not in text:
        return Mix(((1.0, text.strip()),))
    shares = []
    for part in parts:
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is no part of a mix; write it like '30% lte, 70% edge'")
        shares.append((float(found[1]) / 100, found[2]))
    total = sum(share for share, _ in shares)
    if abs(total - 1) > 0.001:
        raise ValueError(f"the shares of {text!r} add up to {total:.0%}, not to 100%")
    return Mix(tuple(shares))


def parse_weather(text: str) -> Mix[NetworkProfile]:
    """Read a weather: the name of a mix or of a profile, or a mix.

    Raises:
        ValueError: A name is unknown, or it is no mix; the text says which.
    """
    mix = parse_mix(MIXES.get(text, text))
    try:
        return Mix(tuple((share, profile(name)) for share, name in mix.parts))
    except ValueError as error:
        raise ValueError(f"{error}; and these mixes: {', '.join(MIXES)}") from None
