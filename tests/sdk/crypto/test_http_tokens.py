"""A token names the device, ends soon, and is bound to one server."""

import pytest

from onebar.crypto.http_tokens import TOKEN_LIFE_MS, authorization, token_to_sign
from onebar.crypto.keys import DeviceKeys, verify

NOW_MS = 1_800_000_000_000


def test_a_token_says_who_signed_it_and_until_when(alice: DeviceKeys) -> None:
    scheme, token = authorization(alice, "chat.example:8440", 7, 9, NOW_MS).split(" ")
    account, device, expires_ms, signature = token.split(".")
    assert (scheme, int(account), int(device), int(expires_ms)) == ("Onebar", 7, 9, NOW_MS + TOKEN_LIFE_MS)
    signed = token_to_sign("chat.example:8440", 7, 9, NOW_MS + TOKEN_LIFE_MS)
    assert verify(alice.public().identity_key, bytes.fromhex(signature), signed)


def test_what_is_signed_is_frozen() -> None:
    signed = b"onebar http 1\0chat.example\0" + bytes(7) + b"\1" + bytes(7) + b"\2" + bytes(7) + b"\3"
    assert token_to_sign("Chat.Example", 1, 2, 3) == signed


@pytest.mark.parametrize("other", [("b", 1, 2, 3), ("a", 2, 2, 3), ("a", 1, 3, 3), ("a", 1, 2, 4), ("a\0", 1, 2, 3)])
def test_every_part_of_it_is_signed(other: tuple[str, int, int, int]) -> None:
    assert token_to_sign(*other) != token_to_sign("a", 1, 2, 3)
