"""Each secret of the device is wrapped for its own place, and every one of them is."""

import os

import msgspec
import pytest

from onebar.core.records import Device
from onebar.crypto.wrapping import WrappingKey
from onebar.errors import DecryptionError
from onebar.store.device_secrets import SECRETS, unwrapped, wrapped

VAULT = WrappingKey(b"k" * 32, os.urandom)


def test_every_field_that_is_called_a_seed_or_a_secret_is_wrapped() -> None:
    names = [field.name for field in msgspec.structs.fields(Device)]
    assert sorted(SECRETS) == sorted(name for name in names if name.endswith(("_seed", "_secret")))


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_opens_in_its_own_place_only(name: str) -> None:
    held = wrapped(VAULT, name, b"secret")
    assert b"secret" not in held
    assert unwrapped(VAULT, name, held) == b"secret"
    for other in set(SECRETS) - {name}:
        with pytest.raises(DecryptionError):
            unwrapped(VAULT, other, held)


def test_a_secret_that_is_not_there_stays_empty() -> None:
    assert wrapped(VAULT, "next_box_secret", b"") == unwrapped(VAULT, "next_box_secret", b"") == b""
