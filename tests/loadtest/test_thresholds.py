from pathlib import Path

import pytest

from onebar_loadtest import rows
from onebar_loadtest.accounting import Tally
from onebar_loadtest.rows import Histogram
from onebar_loadtest.thresholds import Outcome, ThresholdsError, judge, load


def took(*times_s: float) -> Histogram:
    histogram = Histogram()
    for took_s in times_s:
        histogram.add(took_s)
    return histogram


def test_a_good_run_passes_the_limits_that_come_with_it() -> None:
    verdict = judge(load(), Tally(sent=3, delivered=3), {rows.LOOP_LAG: took(0.01), rows.END_TO_END: took(0.2)})
    assert verdict.outcome is Outcome.PASSED
    assert verdict.broken == []


@pytest.mark.parametrize("wrong", ["lost", "duplicated", "reordered", "late", "unreadable"])
def test_one_message_that_went_wrong_fails_the_run(wrong: str) -> None:
    tally = Tally(sent=3, delivered=3 - (wrong == "lost"), complaints=["phone 1 …"])
    setattr(tally, wrong, 1)
    verdict = judge(load(), tally, {rows.LOOP_LAG: took(9.0)})
    assert verdict.outcome is Outcome.FAILED, "even where the machine was too busy"
    assert verdict.broken == [f"messages {wrong} is 1, the limit is 0", "phone 1 …"]


def test_a_busy_machine_makes_a_run_invalid_and_not_failed() -> None:
    verdict = judge(
        load(), Tally(sent=3, delivered=3), {rows.LOOP_LAG: took(*[0.06] * 5), rows.END_TO_END: took(999.0)}
    )
    assert verdict.outcome is Outcome.INVALID
    assert "loop lag p99_ms" in verdict.broken[0]


def test_slow_messages_and_silence_fail_the_run() -> None:
    slow = judge(load(), Tally(sent=3, delivered=3), {rows.END_TO_END: took(999.0)})
    assert slow.outcome is Outcome.FAILED
    assert len(slow.broken) == 2
    assert judge(load(), Tally(), {}).outcome is Outcome.FAILED


def test_a_process_that_does_not_come_to_its_end_fails_the_run() -> None:
    verdict = judge(load(), Tally(sent=7, delivered=3, lost=0, failed={"expired": 1}), {})
    assert verdict.outcome is Outcome.FAILED
    assert "3 messages are not accounted for" in verdict.broken[-1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[accounting]\nstolen = 0", "no count 'stolen'"),
        ('[rows]\n"tea time" = { p95_ms = 1 }', "no row 'tea time'"),
        ('[rows]\n"connect" = { p12_ms = 1 }', "no 'p12_ms'"),
        ('[rows]\n"connect" = 5', "needs figures"),
        ('[rows]\n"connect" = { p95_ms = "fast" }', "'fast' is no number"),
        ("[prices]\n", "section 'prices'"),
        ("= 3", "Invalid"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(ThresholdsError, match=says):
        load(path)
