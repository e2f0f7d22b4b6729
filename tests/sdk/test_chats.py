"""The rows of a list of chats, and what is set for each, in values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from onebar import InputError
from onebar.chats import DRAFT_BYTES_MAX, FOREVER, ChatSummary, check_draft, from_ms, to_ms


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
