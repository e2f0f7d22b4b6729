"""Safety numbers: 60 digits, or a QR code, by which two people see that nobody sits between them.

For the same bytes they are those of libsignal's numeric fingerprint, version 2 (Signal, "Safety number updates", 2016),
so that a second implementation checks ours. What stands for a person is an id that never changes and the account key,
which signs the keys of all devices.
"""

import hashlib
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from onebar.errors import NotASafetyNumberError, SafetyNumberMismatchError, SafetyNumberVersionError

VERSION: Final = 2
"""Version in the QR code: libsignal's for ids that are no phone numbers. Its digits are the same in version 1."""

ITERATIONS: Final = 5_200
"""How often SHA-512 is applied, as libsignal does: a forger pays 12 bits of work more for each key tried (2.7 ms)."""

DIGITS: Final = 60
"""Length of a safety number: 30 digits for each side, 99.7 bits (6 groups of 5, each from 40 bits modulo 100,000)."""

_GROUPS: Final = 6
_GROUP_DIGITS: Final = 5
_GROUP_BYTES: Final = 5
_SCANNED_BYTES: Final = 32
_CONTEXT: Final = b"\0\0"  # libsignal's version of the iteration, the same in both versions of the code

# A QR code holds libsignal's protocol buffer CombinedFingerprints: version = 1; local = 2 and remote = 3, each of which
# is a message with content = 1. All lengths are fixed, so there is one way to write it.
_BEFORE_VERSION: Final = b"\x08"
_BEFORE_LOCAL: Final = bytes((0x12, _SCANNED_BYTES + 2, 0x0A, _SCANNED_BYTES))
_BEFORE_REMOTE: Final = bytes((0x1A, _SCANNED_BYTES + 2, 0x0A, _SCANNED_BYTES))

QR_BYTES: Final = 2 + 2 * (4 + _SCANNED_BYTES)
"""Length of what a QR code holds."""


@dataclass(frozen=True, slots=True)
class SafetyNumber:
    """What one side shows the other; both compare it. It is no secret, but it stays out of logs."""

    own: bytes = field(repr=False)
    """Fingerprint of our own id and key, 64 bytes."""
    other: bytes = field(repr=False)
    """Fingerprint of the other side's id and key, 64 bytes."""

    @property
    def digits(self) -> str:
        """60 digits, the same on both sides."""
        return "".join(sorted((_digits(self.own), _digits(self.other))))

    def qr(self) -> bytes:
        """Return what our QR code holds, 74 bytes; `compare` of the other side takes it."""
        return _encode(VERSION, self.own, self.other)

    def compare(self, scanned: bytes) -> None:
        """Check the code that was scanned from the other side's screen; return if both see the same two keys.

        Raises:
            NotASafetyNumberError: It is some other code.
            SafetyNumberVersionError: It has another version.
            SafetyNumberMismatchError: The keys differ, or it belongs to another chat.
        """
        version = _read_version(scanned)
        if version != VERSION:
            raise SafetyNumberVersionError(
                f"the code has version {version} and this app's {VERSION}: update the app that is older"
            )
        if not compare_digest(scanned, _encode(VERSION, self.other, self.own)):
            raise SafetyNumberMismatchError(
                "the keys differ, or the code is another chat's: compare the right chat again"
            )


def safety_number(own_id: bytes, own_key: bytes, other_id: bytes, other_key: bytes) -> SafetyNumber:
    """Return the number of two people; takes about 5 ms, so keep it.

    Args:
        own_id: What names our account for ever, any length; both sides use the same bytes.
        own_key: Our account key.
        other_id: What names theirs.
        other_key: Their account key.
    """
    return SafetyNumber(fingerprint(own_id, own_key), fingerprint(other_id, other_key))


def fingerprint(stable_id: bytes, key: bytes) -> bytes:
    """Return the 64 bytes that stand for an id and a key: SHA-512, 5,200 times over (libsignal, `fingerprint.rs`)."""
    state = hashlib.sha512(_CONTEXT + key + stable_id + key).digest()
    for _ in range(ITERATIONS - 1):
        state = hashlib.sha512(state + key).digest()
    return state


def _digits(of: bytes) -> str:
    chunks = (of[at : at + _GROUP_BYTES] for at in range(0, _GROUPS * _GROUP_BYTES, _GROUP_BYTES))
    return "".join(f"{int.from_bytes(chunk, 'big') % 10**_GROUP_DIGITS:0{_GROUP_DIGITS}}" for chunk in chunks)


def _encode(version: int, local: bytes, remote: bytes) -> bytes:
    front = _BEFORE_VERSION + bytes((version,)) + _BEFORE_LOCAL + local[:_SCANNED_BYTES]
    return front + _BEFORE_REMOTE + remote[:_SCANNED_BYTES]


def _read_version(scanned: bytes) -> int:
    parts = scanned[2 : 2 + len(_BEFORE_LOCAL)], scanned[6 + _SCANNED_BYTES : 10 + _SCANNED_BYTES]
    if len(scanned) != QR_BYTES or scanned[:1] != _BEFORE_VERSION or parts != (_BEFORE_LOCAL, _BEFORE_REMOTE):
        raise NotASafetyNumberError(
            f"a code of {len(scanned)} bytes is no safety number; scan the one of the chat's page"
        )
    return scanned[1]
