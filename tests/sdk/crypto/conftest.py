"""Two devices with keys of their own."""

import hashlib

import pytest

from onebar.crypto.keys import DeviceKeys


def device_keys(name: str) -> DeviceKeys:
    """Keys that are the same on every run."""
    return DeviceKeys(hashlib.sha256(f"{name} sign".encode()).digest(), hashlib.sha256(f"{name} box".encode()).digest())


@pytest.fixture(scope="session")
def alice() -> DeviceKeys:
    return device_keys("alice")


@pytest.fixture(scope="session")
def bob() -> DeviceKeys:
    return device_keys("bob")


@pytest.fixture(scope="session")
def mallory() -> DeviceKeys:
    return device_keys("mallory")
