"""What travels inside an envelope, for the recipient's eyes only (docs/protocol.md §6).

Everything that a person writes begins with the same four: its tag, the message's id, its number in its chat, and when
it was sent. So a message of a later version still gets its place in history here.
"""

from typing import Annotated, Final

import msgspec

from onebar.chats import ABOUT_CHARS_MAX, NAME_CHARS_MAX, PHOTO_BYTES_MAX
from onebar.config import SHOWN_MAX
from onebar.core.compression import compress, decompress
from onebar.core.files import File
from onebar.core.frames import Number, is_unknown
from onebar.crypto.padding import PaddingError, pad, unpad

AGAIN_MAX: Final = 64
"""Most envelopes that one Again asks for: a full window of the sender."""

SHOWN_CHARS_MAX: Final = 40
"""Longest name of a format."""

SKIPPED_MAX: Final = 64
"""Most places that one Skipped tells of: an album that was given up takes a few envelopes, not one for each photo."""

MARKS_MAX: Final = 64
"""Most devices of an author whose messages one Read tells of: more than an account may have at a time."""


class Text(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A text; its id and place among its author's messages never change (R6)."""

    message_id: Number
    chat_no: Number
    sent_at_ms: Number
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]

    def __repr__(self) -> str:
        """Show the place, never the text."""
        return f"<Text {self.chat_no}>"


class Attachment(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """A file, and what its sender says of it; its id and place are as those of a text."""

    message_id: Number
    chat_no: Number
    sent_at_ms: Number
    text: Annotated[str, msgspec.Meta(max_length=4096)]
    """The caption; may be empty."""
    file: File

    def __repr__(self) -> str:
        """Show the place, never the caption."""
        return f"<Attachment {self.chat_no}>"


Said = Text | Attachment
"""What a person says."""


class Again(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """These envelopes of yours did not open: please seal them again (R11)."""

    out_nos: Annotated[tuple[Number, ...], msgspec.Meta(max_length=AGAIN_MAX)]


class Resealed(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The answer to Again: what the envelope said that did not open."""

    out_no: Number
    text: Said
    to: Number = 0
    """For a device of our own account: the account that the text was for."""


class Read(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """A person has read these devices' messages in this chat, up to a number each."""

    marks: Annotated[tuple[tuple[Number, Number], ...], msgspec.Meta(max_length=MARKS_MAX)]


class Copy(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """What this account said on another of its devices, and to which account."""

    text: Said
    to: Number


class Profile(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """What somebody says of themselves; of two of one account, the one with the higher counter counts."""

    counter: Number
    name: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""
    about: Annotated[str, msgspec.Meta(max_length=ABOUT_CHARS_MAX)] = ""
    photo: Annotated[bytes, msgspec.Meta(max_length=PHOTO_BYTES_MAX)] = b""
    """A picture in JPEG, or nothing; as hostile as any picture that was received."""
    shows: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=SHOWN_CHARS_MAX)], ...], msgspec.Meta(max_length=SHOWN_MAX)
    ] = ()
    """Formats of pictures beyond JPEG that the device can show which says it; all else is said by the account."""

    def __repr__(self) -> str:
        """Show which one, never what it says."""
        return f"<Profile {self.counter}>"


class Skipped(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """Nothing comes at these places of the author's in a chat: what had been meant for them was given up (R9)."""

    chat_nos: Annotated[tuple[Number, ...], msgspec.Meta(max_length=SKIPPED_MAX)]
    to: Number = 0
    """For a device of our own account: the account of the chat's other side."""


class Unknown(msgspec.Struct, array_like=True, frozen=True):
    """What a later version wrote: where it stands, and the content as it came."""

    message_id: int
    chat_no: int
    sent_at_ms: int
    content: bytes

    def __repr__(self) -> str:
        """Show the place, never what is said."""
        return f"<Unknown {self.chat_no}>"


Content = Text | Again | Resealed | Read | Copy | Attachment | Profile | Skipped

_decoder = msgspec.msgpack.Decoder(Content)


class _Front(msgspec.Struct, array_like=True, frozen=True):
    """What every message begins with, whatever follows."""

    tag: Number
    message_id: Number
    chat_no: Number
    sent_at_ms: Number


def encode(content: Content) -> bytes:
    """Encode content for sealing: small, and of one of a few lengths (DESIGN §6)."""
    return pad(compress(msgspec.msgpack.encode(content)))


def decode(data: bytes) -> Content | Unknown:
    """Decode what an envelope held.

    Raises:
        ValueError: It is no content at all.
    """
    try:
        return read(decompress(unpad(data)))
    except PaddingError as error:
        raise ValueError(str(error)) from None


def read(plain: bytes) -> Content | Unknown:
    """Decode content as it is before it is compressed; `Unknown.content` keeps such bytes.

    Raises:
        ValueError: It is no content at all.
    """
    try:
        content: Content = _decoder.decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if is_unknown(plain, Content):
            return _unknown(plain)
        raise ValueError(str(error)) from None  # the cause holds what was said, and a log would show it
    return content


def _unknown(plain: bytes) -> Unknown:
    try:
        front = msgspec.msgpack.decode(plain, type=_Front)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("content of a later version that stands nowhere in a chat") from None
    return Unknown(front.message_id, front.chat_no, front.sent_at_ms, plain)
