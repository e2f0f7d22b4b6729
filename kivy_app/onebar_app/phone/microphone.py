"""The microphone of a phone: Android records Opus in Ogg itself, which the SDK sends as it is."""

import math
from pathlib import Path
from typing import Any, Final

from onebar_app.phone.android import java
from onebar_app.phone.permissions import MICROPHONE, ask, sdk

RECORDS_SINCE: Final = 29
"""From this API on, Android 10, `MediaRecorder` writes Opus in Ogg."""

BITS_PER_S: Final = 16_000
"""As the SDK makes voice notes."""

RATE_HZ: Final = 16_000
"""Wideband speech."""

_MICROPHONE, _OGG, _OPUS = 1, 11, 7  # MediaRecorder.AudioSource.MIC, OutputFormat.OGG, AudioEncoder.OPUS
_FULL: Final = 32_767
_FLOOR_DB: Final = -50.0  # quieter is a quiet room


class PhoneMicrophone:
    """`view_models.recording.Microphone` by Android's `MediaRecorder`."""

    suffix = ".ogg"

    def __init__(self) -> None:
        self._recorder: Any = None

    def start(self, path: Path) -> None:
        """Begin.

        Raises:
            PermissionError: The user is being asked.
            OSError: Android is older than 10, or another app has the microphone.
        """
        if not ask(MICROPHONE):
            raise PermissionError("the microphone is not allowed yet")
        if sdk() < RECORDS_SINCE:
            raise OSError(f"voice notes need Android's API {RECORDS_SINCE}, Android 10; this is {sdk()}")
        recorder = java("android.media.MediaRecorder")()
        recorder.setAudioSource(_MICROPHONE)
        recorder.setOutputFormat(_OGG)
        recorder.setAudioEncoder(_OPUS)
        recorder.setAudioChannels(1)
        recorder.setAudioSamplingRate(RATE_HZ)
        recorder.setAudioEncodingBitRate(BITS_PER_S)
        recorder.setOutputFile(str(path))
        try:
            recorder.prepare()
            recorder.start()
        except Exception as refused:  # whatever Java throws: pyjnius has one class for all of it
            recorder.release()
            raise OSError("the microphone is not free") from refused
        self._recorder = recorder

    def level(self) -> float:
        """Return how loud it was since the last time; on a scale of decibels, as ears have it."""
        peak = self._recorder.getMaxAmplitude() if self._recorder is not None else 0
        return max(0.0, 1 - 20 * math.log10(peak / _FULL) / _FLOOR_DB) if peak else 0.0

    def stop(self) -> None:
        """End.

        Raises:
            OSError: Nothing was recorded.
        """
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        try:
            recorder.stop()
        except Exception as nothing:  # Android throws if no sound came between start and stop
            raise OSError("nothing was recorded") from nothing
        finally:
            recorder.release()
