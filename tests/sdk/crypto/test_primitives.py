"""The primitives give what their RFCs say, and refuse what would make a secret known."""

import pytest

from onebar.crypto.primitives import agree, decrypt, encrypt, hkdf, public_of
from onebar.errors import DecryptionError
from tests.sdk.crypto.devices import LOW_ORDER

# RFC 5869, appendix A.1 to A.3: secret, salt, info, output.
HKDF = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]

# RFC 7748 §6.1: Alice's secret and Bob's public key, and what they agree on.
ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
ALICE_PUBLIC = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
BOB_PUBLIC = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
AGREED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"

# RFC 8439 §2.8.2.
SUNSCREEN = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " + (
    b"sunscreen would be it."
)
KEY, NONCE = bytes(range(0x80, 0xA0)), bytes.fromhex("070000004041424344454647")
ASSOCIATED = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
SEALED = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29"
    "05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b"
    "61161ae10b594f09e26a7e902ecbd0600691"
)


@pytest.mark.parametrize(("secret", "salt", "info", "output"), HKDF)
def test_hkdf_gives_what_rfc_5869_says(secret: str, salt: str, info: str, output: str) -> None:
    derived = hkdf(bytes.fromhex(salt), bytes.fromhex(secret), bytes.fromhex(info), len(output) // 2)
    assert derived.hex() == output


def test_the_longest_output_of_hkdf_is_that_of_rfc_5869() -> None:
    longest = hkdf(b"salt", b"secret", b"info", 255 * 32)
    assert len(longest) == 8_160
    assert longest[:-32] == hkdf(b"salt", b"secret", b"info", 254 * 32)


def test_x25519_gives_what_rfc_7748_says() -> None:
    assert public_of(ALICE).hex() == ALICE_PUBLIC
    assert agree(ALICE, BOB_PUBLIC).hex() == AGREED


@pytest.mark.parametrize("public", LOW_ORDER, ids=bytes.hex)
def test_a_low_order_point_is_refused(public: bytes) -> None:
    with pytest.raises(DecryptionError, match="low-order"):
        agree(ALICE, public)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(DecryptionError, match=rf"32 bytes, not {length}"):
        agree(ALICE, bytes(length))


def test_encryption_gives_what_rfc_8439_says() -> None:
    assert encrypt(KEY, NONCE, SUNSCREEN, ASSOCIATED) == SEALED
    assert decrypt(KEY, NONCE, SEALED, ASSOCIATED) == SUNSCREEN


@pytest.mark.parametrize("place", range(len(SEALED)))
def test_a_changed_byte_does_not_open(place: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= 1
    with pytest.raises(DecryptionError, match="tag"):
        decrypt(KEY, NONCE, bytes(changed), ASSOCIATED)


@pytest.mark.parametrize("length", [0, 1, 15])
def test_what_is_shorter_than_a_tag_does_not_open(length: int) -> None:
    with pytest.raises(DecryptionError, match="tag"):
        decrypt(KEY, NONCE, SEALED[:length], ASSOCIATED)


def test_other_associated_data_does_not_open() -> None:
    with pytest.raises(DecryptionError, match="tag"):
        decrypt(KEY, NONCE, SEALED, ASSOCIATED + b"\0")
