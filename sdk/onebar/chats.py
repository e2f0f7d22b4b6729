"""What an app shows of its chats beside their messages: the rows of its list, and what it sets for each."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from onebar.errors import InputError
from onebar.models import Message, Standing

DRAFT_BYTES_MAX: Final = 64 * 1024
"""Longest draft, in bytes of UTF-8: sixteen of the longest texts, so that what was pasted can be cut down to one."""

PAGE_MESSAGES_MAX: Final = 1000
"""Most messages of a page of a history or of what was found: 4 MB of the longest texts."""

NAME_CHARS_MAX: Final = 64
"""Longest name of a profile: two long names and what stands between them."""

ABOUT_CHARS_MAX: Final = 140
"""Longest sentence about oneself."""

PHOTO_BYTES_MAX: Final = 10 * 1024
"""Longest photo of a profile: 256 pixels in good quality; with the rest it fits one envelope (docs/protocol.md §6)."""

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


@dataclass(frozen=True, slots=True)
class Profile:
    """What somebody says of themselves."""

    name: str = ""
    """What they call themselves: anybody may take any name, so show the number where it matters."""
    about: str = ""
    """A sentence."""
    photo: bytes = b""
    """A picture of at most 256 pixels, in JPEG, or nothing. What others say was looked at, and never decoded."""

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"<Profile with {len(self.photo)} bytes of a photo>"


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that was found."""

    message: Message
    spans: tuple[tuple[int, int], ...]
    """Where in its text the words stand, as (begin, end), to be shown marked; as far as it can be told."""

    def __repr__(self) -> str:
        """Show which message it is, never what it says."""
        return f"<SearchHit {self.message.message_no}>"


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


def check_line(what: str, text: str | None, chars_max: int) -> str | None:
    """Return a name or a sentence of a profile if it can be told; None stays None.

    Raises:
        InputError: It is no text, has several lines, or is too long.
    """
    if text is None:
        return None
    if not isinstance(text, str) or not text.isprintable():
        raise InputError(f"the {what} of a profile is one line of text, without halves of surrogate pairs")
    if len(text) > chars_max:
        raise InputError(f"the {what} has {len(text)} characters, more than {chars_max}: make it shorter")
    return text.strip()


def check_page(limit: int) -> int:
    """Return the size of a page if it can be had.

    Raises:
        InputError: It is out of range.
    """
    if not 1 <= limit <= PAGE_MESSAGES_MAX:
        raise InputError(f"a page has 1 to PAGE_MESSAGES_MAX = {PAGE_MESSAGES_MAX} messages, not {limit}")
    return limit


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
