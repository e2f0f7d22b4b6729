"""What the server answers when it refuses a request (docs/protocol.md §2, §8)."""

from typing import Annotated

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """The body of an answer of 400 and above."""

    error: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    detail: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    limit: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Which limit is used up, if it is one."""
    retry_after_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """When asking again makes sense, if it is one."""
    tries_left: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    """How many PINs may be tried today, where one is wanted."""
    lapses_at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """When no PIN is wanted any more, if no device of the account is heard of before; 0: none is wanted."""


def read_refusal(body: bytes | bytearray) -> Refusal | None:
    """Return what a body says; None: it is none of ours."""
    try:
        return msgspec.json.decode(body, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
