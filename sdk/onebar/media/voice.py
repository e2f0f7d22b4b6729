"""Voice notes: any sound becomes Opus in Ogg at 16 kbit/s, 120 kB a minute, with a waveform to show."""

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from onebar.media.containers import load_pyav, opened_container
from onebar.media.errors import MediaTooLargeError, UnsupportedMediaError
from onebar.media.offload import Stop

RATE_HZ: Final = 48_000
"""Opus's own sampling rate (RFC 6716 §2)."""

FRAME_SAMPLES: Final = 2_880
"""60 ms, Opus's longest frame: at 16 kbit/s, frames of 20 ms would spend a sixth of the bytes on headers."""

BITS_PER_S: Final = 16_000
"""Wideband speech that is easily understood."""

SAVER_BITS_PER_S: Final = 12_000
"""In data-saver mode: 92 kB a minute."""

VOICE_S_MAX: Final = 3_600
"""Longest voice note: an hour has 7 MB."""

WAVEFORM_BARS: Final = 64
"""Levels in the waveform, one byte each: what fits side by side into a chat bubble."""

_LOUDEST: Final = 32_768  # of 16 bits


@dataclass(frozen=True, slots=True)
class VoiceNote:
    """A voice note ready to be sealed and sent."""

    data: bytes
    """Ogg with one mono Opus stream, and no tags."""
    duration_ms: int
    """How long it plays."""
    waveform: bytes
    """64 levels from 0 to 255; the loudest part is 255, silence 0."""

    def __repr__(self) -> str:
        """Show sizes, and nothing of what is said."""
        return f"VoiceNote({self.duration_ms} ms, {len(self.data)} bytes)"


def prepare_voice_note(stop: Stop, source: Path, bits_per_s: int = BITS_PER_S) -> VoiceNote:
    """Make a voice note of any recording; blocking, for `Offload.run`.

    Args:
        stop: Ends it early; looked at every 60 ms of sound.
        source: The recording's path.
        bits_per_s: `BITS_PER_S` or `SAVER_BITS_PER_S`.

    Raises:
        MediaExtraMissingError: PyAV is not installed.
        UnsupportedMediaError: There is no sound in it, or its kind is not taken.
        MediaTooLargeError: It is longer than `VOICE_S_MAX`.
        DamagedMediaError: It is malformed.
        MediaCancelledError: It was stopped.
    """
    av = load_pyav()
    with opened_container(source) as recording:
        if not recording.streams.audio:
            raise UnsupportedMediaError("there is no sound in this file")
        file, peaks, samples = io.BytesIO(), array("H"), 0
        with av.open(file, "w", format="ogg", options={"fflags": "+bitexact"}) as note:
            options = {"application": "voip", "frame_duration": "60"}
            stream = note.add_stream("libopus", rate=RATE_HZ, layout="mono", options=options)
            stream.bit_rate = bits_per_s
            for frame in _mono_frames(av, recording):
                stop.check()
                samples += frame.samples
                if samples > VOICE_S_MAX * RATE_HZ:
                    raise MediaTooLargeError(f"the voice note is longer than VOICE_S_MAX = {VOICE_S_MAX} seconds")
                peaks.append(_peak(frame))
                note.mux(stream.encode(frame))
            note.mux(stream.encode(None))
        return VoiceNote(file.getvalue(), samples * 1000 // RATE_HZ, waveform(peaks))


def waveform(peaks: "array[int]") -> bytes:
    """Return 64 levels of a series of peaks; of an empty one, silence."""
    bars = [
        max(peaks[at * len(peaks) // WAVEFORM_BARS : -(-(at + 1) * len(peaks) // WAVEFORM_BARS)], default=0)
        for at in range(WAVEFORM_BARS)
    ]
    loudest = max(bars) or 1
    return bytes(255 * bar // loudest for bar in bars)


def _mono_frames(av: Any, recording: Any) -> Iterator[Any]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ, frame_size=FRAME_SAMPLES)
    for frame in recording.decode(audio=0):
        frame.pts = None  # recordings with gaps and jumps play as they were heard
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _peak(frame: Any) -> int:
    samples = array("h", bytes(frame.planes[0])[: 2 * frame.samples])
    return min(_LOUDEST, max(max(samples), -min(samples))) if samples else 0
