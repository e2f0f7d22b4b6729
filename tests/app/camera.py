"""A camera that is none, for machines that have none."""

import io
from collections.abc import Callable
from typing import Any

import segno
from PIL import Image


def held_up(content: bytes | str) -> Image.Image:
    """Return what a camera sees of a phone that shows a code."""
    out = io.BytesIO()
    segno.make_qr(content, error="l", mode="byte").save(out, kind="png", scale=6)
    picture = Image.new("RGB", (1280, 960), "#3a4a44")
    picture.paste(Image.open(out).convert("RGB"), (490, 345))
    return picture.rotate(4, fillcolor="#3a4a44")


class Lens:
    """Stands for Kivy's camera."""

    def __init__(self, **options: object) -> None:
        self.texture: Any = None
        self.running = False
        self._told: Callable[[object], None] = lambda _: None

    def bind(self, on_texture: Callable[[object], None]) -> None:
        self._told = on_texture

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def see(self, picture: Image.Image) -> None:
        from onebar_app.ui.textures import upload

        self.texture = upload(picture)
        self._told(self)
