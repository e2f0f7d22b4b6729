"""Every language says everything, with the same places and the forms that its numbers need."""

import re
from datetime import date
from pathlib import Path

import pytest

import onebar_app
from onebar_app.words import PLURALS, Words

PLACES = re.compile(r"{{(\w+)}}")
FORM = re.compile(r"_(zero|one|two|few|many|other)$")
USED = re.compile(r"""words\(\s*"([a-z_0-9]+)"(.{0,80})""", re.DOTALL)
SOURCES = sorted(Path(onebar_app.__file__).parent.rglob("*.py"))


def keys(language: str) -> set[str]:
    return {FORM.sub("", key) for key in Words(language).table}


@pytest.mark.parametrize("language", ["de", "ar"])
def test_a_translation_has_every_key_and_its_places(language: str) -> None:
    english, other = Words("en"), Words(language)
    assert keys(language) == keys("en")
    for key, text in other.table.items():
        base = FORM.sub("", key)
        original = english.table.get(key) or english.table.get(f"{base}_other") or english.table[base]
        assert set(PLACES.findall(text)) <= set(PLACES.findall(original)), key
        if not FORM.search(key):
            assert set(PLACES.findall(text)) == set(PLACES.findall(original)), key


@pytest.mark.parametrize("language", sorted(PLURALS))
def test_every_number_has_its_form(language: str) -> None:
    words = Words(language)
    counted = {FORM.sub("", key) for key in words.table if FORM.search(key)}
    for key in counted:
        for count in (0, 1, 2, 3, 10, 11, 99, 100, 102, 111):
            assert "{{" not in words(key, count=count)


def test_every_key_that_the_screens_use_is_there() -> None:
    known, missing = keys("en"), []
    for path in SOURCES:
        missing += [key for key, _ in USED.findall(path.read_text(encoding="utf-8")) if key not in known]
    assert not missing


def test_arabic_numbers_take_six_forms() -> None:
    words = Words("ar")
    assert {PLURALS["ar"](number) for number in range(200)} == {"zero", "one", "two", "few", "many", "other"}
    assert words.right_to_left
    assert words("unread_divider", count=2) == "رسالتان جديدتان"


def test_days_are_named_by_how_long_ago_they_were() -> None:
    words, today = Words("de"), date(2026, 11, 25)
    assert words.day(today, today) == "Heute"
    assert words.day(date(2026, 11, 24), today) == "Gestern"
    assert words.day(date(2026, 11, 20), today) == "Freitag"
    assert words.day(date(2026, 3, 1), today) == "1. März"
    assert words.day(date(2025, 3, 1), today) == "1. März 2025"


def test_an_unknown_language_is_english() -> None:
    assert Words("xx").language == "en"
