from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from onebar.testing import PROFILES, NetworkProfile, Trace, profile

NEEDED = {"perfect", "edge", "2g-rural", "3g", "3g-lossy", "lte", "wifi", "satellite"}
NEEDED |= {"tunnel", "elevator", "flapping", "handover", "half-open"}
# One-way delays in ms and rates in kbit/s as published: Apple, ATC, Chrome, WebPageTest.
PUBLISHED = {
    "edge": (200, 240, 420),
    "2g-rural": (18, 20, 650),
    "2g-urban": (32, 35, 650),
    "3g": (330, 780, 100),
    "chrome-3g": (400, 400, 200),
    "chrome-slow-4g": (675, 1440, 75),
    "lte": (12_000, 12_000, 35),
    "wifi": (33_000, 40_000, 1),
    "satellite": (256, 1000, 300),
    "very-bad": (1000, 1000, 500),
}


def test_every_profile_that_was_promised_is_there_under_its_own_name() -> None:
    assert set(PROFILES) >= NEEDED
    assert all(each.name == name for name, each in PROFILES.items())


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_are_the_published_ones(name: str) -> None:
    found = profile(name)
    assert (found.up_kbps, found.down_kbps, found.delay_ms + found.jitter_ms) == PUBLISHED[name]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'5g'; there are: perfect, edge, .*captive"):
        profile("5g")


def test_perfect_does_nothing() -> None:
    assert profile("perfect") == NetworkProfile(name="perfect")
    assert profile("perfect").round_trip_s == 0


def test_a_profile_and_the_table_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        profile("3g").loss = 0.5  # type: ignore[misc]
    with pytest.raises(TypeError):
        PROFILES["3g"] = profile("lte")  # type: ignore[index]


def test_a_variant_is_made_by_replace() -> None:
    assert replace(profile("3g"), name="mine", loss=0.2).up_kbps == 330


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("loss", 0.51),
        ("loss", -0.1),
        ("refuse", 1.5),
        ("duplicate_upgrade", float("nan")),
        ("up_kbps", 0),
        ("down_kbps", -3),
        ("delay_ms", -1),
        ("jitter_ms", float("inf")),
        ("blackout_every_s", 0),
        ("nat_timeout_s", 0),
        ("queue_ms", -1),
        ("handover_every_s", 0),
        ("reset_every_s", 0),
        ("half_open_every_s", 0),
    ],
)
def test_a_wrong_number_is_named_with_its_value(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"mine: {field} is {value!r}, must be "):
        NetworkProfile(**{"name": "mine", "blackout_lasts_s": 1, field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"name": ""}, "name is ''"),
        ({"name": "mine", "blackout_every_s": 5}, "needs a blackout_lasts_s"),
        ({"name": "mine", "up_kbps": 5, "up_trace": Trace("t", (1,))}, "not both"),
        ({"name": "mine", "delay_ms": "5"}, "delay_ms is '5', must be 0 or above"),
        ({"name": "mine", "delay_ms": None}, "delay_ms is None"),
        ({"name": "mine", "delay_ms": True}, "delay_ms is True"),
        ({"name": "mine", "captive_portal": 1}, "captive_portal is 1, must be True or False"),
        ({"name": "mine", "up_trace": (1, 2)}, "up_trace is .* must be a Trace or None"),
        ({"name": None}, "name is None"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        NetworkProfile(**wrong)


def test_every_field_says_what_it_is_in_its_unit() -> None:
    plain = {"name", "loss", "refuse", "duplicate_upgrade", "captive_portal", "up_trace", "down_trace"}
    names = {field.name for field in fields(NetworkProfile)}
    assert all(name.rsplit("_", 1)[-1] in {"s", "ms", "kbps"} for name in names - plain)
