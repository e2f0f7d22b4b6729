"""Sounds and videos made on the spot, as a phone would record them."""

import io
import math
import wave
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.sdk.media.made import scene

PLACE = "+52.5200+013.4050/"


def tone(path: Path, seconds: float, hz: float = 440.0, rate: int = 16_000, silence_s: float = 0.0) -> Path:
    """A sine, with silence behind it, as a WAV file."""
    samples = [round(20_000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(round(seconds * rate))]
    samples += [0] * round(silence_s * rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", samples).tobytes())
    return path


def clip(path: Path, size: tuple[int, int] = (320, 240), frames: int = 12, sound: bool = True, **options: Any) -> Path:
    """A scene that slides, with a place and a time in its tags; `options` are the encoder's."""
    rate = int(options.pop("rate", 24))
    codec = options.pop("codec", "libx264")
    rotation = options.pop("rotation", 0)
    with av.open(str(path), "w", format=options.pop("format", None)) as made:
        made.metadata["location"] = PLACE
        made.metadata["creation_time"] = "2026-11-24T12:00:00Z"
        stream = made.add_stream(codec, rate=rate, options={"crf": "10", "preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if sound:
            voice = made.add_stream("aac", rate=48_000, layout="stereo")
        for number in range(frames):
            picture = scene(*size).rotate(0, translate=(number * 3, 0)).rotate(rotation)
            made.mux(stream.encode(av.VideoFrame.from_image(picture)))  # type: ignore[no-untyped-call]
        made.mux(stream.encode(None))
        if sound:
            for number in range(frames * 2):
                frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
                for plane in frame.planes:
                    plane.update(array("f", [math.sin(n * 0.05) / 2 for n in range(1024)]).tobytes())
                frame.rate, frame.pts, frame.time_base = 48_000, 1024 * number, Fraction(1, 48_000)
                made.mux(voice.encode(frame))
            made.mux(voice.encode(None))
    return path


def phone_note(path: Path, seconds: float = 1.0, layout: str = "mono", codec: str = "libopus", **tags: str) -> bytes:
    """What a phone records: Opus with tags."""
    out = io.BytesIO()
    tone(path, seconds)
    with av.open(str(path), "r") as heard, av.open(out, "w", format="ogg") as made:
        made.metadata.update(tags)
        stream: Any = made.add_stream(codec, rate=48_000, layout=layout)
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=48_000, frame_size=960)
        for frame in heard.decode(audio=0):
            for part in resampler.resample(frame):
                made.mux(stream.encode(part))
        made.mux(stream.encode(None))
    return out.getvalue()


def boxes(data: bytes) -> list[bytes]:
    """The names of the boxes at the top of an MP4 file (ISO/IEC 14496-12)."""
    found, at = [], 0
    while at + 8 <= len(data):
        found.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return found
