"""Which fields of this device's row are secret, and how they are wrapped."""

from typing import Final

from onebar.crypto.wrapping import KeyVault

SECRETS: Final = ("account_seed", "identity_seed", "box_secret", "next_identity_seed", "next_box_secret")
"""The fields of `core.records.Device` that are wrapped, unless they are empty."""


def wrapped(vault: KeyVault, name: str, secret: bytes) -> bytes:
    """Return a secret as the row holds it; an empty one stays empty."""
    return vault.wrap(secret, _place(name)) if secret else b""


def unwrapped(vault: KeyVault, name: str, held: bytes) -> bytes:
    """Return the secret that `wrapped` wrapped.

    Raises:
        DecryptionError: It was wrapped by another vault, or is damaged.
    """
    return vault.unwrap(held, _place(name)) if held else b""


def _place(name: str) -> str:
    return f"device/{name}"
