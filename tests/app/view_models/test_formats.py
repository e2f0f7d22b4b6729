"""Times, sizes and names."""

import pytest

from onebar_app.view_models.formats import clock, duration, hue_number, initials, local, number, short_time, size
from onebar_app.words import Words

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("nbytes", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (27_300, "27.3 kB"), (999_900, "1.0 MB"), (5_600_000_000, "5.6 GB")],
)
def test_sizes_have_three_digits(nbytes: int, said: str) -> None:
    assert size(nbytes) == said


@pytest.mark.parametrize(
    ("phone", "said"),
    [("+12025550101", "+1 202 555 0101"), ("+491705550103", "+49 170 555 0103"), ("+447700900110", "+44 770 090 0110"),
        ("+97235550105", "+972 355 501 05"),
     ("+12", "+1 2"), ("", ""), ("Bob", "Bob")],
)  # fmt: skip
def test_numbers_are_read_in_groups(phone: str, said: str) -> None:
    assert number(phone) == said.replace(" ", "\u00a0")  # it stays on one line
    assert number(phone).replace("\u00a0", "") == phone


def test_names_have_initials_and_numbers_none() -> None:
    assert initials("Bob Marsh") == "BM"
    assert initials("Ada M. Lovelace") == "AL"
    assert initials("أمل") == "أ"
    assert initials("+1 202") == ""
    assert 0 <= hue_number("+12025550101", 8) < 8


def test_times_are_the_clock_today_and_days_before() -> None:
    words, now = Words("en"), 1_790_000_000_000
    midday = now - (local(now).hour - 12) * HOUR_MS
    assert short_time(midday, midday + HOUR_MS, words) == clock(midday)
    assert short_time(midday - 24 * HOUR_MS, midday, words) == "Yesterday"
    assert duration(65_400) == "1:05"
