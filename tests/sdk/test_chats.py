"""The rows of a list of chats, and what is set for each, in values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from onebar import InputError
from onebar.chats import (
    DRAFT_BYTES_MAX,
    FOREVER,
    ChatSummary,
    Profile,
    check_draft,
    check_line,
    check_page,
    from_ms,
    to_ms,
)


def test_a_time_survives_the_database_whatever_its_zone() -> None:
    evening = datetime(2026, 11, 24, 20, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert from_ms(to_ms(evening)) == evening
    assert from_ms(to_ms(FOREVER)) == FOREVER
    assert to_ms(None) == to_ms(datetime(1969, 1, 1, tzinfo=UTC)) == 0
    assert from_ms(0) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="time zone"):
        to_ms(datetime(2026, 11, 24))


def test_a_draft_may_be_longer_than_a_text_but_not_endless() -> None:
    assert check_draft("") == ""
    assert check_draft("x" * DRAFT_BYTES_MAX)
    with pytest.raises(InputError, match="DRAFT_BYTES_MAX"):
        check_draft("ü" * (DRAFT_BYTES_MAX // 2 + 1))
    with pytest.raises(InputError):
        check_draft(b"x")  # type: ignore[arg-type]
    assert check_draft("half an emoji \ud83d") == "half an emoji ?"


def test_a_row_shows_no_number_and_no_text() -> None:
    assert repr(ChatSummary("+12025550101", 3, 2, draft="secret")) == "<ChatSummary of 3 messages, 2 unread>"


@pytest.mark.parametrize(("line", "kept"), [(None, None), ("", ""), (" Zoë 🌊 ", "Zoë 🌊"), ("x" * 5, "x" * 5)])
def test_one_line_of_a_profile(line: str | None, kept: str | None) -> None:
    assert check_line("name", line, 7) == kept


@pytest.mark.parametrize("line", ["x" * 8, "two\nlines", "\ud800", 5, "\u202eevil"])
def test_what_is_no_line_of_a_profile(line: str) -> None:
    with pytest.raises(InputError):
        check_line("name", line, 7)


@pytest.mark.parametrize("limit", [0, 1001, -1])
def test_a_page_has_bounds(limit: int) -> None:
    with pytest.raises(InputError, match="PAGE_MESSAGES_MAX"):
        check_page(limit)
    assert check_page(1000) == 1000


def test_a_profile_and_a_hit_show_nothing_of_what_they_say() -> None:
    assert repr(Profile("Alice", "at the lake", b"123")) == "<Profile with 3 bytes of a photo>"
