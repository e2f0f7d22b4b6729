"""Choices are kept, and a damaged file is no reason to crash."""

from pathlib import Path

import msgspec
import pytest

from onebar_app.view_models.settings import Settings


def test_choices_are_there_again(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "s.json", "de_DE")
    assert settings.language == "de"
    told: list[int] = []
    settings.watch(lambda: told.append(1))
    settings.choose(language="ar", theme="dark")
    again = Settings(tmp_path / "s.json", "fr_FR")
    assert (again.language, again.choices.theme, told) == ("ar", "dark", [1])


def test_what_cannot_be_chosen_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "s.json")
    with pytest.raises(msgspec.ValidationError):
        settings.choose(theme="pink")
    assert settings.choices.theme == "system"


def test_a_damaged_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{")
    assert Settings(tmp_path / "s.json", "fr_FR").language == "en"
