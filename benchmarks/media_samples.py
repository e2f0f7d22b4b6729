"""Real photographs, clips and speech, from Debian packages that may be installed; what is missing is named."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(os.environ.get("MEDIA") or "/usr/share")
"""Where the packages put their files; `MEDIA=folder` for an unpacked copy."""

_CAMERA: Final = "forensics-samples/original-files"
_WALLPAPERS: Final = "wallpapers/{}/contents/images/2560x1600.jpg"


@dataclass(frozen=True, slots=True)
class Samples:
    """Files of one kind from one package."""

    package: str
    """The Debian package."""
    names: tuple[str, ...]
    """Paths below `ROOT`."""

    def found(self) -> list[Path]:
        """Return those that are there."""
        return [path for name in self.names if (path := ROOT / name).is_file()]

    def missing(self) -> str:
        """Say how to get them, or nothing if they are there."""
        return "" if self.found() else f"not found in {ROOT}: apt-get install {self.package}"


CAMERA: Final = Samples(
    "forensics-samples-files",
    (
        f"{_CAMERA}/pic1/IMG_20200827_231612.jpg",
        f"{_CAMERA}/pic2/IMG_20191224_234846.jpg",
        f"{_CAMERA}/pic2/IMG_20200124_231153.jpg",
        f"{_CAMERA}/pic2/IMG_20200608_111614.jpg",
        f"{_CAMERA}/pic1/IMG_1054.JPG",
    ),
)
"""A phone's photos of 12 megapixels, and an old camera's."""

WALLPAPERS: Final = Samples(
    "plasma-workspace-wallpapers",
    tuple(_WALLPAPERS.format(name) for name in ("FallenLeaf", "Path", "DarkestHour")),
)
"""Photographs of 4 megapixels."""

CLIPS: Final = Samples(
    "forensics-samples-files", (f"{_CAMERA}/movie1/VID_20191220_170832.mp4", f"{_CAMERA}/movie2/movie-hello.mp4")
)
"""A phone's clip in 1080p with a place in it, and one of somebody talking in 720p."""

SPEECH: Final = Samples(
    "pocketsphinx-testdata",
    tuple(
        f"pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-{number}.wav"
        for number in ("0870", "0880", "0890", "0920", "0930")
    ),
)
"""A book read aloud."""
