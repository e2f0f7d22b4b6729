"""Where the caret stands."""

import pytest

from onebar_app.text.caret import caret_x, column_at
from onebar_app.text.layout import Style, measure

STYLE = Style(16)


def test_in_latin_it_goes_to_the_right() -> None:
    places = [caret_x("hello", column, STYLE) for column in range(6)]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == pytest.approx(measure("hello", STYLE))


def test_in_hebrew_it_goes_to_the_left() -> None:
    places = [caret_x("שלום", column, STYLE) for column in range(5)]
    assert places == sorted(places, reverse=True)
    assert places[-1] == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("text", ["hello", "שלום", "a😀b", ""])
def test_a_finger_finds_the_column_again(text: str) -> None:
    for column in range(len(text) + 1):
        x = caret_x(text, column, STYLE)
        assert caret_x(text, column_at(text, x, STYLE), STYLE) == pytest.approx(x)
