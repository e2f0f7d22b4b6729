"""The microphone of a desktop, through SDL 2, which Kivy brings along and which knows every system's sound."""

import ctypes
import ctypes.util
import math
import sys
import threading
import wave
from array import array
from pathlib import Path
from typing import Any, Final

import kivy

RATE_HZ: Final = 16_000
"""Wideband speech, as the SDK's voice notes have it."""

_READ_S: Final = 0.05
_AUDIO: Final = 0x10  # SDL_INIT_AUDIO
_SIGNED_16: Final = 0x8010 if sys.byteorder == "little" else 0x9010  # AUDIO_S16SYS
_BUFFER_SAMPLES: Final = 1024
_FULL: Final = 32_768
_FLOOR_DB: Final = -50.0  # quieter is a quiet room


class _Spec(ctypes.Structure):
    """SDL_AudioSpec."""

    _fields_ = (
        ("freq", ctypes.c_int),
        ("format", ctypes.c_uint16),
        ("channels", ctypes.c_uint8),
        ("silence", ctypes.c_uint8),
        ("samples", ctypes.c_uint16),
        ("padding", ctypes.c_uint16),
        ("size", ctypes.c_uint32),
        ("callback", ctypes.c_void_p),
        ("userdata", ctypes.c_void_p),
    )


def library() -> Any:
    """Return SDL, the one that Kivy's own parts use.

    Raises:
        OSError: There is none.
    """
    site = Path(kivy.__file__).parent
    bundled = [*site.parent.glob("Kivy.libs/libSDL2-2*"), *site.glob(".dylibs/SDL2"), *site.glob(".dylibs/libSDL2-2*")]
    name = str(bundled[0]) if bundled else ctypes.util.find_library("SDL2") or "SDL2"
    sdl = ctypes.CDLL(name)
    sdl.SDL_GetError.restype = ctypes.c_char_p
    sdl.SDL_DequeueAudio.restype = ctypes.c_uint32
    sdl.SDL_OpenAudioDevice.restype = ctypes.c_uint32
    return sdl


class DesktopMicrophone:
    """Records the system's default microphone as WAV, one channel of 16 bits."""

    suffix = ".wav"

    def __init__(self) -> None:
        self._sdl: Any = None
        self._device = 0
        self._file: Any = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._peak = 0
        self._failure: OSError | None = None

    def start(self, path: Path) -> None:
        """Begin; see `Microphone.start`."""
        self._sdl = library()
        if self._sdl.SDL_InitSubSystem(_AUDIO):
            raise OSError(f"there is no sound here: {self._why()}")
        wanted = _Spec(RATE_HZ, _SIGNED_16, 1, 0, _BUFFER_SAMPLES, 0, 0, None, None)
        given = _Spec()
        self._device = self._sdl.SDL_OpenAudioDevice(None, 1, ctypes.byref(wanted), ctypes.byref(given), 0)
        if not self._device:
            why = self._why()
            self._sdl.SDL_QuitSubSystem(_AUDIO)
            raise OSError(f"there is no microphone: {why}")
        try:
            self._file = wave.open(str(path), "wb")  # noqa: SIM115 - it is closed by `stop`
        except OSError:
            self._close()
            raise
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE_HZ)
        self._over.clear()
        self._peak, self._failure = 0, None
        self._sdl.SDL_PauseAudioDevice(self._device, 0)
        self._thread = threading.Thread(target=self._read, name="onebar-microphone", daemon=True)
        self._thread.start()

    def level(self) -> float:
        """Return how loud it was since the last time; on a scale of decibels, as ears have it."""
        peak, self._peak = self._peak, 0
        return max(0.0, 1 - 20 * math.log10(peak / _FULL) / _FLOOR_DB) if peak else 0.0

    def stop(self) -> None:
        """End; see `Microphone.stop`."""
        if self._thread is None:
            return
        self._over.set()
        self._thread.join()
        self._thread = None
        self._close()
        try:
            self._file.close()
        finally:
            self._file = None
        if self._failure is not None:
            raise self._failure

    def _read(self) -> None:
        buffer = ctypes.create_string_buffer(2 * RATE_HZ)
        while True:
            last = self._over.wait(_READ_S)
            try:
                while nbytes := self._sdl.SDL_DequeueAudio(self._device, buffer, len(buffer)):
                    samples = array("h", buffer.raw[:nbytes])
                    self._peak = max(self._peak, max(samples), -min(samples))
                    self._file.writeframes(buffer.raw[:nbytes])
            except OSError as error:
                self._failure = error
                return
            if last:
                return

    def _close(self) -> None:
        self._sdl.SDL_CloseAudioDevice(self._device)
        self._sdl.SDL_QuitSubSystem(_AUDIO)

    def _why(self) -> str:
        return str(self._sdl.SDL_GetError().decode("utf-8", "replace"))
