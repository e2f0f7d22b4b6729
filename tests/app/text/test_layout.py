"""Lines: where they end, what is on them, and that nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar_app.text import layout
from onebar_app.text.layout import Style, drawn, lay_out, measure, run_width

STYLE = Style(16)


def said(text: str, width: float = 200) -> list[str]:
    return [line.text for line in lay_out(text, STYLE, width).lines]


def test_words_go_to_the_next_line_whole() -> None:
    lines = said("the train is late again and the signal is bad")
    assert len(lines) > 1
    assert " ".join(lines) == "the train is late again and the signal is bad"
    assert all(measure(line, STYLE) <= 200 for line in lines)


def test_a_word_without_end_is_torn() -> None:
    lines = said("Donaudampfschifffahrtsgesellschaftskapitän" * 3)
    assert len(lines) > 3
    assert all(measure(line, STYLE) <= 200 for line in lines)


def test_a_long_address_parts_behind_its_marks() -> None:
    lines = said("see https://example.org/huts/greenstone?from=station for more", 180)
    assert lines[:2] == ["see", "https://example.org/"]
    assert all(measure(line, STYLE) <= 180 for line in lines)
    assert "".join(lines).replace(" ", "") == "seehttps://example.org/huts/greenstone?from=stationformore"


def test_a_no_break_space_keeps_its_words_together() -> None:
    assert "+49\u00a0170\u00a01234567" in said("A number begins with + and so on, like +49\u00a0170\u00a01234567", 180)


def test_han_may_break_anywhere_but_before_a_full_stop() -> None:
    lines = said("今天天气很好，我们去公园吧。明天见。" * 2, 100)
    assert len(lines) > 2
    assert not any(line.startswith(("。", "，")) for line in lines)


def test_the_last_line_ends_in_an_ellipsis() -> None:
    found = lay_out("one two three four five six seven eight nine ten", STYLE, 120, 1)
    assert not found.whole
    assert found.lines[0].text.endswith("…")
    assert found.width <= 120


def test_a_link_is_a_run_of_its_own() -> None:
    (line,) = lay_out("see https://example.org/a?b=c, please", Style(16, links=True)).lines
    assert [run.link for run in line.runs if run.link] == ["https://example.org/a?b=c"]


def test_hebrew_and_latin_share_a_line() -> None:
    (line,) = lay_out("שלום hello 12", STYLE).lines
    assert line.right_to_left
    assert [run.text.strip() for run in line.runs][-1] == "שלום"
    assert [run.x for run in line.runs] == sorted(run.x for run in line.runs)


def test_without_a_shaper_arabic_is_joined_and_turned_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SHAPES", False)
    text, direction = drawn("سلام", right_to_left=True)
    assert direction is None
    assert text != "سلام"
    assert drawn("abc", right_to_left=False) == ("abc", None)


def test_emoji_are_as_wide_as_they_are_high() -> None:
    assert run_width("😀", "NotoColorEmoji", STYLE) == pytest.approx(16 * layout.EMOJI_WIDTH)


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab ßم ש你の한न😀👍🏽\u0301\u200d\n1(.)"), max_size=40), st.integers(40, 300))
def test_nothing_is_lost_and_nothing_sticks_out(text: str, width: int) -> None:
    found = lay_out(text, STYLE, width)
    assert "".join(line.text for line in found.lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert found.height == found.line_height * len(found.lines)


def marked(text: str, marks: tuple[tuple[int, int], ...], width_px: float, lines_max: int = 0) -> list[str]:
    layout = lay_out(text, Style(20), width_px, lines_max, marks=marks)
    return [run.text for line in layout.lines for run in line.runs if run.marked]


def test_marks_stay_on_their_words_across_lines_and_paragraphs() -> None:
    text = "one two three\nfour five six"
    marks = tuple((text.index(word), text.index(word) + len(word)) for word in ("two", "five"))
    assert marked(text, marks, 10_000) == ["two", "five"]
    assert marked(text, marks, 60) == ["two", "five"]
    assert marked(text, marks, 110, 1) == ["two"]
    arabic = "أين الكتاب الآن"
    at = arabic.index("الكتاب")
    assert marked(arabic, ((at, at + 6),), 10_000) == ["الكتاب"]
