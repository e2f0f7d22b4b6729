"""The defaults keep the promises of the design."""

import dataclasses

import pytest

from onebar.config import SHOWN_MAX, Config
from onebar.errors import InputError


def test_no_retry_pause_is_longer_than_promised() -> None:
    config = Config("chat.example")
    assert 0 < config.backoff_s_min <= config.backoff_s_max <= 30


def test_every_setting_has_a_default_and_all_are_above_zero() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(Config)}
    assert fields.pop("host") == "", "a client takes it from its server"
    del fields["attentive_s"]
    assert fields.pop("shows") is None
    attentive_s = Config("chat.example").attentive_s
    assert list(attentive_s) == sorted(attentive_s)
    assert all(isinstance(value, int | float) and value > 0 for value in [*fields.values(), *attentive_s])


def test_settings_do_not_change_under_a_running_device() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config("chat.example").window = 1  # type: ignore[misc]


@pytest.mark.parametrize("shows", [("AVIF",), ("image/avif image/jxl",), ("image/x",) * (SHOWN_MAX + 1), ("",)])
def test_what_is_announced_are_a_few_media_types(shows: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="SHOWN_MAX = 8"):
        Config("chat.example", shows=shows)
    assert Config("chat.example", shows=("image/avif", "image/jxl")).shows
