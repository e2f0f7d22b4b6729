"""Everything can be read: WCAG AA, in both themes."""

import pytest

from onebar_app.theme import AVATARS, DARK, LIGHT, PAIRS, Theme, contrast, names

AA = 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(theme: Theme, ink: str, ground: str) -> None:
    assert contrast(getattr(theme, ink), getattr(theme, ground)) >= AA


@pytest.mark.parametrize("ground", AVATARS)
def test_white_letters_can_be_read_on_avatars(ground: str) -> None:
    assert contrast("#ffffff", ground) >= AA


def test_every_ink_is_in_a_pair() -> None:
    grounds = {"line", "pressed", "veil"}  # carry no text
    assert {name for pair in PAIRS for name in pair} == set(names()) - grounds


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert LIGHT.rgb("#0a0b0c") == (10, 11, 12)
