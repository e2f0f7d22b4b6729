"""The defaults keep the promises of the design."""

import dataclasses

import pytest

from onebar.config import Config


def test_no_retry_pause_is_longer_than_promised() -> None:
    config = Config("chat.example")
    assert 0 < config.backoff_s_min <= config.backoff_s_max <= 30


def test_every_setting_has_a_default_but_the_host_and_all_are_above_zero() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(Config)}
    assert fields.pop("host") is dataclasses.MISSING
    del fields["attentive_s"]
    attentive_s = Config("chat.example").attentive_s
    assert list(attentive_s) == sorted(attentive_s)
    assert all(isinstance(value, int | float) and value > 0 for value in [*fields.values(), *attentive_s])


def test_settings_do_not_change_under_a_running_device() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config("chat.example").window = 1  # type: ignore[misc]
