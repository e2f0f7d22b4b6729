"""What travels inside an envelope, for the recipient's eyes only (docs/protocol.md §6)."""

from typing import Annotated, Final

import msgspec

from onebar.core.frames import Number, is_unknown

AGAIN_MAX: Final = 64
"""Most envelopes that one Again asks for: a full window of the sender."""


class Text(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A text; its id and place among its author's messages never change (R6)."""

    message_id: Number
    chat_no: Number
    sent_at_ms: Number
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]

    def __repr__(self) -> str:
        """Show the place, never the text."""
        return f"<Text {self.chat_no}>"


class Again(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """These envelopes of yours did not open: please seal them again (R11)."""

    out_nos: Annotated[tuple[Number, ...], msgspec.Meta(max_length=AGAIN_MAX)]


class Resealed(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The answer to Again: the text of the envelope that did not open."""

    out_no: Number
    text: Text


Content = Text | Again | Resealed

_decoder = msgspec.msgpack.Decoder(Content)


class UnknownContentError(ValueError):
    """Content that this version does not know; a later one wrote it."""


def encode(content: Content) -> bytes:
    """Encode content for sealing."""
    return msgspec.msgpack.encode(content)


def decode(data: bytes) -> Content:
    """Decode what an envelope held.

    Raises:
        UnknownContentError: Its tag is not known here.
        ValueError: It is no content at all.
    """
    try:
        content: Content = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if is_unknown(data, Content):
            raise UnknownContentError(str(error)) from None
        raise ValueError(str(error)) from None  # the cause holds what was said, and a log would show it
    return content
