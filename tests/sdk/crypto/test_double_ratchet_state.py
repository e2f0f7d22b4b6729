"""What a ratchet remembers: where it starts, and what it refuses when it is read back."""

import hashlib

import pytest
from msgspec.structs import replace

from onebar.crypto.double_ratchet import (
    SLOT_BYTES,
    Ratchet,
    SkippedKey,
    from_bytes,
    open_,
    seal,
    start_as_initiator,
    start_as_responder,
    to_bytes,
)
from onebar.crypto.primitives import public_of
from onebar.crypto.suites import ONEBAR_V1, SALT_BYTES
from onebar.errors import InputError
from tests.sdk.crypto.devices import NOW_MS, dice

ENTROPY = dice("double ratchet state")
SALT = bytes(SALT_BYTES)


def pair() -> tuple[Ratchet, Ratchet]:
    root, secret = hashlib.sha256(b"root").digest(), hashlib.sha256(b"prekey").digest()
    return start_as_initiator(ONEBAR_V1, root, public_of(secret), ENTROPY), start_as_responder(ONEBAR_V1, root, secret)


def test_the_first_chain_of_either_side_says_that_no_message_was_before_it() -> None:
    alice, bob = pair()
    alice, sealed = seal(alice, b"hello", b"", SALT)
    bob, _ = open_(bob, sealed, b"", NOW_MS, ENTROPY)
    _, answer = seal(bob, b"hello yourself", b"", SALT)
    headers = [ONEBAR_V1.parse(message)[0] for message in (sealed, answer)]
    assert [(header.previous_count, header.number) for header in headers] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("length", [0, SLOT_BYTES - 1, SLOT_BYTES + 1])
def test_a_name_of_a_missing_key_with_another_length_is_refused(length: int) -> None:
    alice, _ = pair()
    changed = replace(alice.state, skipped={bytes(length): SkippedKey(bytes(32), NOW_MS)})
    with pytest.raises(InputError, match="damaged"):
        from_bytes(ONEBAR_V1, to_bytes(Ratchet(ONEBAR_V1, changed)))
