"""Groups, days and what is new."""

from onebar import Message, MessageState
from onebar_app.view_models.formats import local
from onebar_app.view_models.rows import GROUP_MS, BubbleRow, DayRow, NoticeRow, UnreadRow, chat_rows, day_of
from onebar_app.words import Words

NOON_MS = 1_790_000_000_000 - (local(1_790_000_000_000).hour - 12) * 3_600_000
DAY_MS = 86_400_000


def message(number: int, at_ms: int, *, ours: bool = False, missing: int = 0) -> Message:
    state = MessageState.SENT if ours else MessageState.RECEIVED
    return Message(number, "+12025550102", ours, state, "text", at_ms, missing_before=missing, place=number)


def test_messages_of_one_thought_form_a_group() -> None:
    messages = [message(1, NOON_MS), message(2, NOON_MS + 1000), message(3, NOON_MS + 1000 + GROUP_MS + 1)]
    bubbles = [row for row in chat_rows(messages, NOON_MS, Words("en")) if isinstance(row, BubbleRow)]
    assert [(row.first, row.last) for row in bubbles] == [(True, False), (False, True), (True, True)]


def test_another_author_begins_a_group() -> None:
    rows = chat_rows([message(1, NOON_MS), message(2, NOON_MS, ours=True)], NOON_MS, Words("en"))
    assert [row.first for row in rows if isinstance(row, BubbleRow)] == [True, True]


def test_days_are_parted() -> None:
    rows = chat_rows([message(1, NOON_MS - DAY_MS), message(2, NOON_MS)], NOON_MS, Words("en"))
    assert [row.text for row in rows if isinstance(row, DayRow)] == ["Yesterday", "Today"]
    assert day_of(message(1, NOON_MS)) == local(NOON_MS).date()


def test_what_is_new_is_parted_and_gaps_are_told() -> None:
    messages = [message(1, NOON_MS), message(2, NOON_MS), message(3, NOON_MS, missing=2)]
    rows = chat_rows(messages, NOON_MS, Words("en"), unread_from=2, unread=2)
    assert [type(row) for row in rows] == [DayRow, BubbleRow, UnreadRow, BubbleRow, NoticeRow, BubbleRow]
    assert "2 messages" in rows[4].text  # type: ignore[union-attr]
    assert len({row.key for row in rows}) == len(rows)


def test_keys_stay_when_an_older_page_comes() -> None:
    newest = [message(3, NOON_MS)]
    older = [message(1, NOON_MS), message(2, NOON_MS)]
    before = {row.key for row in chat_rows(newest, NOON_MS, Words("en")) if isinstance(row, BubbleRow)}
    after = {row.key for row in chat_rows([*older, *newest], NOON_MS, Words("en"))}
    assert before <= after
