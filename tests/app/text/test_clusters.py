"""What is never torn."""

import pytest

from onebar_app.text.clusters import clusters, is_emoji, only_emoji


@pytest.mark.parametrize("whole", ["é", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "1️⃣", "❤️", "क्"[0:2], "ẹ́"])
def test_one_character_for_the_reader_is_one_piece(whole: str) -> None:
    assert list(clusters(f"x{whole}y")) == ["x", whole, "y"]


def test_two_flags_are_two() -> None:
    assert list(clusters("🇩🇪🇫🇷")) == ["🇩🇪", "🇫🇷"]


def test_some_signs_are_text_until_they_are_asked_for_as_emoji() -> None:
    assert not is_emoji("☎")
    assert is_emoji("☎️")
    assert is_emoji("😀")
    assert not is_emoji("1")
    assert not is_emoji("😀\ufe0e")


def test_few_emoji_and_nothing_else() -> None:
    assert only_emoji("🎉 🎉", 3)
    assert not only_emoji("🎉🎉🎉🎉", 3)
    assert not only_emoji("ok 🎉", 3)
    assert not only_emoji("", 3)
