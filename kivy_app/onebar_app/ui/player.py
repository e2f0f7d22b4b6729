"""Plays voice notes, one at a time."""

import asyncio
import io
import wave
from collections.abc import Callable
from typing import Final

from onebar import Message, OnebarError
from onebar_app.ui.speaker import Speaker
from onebar_app.view_models.session import Session

RATE_HZ: Final = 48_000
"""What Opus decodes to."""


class Player:
    """Plays one message's sound."""

    def __init__(self, session: Session, on_change: Callable[[], None]) -> None:
        self._session, self._on_change = session, on_change
        self._speaker = Speaker()
        self.message_no = 0
        """Which message is played; 0: none."""

    async def toggle(self, message: Message) -> None:
        """Play a voice note, or stop if it is the one.

        Raises:
            OnebarError: It is not here, or this device cannot play it.
        """
        same = self.message_no == message.message_no
        self.stop()
        if same:
            return
        content = await self._session.client.file(message).read()
        sound = await asyncio.to_thread(_decode, content)
        path = self._session.scratch.path(".wav" if sound else ".ogg")  # phones play Opus themselves
        try:
            path.write_bytes(sound or content)
            self._speaker.play(path, self.stop)
        finally:
            path.unlink(missing_ok=True)
        self.message_no = message.message_no
        self._on_change()

    def stop(self) -> None:
        """Be silent."""
        if self.message_no:
            self.message_no = 0
            self._speaker.stop()
            self._on_change()


def _decode(content: bytes) -> bytes:
    """Return a sound as a WAV file; nothing where there is no PyAV, as on phones.

    Raises:
        OnebarError: It is no sound.
    """
    try:
        import av
    except ImportError:
        return b""
    out = io.BytesIO()
    try:
        with av.open(io.BytesIO(content), "r") as container, wave.open(out, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE_HZ)
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    sound.writeframes(bytes(part.planes[0])[: part.samples * 2])
    except av.error.FFmpegError as damaged:
        raise OnebarError("the voice note is damaged") from damaged
    return out.getvalue()
