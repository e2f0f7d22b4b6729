"""How this package writes its values down: strictly, briefly, and silent about their secrets."""

from typing import Annotated, Final, TypeVar

import msgspec

from onebar.errors import DecryptionError, InputError

KEY_BYTES: Final = 32
"""Length of every key here but those of ML-KEM: Ed25519, X25519 (RFC 8032, RFC 7748), roots and chains (SHA-256)."""

COUNT_MAX: Final = 2**32 - 1
"""Highest number of a message in a chain and of a prekey: what the formats of Signal and Olm hold too."""

NUMBER_MAX: Final = 2**63 - 1
"""Highest number of an account or a device, and of a device list: what SQLite holds."""

MOMENT_MAX_MS: Final = 2**48 - 1
"""Latest moment, in milliseconds since 1970: what 6 bytes hold, the year 10889."""

SIGNATURE_BYTES: Final = 64
"""Length of an Ed25519 signature (RFC 8032)."""

VARINT_BYTES_MAX: Final = 5
"""Length of the longest varint: 32 bits at 7 a byte."""

Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
PrekeyId = Annotated[int, msgspec.Meta(ge=0, lt=COUNT_MAX)]
"""One less than a count, since 0 stands for none where it travels."""
Number = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]
"""Of an account or a device."""
Moment = Annotated[int, msgspec.Meta(ge=0, le=MOMENT_MAX_MS)]
Signature = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class Value(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A record that may hold secrets: it cannot be changed, and its `repr` shows its name only."""

    def __repr__(self) -> str:
        """Show no field: most of them are keys."""
        return f"{type(self).__name__}(…)"


ValueT = TypeVar("ValueT", bound=Value)


def pack(version: int, value: Value) -> bytes:
    """Return a value as bytes: the version of its layout (0 to 255), then MessagePack."""
    return bytes((version,)) + msgspec.msgpack.encode(value)


def unpack(version: int, data: bytes, kind: type[ValueT]) -> ValueT:
    """Return the value that `pack` wrote.

    Raises:
        InputError: Another version, damaged, cut short or longer than it says.
    """
    if data[:1] != bytes((version,)):
        raise InputError(f"{len(data)} bytes are no {kind.__name__} of version {version}; it has to be made anew")
    try:
        return msgspec.msgpack.decode(memoryview(data)[1:], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"a {kind.__name__} of {len(data)} bytes is damaged; it has to be made anew") from error


def varint(number: int) -> bytes:
    """Return a number of 0 to `COUNT_MAX` in 1 to 5 bytes, 7 bits each, the lowest first (LEB128)."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that `varint` wrote at this place, and the place after it.

    Raises:
        DecryptionError: Cut short, above `COUNT_MAX`, or longer than it need be (one number has one form).
    """
    number = 0
    for place, byte in enumerate(data[at : at + VARINT_BYTES_MAX]):
        number |= (byte & 0x7F) << 7 * place
        if byte <= 0x7F:
            if number > COUNT_MAX or (byte == 0 and place > 0):
                break
            return number, at + place + 1
    raise DecryptionError(f"no number from 0 to {COUNT_MAX} at byte {at} of an envelope of {len(data)} bytes")
