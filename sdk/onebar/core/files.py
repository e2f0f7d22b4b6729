"""What a message says of the file that it brings: where it waits, how it opens, and what to show before it is here."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from onebar.core.frames import Number
from onebar.crypto.attachments import AttachmentSecret

BLOB_BYTES: Final = 16
"""Length of an attachment's id at the server (docs/attachments.md)."""

PREVIEW_BYTES_MAX: Final = 1024
"""Longest preview: it travels inside the message, and 1 kB takes 0.4 s at 20 kbit/s."""

NAME_BYTES_MAX: Final = 255
"""Longest name of a file, in bytes of UTF-8: what file systems take."""

SIDE_MAX: Final = 65_535
"""Most pixels of a side that a message may speak of; no picture that is taken in has more."""


class Kind(StrEnum):
    """What a file is to the people who send and get it."""

    PHOTO = "photo"
    """A picture, to be shown in the chat."""
    VIDEO = "video"
    """Moving pictures, with or without sound."""
    VOICE = "voice"
    """A voice note, to be played in the chat."""
    FILE = "file"
    """Anything else; it is saved under its name."""


class File(msgspec.Struct, array_like=True, frozen=True):
    """A file of a message. Where a field makes no sense for a kind, it is 0 or empty."""

    blob: Annotated[bytes, msgspec.Meta(min_length=BLOB_BYTES, max_length=BLOB_BYTES)]
    """Its id at the server."""
    secret: AttachmentSecret
    """What opens it."""
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
    """A `Kind`; one that a later version has added is shown as `FILE`."""
    media_type: Annotated[str, msgspec.Meta(max_length=127)] = ""
    """Like `image/jpeg`, as the sender says."""
    name: Annotated[str, msgspec.Meta(max_length=NAME_BYTES_MAX)] = ""
    """The file's name; of kind `FILE` only."""
    width: Annotated[int, msgspec.Meta(ge=0, le=SIDE_MAX)] = 0
    """Pixels across."""
    height: Annotated[int, msgspec.Meta(ge=0, le=SIDE_MAX)] = 0
    """Pixels down."""
    duration_ms: Number = 0
    """How long it plays."""
    thumbhash: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    """A blur of the picture, of about 21 bytes (ThumbHash)."""
    preview: Annotated[bytes, msgspec.Meta(max_length=PREVIEW_BYTES_MAX)] = b""
    """A small WebP of it; as hostile as any picture that was received."""
    waveform: Annotated[bytes, msgspec.Meta(max_length=64)] = b""
    """How loud a voice note is, in up to 64 steps from its begin to its end."""

    def __repr__(self) -> str:
        """Show how long it is, and nothing of what it holds."""
        return f"<File of {self.secret.plain_bytes} bytes>"

    @property
    def digest(self) -> str:
        """The sealed file's SHA-256 in hexadecimal digits: its name on a disk."""
        return self.secret.cipher_sha256.hex()


def kind_of(file: File) -> Kind:
    """Return what a file is to be shown as."""
    return Kind(file.kind) if file.kind in set(Kind) else Kind.FILE
