"""What an app shows of its chats beside their messages: the rows of its list, and what it sets for each."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from onebar.errors import InputError
from onebar.models import Message, Standing

DRAFT_BYTES_MAX: Final = 64 * 1024
"""Longest draft, in bytes of UTF-8: sixteen of the longest texts, so that what was pasted can be cut down to one."""

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Until when a chat is muted that is muted for good: the last day that calendars of all systems know."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """One row of a list of chats."""

    phone: str
    """The other side's phone number, E.164."""
    messages: int = 0
    """How many messages its history holds."""
    unread: int = 0
    """How many of them came from the other side and were not marked as read (`Conversation.mark_read`)."""
    standing: Standing = Standing.ACCEPTED
    """Whether it is wanted; `requested` is a message request."""
    last: Message | None = None
    """The newest message; None while there is only a draft."""
    name: str | None = None
    """What the other side calls itself in its profile; None if it has not told."""
    muted_until: datetime | None = None
    """Until when it makes no sound (`Conversation.mute`), in UTC; it may have passed. None: it was not muted."""
    pinned: bool = False
    """Whether it stands before the others (`Conversation.pin`)."""
    archived: bool = False
    """Whether it is out of the way (`Conversation.archive`)."""
    draft: str = ""
    """What was typed and not sent (`Conversation.set_draft`)."""

    def __repr__(self) -> str:
        """Show the size, never the number, a name or a text."""
        return f"<ChatSummary of {self.messages} messages, {self.unread} unread>"


def check_draft(text: str) -> str:
    """Return a draft if it can be kept; it may be empty.

    Raises:
        InputError: It is no text, or longer than DRAFT_BYTES_MAX.
    """
    if not isinstance(text, str):
        raise InputError("a draft is a text")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > DRAFT_BYTES_MAX:
        raise InputError(f"the draft has {size} bytes, more than DRAFT_BYTES_MAX = {DRAFT_BYTES_MAX}: cut it")
    return text.encode("utf-8", "replace").decode()  # half an emoji, while it is being typed, must not stop the typist


def to_ms(until: datetime | None) -> int:
    """Return a time as milliseconds since 1970; 0 for None and what is before.

    Raises:
        InputError: It does not say of which time zone it is.
    """
    if until is None:
        return 0
    if until.utcoffset() is None:
        raise InputError("say in which time zone: datetime.now(UTC) + timedelta(hours=8), or FOREVER")
    return max(0, (until - _EPOCH) // timedelta(milliseconds=1))


def from_ms(until_ms: int) -> datetime | None:
    """Return milliseconds since 1970 as a time in UTC; None for 0."""
    return _EPOCH + timedelta(milliseconds=until_ms) if until_ms else None
