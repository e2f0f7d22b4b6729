"""Recording a voice note: from the microphone into a file of the app's own, and from there into the chat."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from onebar import OnebarError
from onebar_app.view_models.chat import Chat
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session

TICK_S: Final = 0.08
"""How often the loudness is looked at: bars that come twelve times a second look alive."""

WAVEFORM_BARS: Final = 64
"""Levels of a voice note's waveform, as the SDK takes it."""

RECORDING_S_MAX: Final = 900.0
"""Longest recording: a quarter of an hour is 29 MB until it is sent, and a pocket records no whole night."""

RECORDING_S_MIN: Final = 0.6
"""Shorter ones were taps by mistake."""


class Microphone(Protocol):
    """Records sound into a file. All of it may block; `level` is called on the UI's thread, and must not for long."""

    suffix: str
    """Of the files that it writes, such as `.wav`."""

    def start(self, path: Path) -> None:
        """Begin.

        Raises:
            OSError: There is no microphone, or it may not be used.
        """

    def level(self) -> float:
        """Return how loud it was since this was asked last, 0 to 1."""

    def stop(self) -> None:
        """End; the file is whole then.

        Raises:
            OSError: It could not be written.
        """


class Recording(Observable):
    """A voice note that is being recorded: `idle`, `starting`, `recording`, or `held`: over, and not sent yet."""

    def __init__(self, session: Session, microphone: Microphone | None) -> None:
        super().__init__()
        self._session, self._microphone = session, microphone
        self.state = "idle"
        self.levels: list[float] = []
        """How loud it was, 0 to 1, the newest last."""
        self.duration_s = 0.0
        self._path: Path | None = None
        self._ticking: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        """Show how far it is."""
        return f"<Recording {self.state}>"

    async def start(self) -> None:
        """Begin to record; does nothing while one is being recorded.

        Raises:
            OnebarError: There is no microphone, or it may not be used; in the user's language.
        """
        if self.state != "idle":
            return
        words, microphone = self._session.words, self._microphone
        if microphone is None:
            raise OnebarError(words("mic_none"))
        self.state, self.duration_s = "starting", 0.0
        self.levels.clear()
        try:
            self._path = self._session.scratch.path(microphone.suffix)
            await asyncio.to_thread(microphone.start, self._path)
        except PermissionError as error:
            self._forget()
            raise OnebarError(words("mic_denied")) from error
        except OSError as error:
            self._forget()
            raise OnebarError(words("mic_none")) from error
        if self.state != "starting":  # it was given up meanwhile
            await asyncio.to_thread(microphone.stop)
            self._forget()
            return
        self.state = "recording"
        self._ticking = self._session.run(self._tick(microphone))
        self.changed()

    async def hold(self) -> None:
        """End the recording and keep it until it is sent or given up: another app came to the front."""
        if self.state == "recording" and self._microphone is not None:
            self.state = "held"
            await asyncio.to_thread(self._microphone.stop)
            self.changed()

    async def cancel(self) -> None:
        """Give it up."""
        if self.state == "starting":
            self.state = "idle"  # `start` sees it
            return
        try:
            await self.hold()
        finally:
            self._forget()

    async def send(self, chat: Chat) -> None:
        """End the recording and send it.

        Raises:
            OnebarError: It was too short, or cannot be sent; it is gone then.
            OSError: It could not be written, or there is no room.
        """
        if self.state not in {"recording", "held"}:
            return
        try:
            await self.hold()
        except OSError:
            self._forget()
            raise
        path, self._path, enough = self._path, None, self.duration_s >= RECORDING_S_MIN
        levels = waveform(self.levels)
        self._forget()
        assert path is not None
        try:
            if not enough:
                raise OnebarError(self._session.words("mic_short"))
            await chat.send_recording(path, levels)
        finally:
            path.unlink(missing_ok=True)

    async def _tick(self, microphone: Microphone) -> None:
        begun = time.monotonic()
        while self.state == "recording":
            await asyncio.sleep(TICK_S)
            if self.state != "recording":
                return
            self.duration_s = time.monotonic() - begun
            self.levels.append(min(1.0, max(0.0, microphone.level())))
            if self.duration_s >= RECORDING_S_MAX:
                await self.hold()
            self.changed()

    def _forget(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._path, self.state = None, "idle"
        self.changed()


def waveform(levels: Sequence[float]) -> bytes:
    """Return 64 levels from 0 to 255 for any number of them; of none, silence."""
    count = len(levels)
    bars = [
        max(levels[at * count // WAVEFORM_BARS : -(-(at + 1) * count // WAVEFORM_BARS)], default=0.0)
        for at in range(WAVEFORM_BARS)
    ]
    loudest = max(bars) or 1.0
    return bytes(round(255 * bar / loudest) for bar in bars)
