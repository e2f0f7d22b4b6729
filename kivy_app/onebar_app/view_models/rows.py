"""The rows of a chat: bubbles in groups, and what stands between them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from onebar import Message
from onebar_app.view_models.formats import local
from onebar_app.words import Words

GROUP_MS: Final = 5 * 60_000
"""Messages of one author that are no further apart form a group: one thought, sent in pieces."""


QUARTER_MS: Final = 15 * 60_000
"""All time zones are whole quarters of an hour apart, so a quarter is of one day."""


@dataclass(frozen=True, slots=True)
class DayRow:
    """Begin of a day."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """What is below is new."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """Something about the chat itself."""

    key: str
    text: str
    icon: str = "lock"


@dataclass(frozen=True, slots=True)
class BubbleRow:
    """A message."""

    key: int
    message: Message
    first: bool
    """Whether a group begins with it."""
    last: bool
    """Whether a group ends with it."""

    def __repr__(self) -> str:
        """Show which message, never what it says."""
        return f"<BubbleRow {self.key}>"


@dataclass(frozen=True, slots=True, repr=False)
class MediaRow(BubbleRow):
    """A photo or a video."""


@dataclass(frozen=True, slots=True, repr=False)
class FileRow(BubbleRow):
    """A voice note or any other file."""


def bubble(message: Message, first: bool, last: bool) -> BubbleRow:
    """Return the row of a message."""
    kind = message.attachment.kind if message.attachment else ""
    row = MediaRow if kind in {"photo", "video"} else FileRow if kind else BubbleRow
    return row(message.message_no, message, first, last)


Row = DayRow | UnreadRow | NoticeRow | BubbleRow


def chat_rows(
    messages: Iterable[Message], now_ms: int, words: Words, *, unread_from: int = 0, unread: int = 0
) -> list[Row]:
    """Return the rows for messages, oldest first.

    Args:
        messages: In the order of the chat.
        now_ms: The time of the phone's clock.
        words: The language.
        unread_from: Number of the first message that is new; 0: none is.
        unread: How many are new.
    """
    return list(_rows(list(messages), now_ms, words, unread_from, unread))


def _rows(messages: list[Message], now_ms: int, words: Words, unread_from: int, unread: int) -> Iterator[Row]:
    today = local(now_ms).date()
    day_before = None
    for number, message in enumerate(messages):
        before = messages[number - 1] if number else None
        after = messages[number + 1] if number + 1 < len(messages) else None
        day = day_of(message)
        if day != day_before:
            yield DayRow(f"day {day} {message.message_no}", words.day(day, today))
        divided = message.message_no == unread_from
        if divided:
            yield UnreadRow("unread", words("unread_divider", count=unread))
        if message.missing_before:
            yield NoticeRow(f"gap {message.message_no}", words("gap", count=message.missing_before), "hourglass")
        first = day != day_before or divided or bool(message.missing_before) or not _together(before, message)
        parted = after is None or after.message_no == unread_from or bool(after.missing_before)
        yield bubble(message, first, parted or not _together(message, after))
        day_before = day


@lru_cache(maxsize=1024)
def _day_of_quarter(quarter: int) -> date:
    return local(quarter * QUARTER_MS).date()


def day_of(message: Message) -> date:
    """Return the day of a message, by the phone's time zone."""
    return _day_of_quarter(message.sent_at_ms // QUARTER_MS)


def _together(one: Message | None, other: Message | None) -> bool:
    if one is None or other is None or one.outgoing != other.outgoing:
        return False
    return abs(other.sent_at_ms - one.sent_at_ms) <= GROUP_MS and day_of(one) == day_of(other)
