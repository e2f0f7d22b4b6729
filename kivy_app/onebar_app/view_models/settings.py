"""What the user has chosen for this app on this phone."""

from pathlib import Path
from typing import Final, Literal

import msgspec

from onebar_app.view_models.observable import Observable
from onebar_app.words import PLURALS

TEXT_SIZES: Final = (0.88, 1.0, 1.15, 1.35, 1.6)
"""Steps of the text size, small to very large."""

THEMES: Final = ("system", "light", "dark")
"""What can be chosen as a theme."""


class Choices(msgspec.Struct):
    """The choices, as they are stored."""

    language: str = ""
    """Empty: the system's."""
    theme: Literal["system", "light", "dark"] = "system"
    text_size: float = 1.0
    enter_sends: bool = True
    asked_to_notify: bool = False
    """Whether the user was asked if notifications may be shown: once is enough."""


class Settings(Observable):
    """The choices, and the file that keeps them."""

    def __init__(self, path: Path, system_language: str = "en") -> None:
        """Read the file; a missing or damaged one is the defaults: nothing in it is worth a crash."""
        super().__init__()
        self._path = path
        self._system_language = system_language
        try:
            self.choices = msgspec.json.decode(path.read_bytes(), type=Choices)
        except (OSError, msgspec.MsgspecError):
            self.choices = Choices()

    @property
    def language(self) -> str:
        """The language that is shown."""
        wanted = self.choices.language or self._system_language.partition("_")[0]
        return wanted if wanted in PLURALS else "en"

    def choose(self, **values: object) -> None:
        """Change choices, keep them, and tell.

        Raises:
            msgspec.ValidationError: A value is none that can be chosen.
        """
        self.note(**values)
        self.changed()

    def note(self, **values: object) -> None:
        """Keep something that no screen shows.

        Raises:
            msgspec.ValidationError: A value is none that can be chosen.
        """
        asked = msgspec.structs.asdict(self.choices) | values
        self.choices = msgspec.convert(asked, Choices)
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(self.choices))
        part.replace(self._path)
