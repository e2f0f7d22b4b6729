"""Reasons and waits out of answers that may hold anything."""

import pytest

from onebar_mockserver.push.replies import retry_after_s, word


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("9" * 30, 0.0),
        ("", 0.0),
    ],
)
def test_how_long_to_wait(value: str, wait_s: float) -> None:
    assert retry_after_s({"retry-after": value}, 100.0) == wait_s


def test_no_header_says_nothing() -> None:
    assert retry_after_s({}, 100.0) == 0.0


@pytest.mark.parametrize("reason", [None, 5, "", "two words", "token\n", "x" * 65])
def test_only_a_word_is_a_reason(reason: object) -> None:
    assert word(reason) == "unreadable"
    assert word("BadDeviceToken") == "BadDeviceToken"
