"""What looks like sealed mail, and the wire that it would be on, for the tests of the checkers."""

import msgspec

from onebar.core.frames import Recipient, Submit
from onebar.crypto.pqxdh import InitialHeader, encode_initial
from tests.simulation.network import Wire
from tests.simulation.phone import Phone


def submit(out_no: int, ciphertext: bytes, floor: int = 0) -> Submit:
    recipients = msgspec.msgpack.encode([Recipient(1, ((2, ciphertext),))])
    return Submit(out_no, floor, 0, msgspec.Raw(recipients))


def sealed(key: bytes, body: bytes, salt: bytes = b"salted") -> bytes:
    """Make what looks like an envelope, sealed with this key of a ratchet."""
    return b"\x20" + key.ljust(32, b"k") + b"\0\0" + salt + body.ljust(56, b".")


def initial(ephemeral: bytes, one_time: int) -> bytes:
    """Make an initial header with this ephemeral key."""
    key = ephemeral.ljust(32, b"k")
    return encode_initial(InitialHeader(key, key, 0, 1, one_time, None, b""))


def wire_of(phone: Phone) -> Wire:
    """Return the first wire of a phone."""
    return next(iter(phone.wires.values()))
