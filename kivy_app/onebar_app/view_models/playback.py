"""A video that is being watched: playing, paused, somewhere in it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from onebar import Message, OnebarError
from onebar_app.view_models.film import Film, FilmError, Frame
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session

SIDE_PX_MAX: Final = 1280
"""Longest side of a frame: as long as those of the videos that the SDK makes small."""

FIRST_PIECE_S: Final = 4.0
"""Sound begins with a short piece, which is ready in 20 ms."""

PIECE_S: Final = 30.0
"""Then it is made ready in pieces of this length, 2.9 MB, so that a long film takes no more than a short one."""

AHEAD_S: Final = 3.0
"""The next piece is made ready so long before the one that plays ends."""

LATE_S: Final = 0.15
"""A piece that is later is left out: voices that are no longer with their lips are worse than a gap."""

SOUND_WAIT_S: Final = 0.5
"""The picture waits so long for the first piece of sound: on a busy phone it is better to begin without."""


class Speaker(Protocol):
    """Plays sound files, one at a time."""

    def play(self, path: Path) -> None:
        """Play a WAV file in place of what is playing; it has read the file when this returns.

        Raises:
            OnebarError: This device cannot.
        """

    def stop(self) -> None:
        """Be silent."""


class _Piece:
    """Some of the sound, in plain on its way to the speaker. Whoever drops it while it is written leaves no file."""

    def __init__(self, at_s: float, path: Path) -> None:
        self.at_s, self.path = at_s, path
        self._dropped = False

    def write(self, film: Film, length_s: float) -> bool:
        """Return whether there is sound; blocking.

        Raises:
            FilmError: It is damaged.
            OSError: It could not be written.
        """
        content = film.sound(self.at_s, length_s)
        if content and not self._dropped:
            try:
                self.path.write_bytes(content)
            finally:
                if self._dropped:  # meanwhile: a thread that writes cannot be cancelled
                    self.path.unlink(missing_ok=True)
        return bool(content)

    def drop(self) -> None:
        self._dropped = True
        self.path.unlink(missing_ok=True)


class Playback(Observable):
    """`loading`, `playing`, `paused`, or `failed`. The screen calls `tick` for each frame that it draws."""

    def __init__(self, session: Session, message: Message, speaker: Speaker) -> None:
        super().__init__()
        self._session, self._message, self._speaker = session, message, speaker
        self.state = "loading"
        self.position_s = 0.0
        self.duration_s = 0.0
        self.failure = ""
        """Why it cannot be played, in the user's language."""
        self._film: Film | None = None
        self._path: Path | None = None
        self._begun_s: float | None = None  # when, by the screen's clock, the film's begin was; None: it stands still
        self._wants_frame = False
        self._begins_by_s: float | None = None  # by the same clock: until then the picture waits for its sound
        self._sound_to_s: float | None = None  # up to where sound was made ready; None: there is no more
        self._preparing: asyncio.Task[None] | None = None
        self._piece: _Piece | None = None  # ready
        self._closed = False

    async def open(self) -> None:
        """Open the file and play it."""
        path = self._path = self._session.scratch.path(".video")
        try:
            await self._session.client.file(self._message).save(path)
            self._film = await asyncio.to_thread(Film, path, SIDE_PX_MAX)
        except (OnebarError, OSError, FilmError):
            self.failure = self._session.words("video_damaged")
            self._show("failed")
        if self._closed:
            await self.close()
        if self._film is None:
            return
        self.duration_s = self._film.duration_s
        self._film.play_from(0.0)
        self._play()

    async def close(self) -> None:
        """Stop, and remove the plain file."""
        self._closed = True
        self._hush()
        film, self._film = self._film, None
        if film is not None:
            await asyncio.to_thread(film.close)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def toggle(self) -> None:
        """Pause, go on, or begin again after the end."""
        if self.state == "playing":
            self.pause()
        elif self.state == "paused" and self._film is not None:
            if self._film.ended:
                self.position_s = 0.0
                self._film.play_from(0.0)
            self._play()

    def pause(self) -> None:
        """Stand still."""
        if self.state == "playing":
            self._hush()
            self._show("paused")

    def seek(self, part: float) -> None:
        """Go to a part of the film, 0 to 1; it plays on if it did."""
        if self._film is None:
            return
        self.position_s = min(max(0.0, part), 1.0) * self.duration_s
        self._film.play_from(self.position_s)
        self._wants_frame = True
        if self.state == "playing":
            self._hush()
            self._play()
        else:
            self.changed()

    def tick(self, now_s: float) -> Frame | None:
        """Return a frame that is to be shown from now on, if there is one.

        Args:
            now_s: The time of a clock that never goes back, in seconds.
        """
        film = self._film
        if film is None:
            return None
        if self._begun_s is None:
            return self._tick_still(film, now_s)
        self.position_s = now_s - self._begun_s
        self._sound(film)
        frame = film.frame(self.position_s)
        if film.ended and frame is None:
            self.position_s = self.duration_s
            self.pause()
        return frame

    def _tick_still(self, film: Film, now_s: float) -> Frame | None:
        """Show where it stands; begin once picture and sound are there."""
        frame = film.first() if self._wants_frame else None
        if frame is not None or film.ended:
            self._wants_frame = False
        sound_is_coming = self._preparing is not None and not self._preparing.done()
        if self.state == "playing" and not self._wants_frame:
            self._begins_by_s = self._begins_by_s or now_s + SOUND_WAIT_S
            if not sound_is_coming or now_s >= self._begins_by_s:
                self._begun_s = now_s - self.position_s
                self._sound(film)
        return frame

    def _play(self) -> None:
        assert self._film is not None
        self._wants_frame, self._begins_by_s = True, None
        if self._film.has_sound:
            self._preparing = self._session.run(self._prepare(self._film, self.position_s, FIRST_PIECE_S))
        self._show("playing")

    def _sound(self, film: Film) -> None:
        """Let the piece sound that is due, and have the next one made ready."""
        piece = self._piece
        if piece is not None and self.position_s >= piece.at_s:
            self._piece = None
            if self.position_s - piece.at_s < LATE_S:
                with suppress(OnebarError):  # a device without sound shows the picture
                    self._speaker.play(piece.path)
            piece.drop()
        idle = self._preparing is not None and self._preparing.done() and self._piece is None
        if idle and self._sound_to_s is not None and self.position_s > self._sound_to_s - AHEAD_S:
            at_s = max(self._sound_to_s, self.position_s)
            self._preparing = self._session.run(self._prepare(film, at_s, PIECE_S))

    async def _prepare(self, film: Film, at_s: float, length_s: float) -> None:
        self._sound_to_s = None
        piece = _Piece(at_s, self._session.scratch.path(".wav"))
        try:
            if await asyncio.to_thread(piece.write, film, length_s):
                self._piece, self._sound_to_s = piece, at_s + length_s
        except FilmError:
            pass  # the picture goes on
        finally:
            if self._piece is not piece:
                piece.drop()

    def _hush(self) -> None:
        self._begun_s = None
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None
        if self._piece is not None:
            self._piece.drop()
            self._piece = None
        self._speaker.stop()

    def _show(self, state: str) -> None:
        self.state = state
        self.changed()
