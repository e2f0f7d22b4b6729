"""Which way text runs."""

from onebar_app.text.bidi import levels, runs_right, visual_order, without_steering


def test_the_first_letter_decides() -> None:
    assert runs_right("مرحبا hello") is True
    assert runs_right("hello مرحبا") is False
    assert runs_right("123 …") is None
    assert runs_right("+49 170 123") is False  # a phone number is not turned round


def test_numbers_in_arabic_run_to_the_right() -> None:
    text = "رقم 42 هنا"
    found = levels(text, right_to_left=True)
    assert found[0] == 1
    assert found[text.index("4")] == 2


def test_latin_needs_no_levels() -> None:
    assert levels("plain", right_to_left=False) == [0] * 5


def test_runs_are_drawn_from_the_left() -> None:
    assert visual_order([0, 1, 0]) == [0, 1, 2]
    assert visual_order([1, 2, 1]) == [2, 1, 0]
    assert visual_order([0, 1, 2, 1, 0]) == [0, 3, 2, 1, 4]
    assert visual_order([]) == []


def test_invisible_marks_are_taken_out() -> None:
    assert without_steering("a\u200fb\u2066c\u2069") == "abc"
