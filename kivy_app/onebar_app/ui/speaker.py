"""Plays sound files, one at a time, through Kivy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kivy.core.audio import SoundLoader

from onebar import OnebarError


class Speaker:
    """What is heard now."""

    def __init__(self) -> None:
        self._sound: Any = None

    def play(self, path: Path, on_end: Callable[[], None] = lambda: None) -> None:
        """Play a WAV file in place of what is playing. It has read the file when this returns.

        Raises:
            OnebarError: This device has no way to play sounds.
        """
        self.stop()
        self._sound = SoundLoader.load(str(path))
        if self._sound is None:
            raise OnebarError("this device has no way to play sounds")
        self._sound.bind(on_stop=lambda *_: on_end())
        self._sound.play()

    def stop(self) -> None:
        """Be silent."""
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.stop()
            sound.unload()
