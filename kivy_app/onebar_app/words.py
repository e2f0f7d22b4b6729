"""What the app says, in the user's language: tables of i18next's JSON format (v4), which translators' tools read.

A key may have forms by number, `unread_one`, `unread_other`; which one is taken is CLDR's rule of the language.
"""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

TABLES: Final = Path(__file__).parent / "assets" / "words"
"""Where the tables are: one file a language."""


def _english(number: int) -> str:
    return "one" if number == 1 else "other"


def _arabic(number: int) -> str:
    if number < 3:
        return ("zero", "one", "two")[number]
    rest = number % 100
    return "few" if 3 <= rest <= 10 else "many" if rest >= 11 else "other"


PLURALS: Final[dict[str, Callable[[int], str]]] = {"en": _english, "de": _english, "ar": _arabic}
"""Which form a number takes (CLDR, cardinal); a language is there if it is named here."""

RIGHT_TO_LEFT: Final = frozenset({"ar"})
"""Languages whose screens are mirrored."""


class Words:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        """Read a language's table; one that is not there is English."""
        self.language = language if language in PLURALS else "en"
        self.right_to_left = self.language in RIGHT_TO_LEFT
        self._plural = PLURALS[self.language]
        self.table: dict[str, str] = json.loads((TABLES / f"{self.language}.json").read_bytes())

    def __call__(self, key: str, **values: str | int) -> str:
        """Return what a key says, with values in the places that are marked `{{name}}`.

        Args:
            key: Its name in the tables.
            values: What to put in; `count` chooses the form.

        Raises:
            KeyError: No table has it.
        """
        count = values.get("count")
        text = self.table[f"{key}_{self._plural(count)}"] if isinstance(count, int) else self.table[key]
        for name, value in values.items():
            text = text.replace("{{" + name + "}}", str(value))
        return text

    def months(self) -> list[str]:
        """Return the short names of the months, January first."""
        return self("months").split()

    def day(self, day: date, today: date) -> str:
        """Return a day as a heading: today, yesterday, a weekday of this week, or the date."""
        ago = (today - day).days
        if ago in {0, 1}:
            return self(("today", "yesterday")[ago])
        if 1 < ago < 7:
            return self("weekdays").split()[day.weekday()]
        return self.date(day, today)

    def date(self, day: date, today: date) -> str:
        """Return a date, with its year if that is another one."""
        month = self.months()[day.month - 1]
        return self("date" if day.year == today.year else "date_year", day=day.day, month=month, year=day.year)
