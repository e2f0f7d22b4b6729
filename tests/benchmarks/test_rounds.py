import pytest
from benchmarks.rounds import ratio, shown, summarize


def test_rounds_are_told_by_their_median_and_their_ends() -> None:
    rounds = summarize([3.0, 1.0, 20.0])
    assert (rounds.median, rounds.least, rounds.most, rounds.rounds) == (3.0, 1.0, 20.0, 3)
    assert str(rounds) == "1 to 20 in 3 rounds"


def test_rounds_that_agree_have_no_spread() -> None:
    assert str(summarize([2.0])) == str(summarize([2.0, 2.0])) == ""


def test_ratio() -> None:
    assert ratio(3.0, 2.0) == "1.50 x"
    assert ratio(3.0, 0.0) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [(158.0, "158"), (1.0149, "1.015"), (74.896, "74.90"), (183.21, "183.2"), (12345.6, "12346"), (0.0, "0")],
)
def test_figures_are_shown_with_the_digits_that_mean_something(value: float, text: str) -> None:
    assert shown(value) == text
