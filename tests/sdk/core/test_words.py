"""What is found, and where: words by their begin, whatever the case, the accents and the script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.core.words import QUERY_CHARS_MAX, QUERY_WORDS_MAX, SPANS_MAX, indexed, match_of, spans


def test_plain_text_is_indexed_as_it_is_and_what_stands_alone_is_set_apart() -> None:
    assert indexed("hello there") == "hello there"
    assert indexed("Grüße") == indexed("Gru\u0308\u00dfe") == "Grüße"
    assert indexed("去東京abc").split() == ["去", "東", "京", "abc"]
    assert indexed("ok👍🏽").split() == ["ok", "👍", "🏽"]


@pytest.mark.parametrize(
    ("query", "match"),
    [
        ("on my", '"on"* AND "my"*'),
        ('say "hi" OR', '"say"* AND """hi"""* AND "OR"*'),
        ("  ", ""),
        ("- * ( ^", ""),
        ("nul\0byte", '"nul"* AND "byte"*'),
        ("\u0301", ""),
    ],
)
def test_every_word_is_quoted_and_what_is_none_is_left_out(query: str, match: str) -> None:
    assert match_of(query) == match


def test_an_endless_query_is_cut() -> None:
    assert match_of("a " * 999).count("*") == QUERY_WORDS_MAX
    assert len(match_of("x" * 9999)) == QUERY_CHARS_MAX + 3


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("On my way home", "w my", ["my", "w"]),
        ("Das Café ist zu", "cafe", ["Café"]),
        ("Das Cafe\u0301 ist", "CAFÉ", ["Cafe"]),
        ("I stand by", "tan", []),
        ("明日は東京タワーへ", "東京", ["東京"]),
        ("ok 👍 then", "👍", ["👍"]),
        ("banana", "ban bana", ["bana"]),
        ("İstanbul", "i", ["İ"]),
        ("aa", "", []),
    ],
)
def test_where_it_was_found(text: str, query: str, marked: list[str]) -> None:
    assert [text[begin:end] for begin, end in spans(text, query)] == marked


@given(st.text(max_size=60), st.text(max_size=12))
def test_whatever_is_typed_the_marks_are_in_order_and_inside(text: str, query: str) -> None:
    found = spans(text, query)
    flat = [place for span in found for place in span]
    assert flat == sorted(set(flat))
    assert all(0 <= place <= len(text) for place in flat)
    assert len(found) <= SPANS_MAX


def test_only_so_many_places_are_marked() -> None:
    assert len(spans("no " * 999, "no")) == SPANS_MAX
